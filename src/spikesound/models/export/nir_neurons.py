"""Neurons as nodes of a NIR graph; the module docstring of ``export.nir`` has the equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.export.exported import library
from spikesound.models.networks.causal import Integrator
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.lif import LIF

DT_S = 1e-4
"""The step that time constants are written for."""

Array = npt.NDArray[np.float64]
Shape = tuple[int, ...]


def neuron_nodes(neuron: nn.Module | None, name: str, shape: Shape) -> dict[str, Any]:
    """Return the nodes of a neuron, one behind the other; the last one spikes.

    Parameters
    ----------
    name : of its layer, for messages
    shape : of its output

    Raises
    ------
    SpikesoundError
        If NIR has no such neuron.
    """
    nir = library("nir")

    def full(value: float) -> Array:
        return np.full(shape, value)

    if isinstance(neuron, IF) and neuron.initial == 0:
        beta, threshold, reset = 1.0, neuron.threshold, "subtract"
    elif type(neuron) is LIF and neuron.rule.refractory == 0:
        beta, threshold = (each.item() for each in neuron.constants())
        reset = neuron.rule.reset
    else:
        raise SpikesoundError(
            f"layer {name!r}: neuron {type(neuron).__name__} cannot be expressed in NIR with its "
            "parameters; it must be one of LIF without a refractory period, IF from zero"
        )
    gain = full(1 / DT_S if beta == 1 else 1 / (1 - beta))  # tau / dt, tau being dt / (1 - beta)
    leak = () if beta == 1 else (full(DT_S / (1 - beta)),)
    rest = () if beta == 1 else (full(0.0),)
    if reset == "none":
        membrane = (nir.LI if leak else nir.I)(*leak, gain, *rest)
        return {"membrane": membrane, "neuron": nir.Threshold(full(threshold))}
    kind = nir.LIF if leak else nir.IF
    metadata = {"reset": reset}
    return {"neuron": kind(*leak, gain, *rest, full(threshold), full(0.0), metadata=metadata)}


def integrator_node(integrator: Integrator, name: str, shape: Shape) -> Any:
    """Return the node of a membrane that does not spike.

    Raises
    ------
    SpikesoundError
        If its decay is 1, by which it integrates nothing.
    """
    beta = float(integrator.beta.clamp(0, 1))
    if beta == 1:
        raise SpikesoundError(f"layer {name!r}: the decay of its membranes must be below 1, got 1")
    tau = np.full(shape, DT_S / (1 - beta))
    return library("nir").LI(tau, np.ones(shape), np.zeros(shape))
