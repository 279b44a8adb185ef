"""Device and precision of a training; clipping by which an exploded gradient moves nothing."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric

from spikesound.params import DeviceParams


class TrainingFabric(Fabric):
    """Fabric on one device, whose clipping sets gradients without a finite norm to zero.

    Backpropagation through the time steps of a recurrent spiking network multiplies by its
    recurrent weights at each step, so that the norm of a batch's gradient may overflow now and
    then. That batch then moves the weights by the optimiser's momentum alone.

    Attributes
    ----------
    left_out : number of such batches

    References
    ----------
    Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks".
    """

    def __init__(self, device: DeviceParams) -> None:
        super().__init__(
            accelerator=device.accelerator,
            devices=1,
            precision=device.precision,  # type: ignore[arg-type]
        )
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
