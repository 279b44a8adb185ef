"""Devices and precision of a training; clipping by which an exploded gradient moves nothing."""

from __future__ import annotations

import logging
import os
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from spikesound.core.errors import SpikesoundError
from spikesound.core.ranks import Ranks, ranks
from spikesound.params import DeviceParams


class TrainingFabric(Fabric):
    """Fabric on this process's device, whose clipping sets gradients without a finite norm to zero.

    A process that ``torchrun`` or ``fabric run`` has started is one of several devices: their
    number is the launcher's. An option of ``fabric run`` stands in place of its parameter.

    Backpropagation through the time steps of a recurrent spiking network multiplies by its
    recurrent weights at each step, so that the norm of a batch's gradient may overflow now and
    then. That batch then moves the weights by the optimiser's momentum alone.

    Attributes
    ----------
    left_out : number of such batches

    Raises
    ------
    SpikesoundError
        If several devices are to work by another strategy than distributed data parallel.

    References
    ----------
    Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks".
    """

    def __init__(self, device: DeviceParams) -> None:
        place = ranks()
        if place.count > 1:  # each rank would tell of itself
            logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        super().__init__(**_arguments(device, place))
        if place.count > 1:
            if not isinstance(self.strategy, DDPStrategy):
                raise SpikesoundError(
                    "strategy: must be one of auto, ddp; got the class "
                    f"{type(self.strategy).__name__}"
                )
            if not self._launched:  # `fabric run` has it launched
                self.launch()
        self.left_out = 0

    def clip_gradients(self, module: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Clip gradients as :meth:`lightning_fabric.Fabric.clip_gradients` does."""
        norm = super().clip_gradients(
            module, optimizer, *args, **kwargs | {"error_if_nonfinite": False}
        )
        if norm is not None and not torch.isfinite(norm):
            self.left_out += 1
            for parameter in module.parameters():
                if parameter.grad is not None:
                    parameter.grad.zero_()
        return norm


def agreed(name: str, fabric: Fabric) -> str:
    """Return the name of a training, which must be the same on all ranks.

    Raises
    ------
    SpikesoundError
        If it is another than the first rank's.
    """
    first: str = fabric.broadcast(name)
    if name != first:
        raise SpikesoundError(
            f"rank {fabric.global_rank}: its data, parameters, code or torch are not those of rank "
            f"0: expected training {first[:12]}, got {name[:12]}"
        )
    return first


def _arguments(device: DeviceParams, place: Ranks) -> dict[str, Any]:
    """Return the arguments of Fabric, but for those that `fabric run` gives by the environment."""
    values = {
        "accelerator": device.accelerator,
        "devices": place.devices,
        "num_nodes": place.machines,
        "strategy": device.strategy if place.count > 1 else "auto",
        "precision": device.precision,
    }
    return {name: each for name, each in values.items() if f"LT_{name.upper()}" not in os.environ}
