"""Neurons as nodes of a NIR graph; the module docstring of ``export.nir`` has the equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.export.exported import library
from spikesound.models.networks.causal import Integrator
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.multi_spike_lif import MultiSpikeLIF

DT_S = 1e-4
"""The step that time constants are written for."""

LEAST_LEAK = 2.0**-40
"""Of a neuron without a leak, by step: NIR's that have none are set to zero by a spike."""

Array = npt.NDArray[np.float64]
Shape = tuple[int, ...]


def neuron_node(neuron: nn.Module | None, name: str, shape: Shape) -> Any:
    """Return the node of a neuron that spikes.

    Parameters
    ----------
    name : of its layer, for messages
    shape : of its output

    Raises
    ------
    SpikesoundError
        If NIR has no such neuron.
    """
    leak, threshold, reset = _constants(neuron, name)
    if reset == "zero":
        tau, one, zero = (np.full(shape, value) for value in (DT_S / leak, 1.0, 0.0))
        return library("nir").LIF(tau, one, zero, np.full(shape, threshold), zero)
    return _kept(leak, threshold, shape)


def level_nodes(neuron: MultiSpikeLIF, name: str, shape: Shape) -> dict[str, Any]:
    """Return the nodes of a neuron of up to D spikes a frame: D neurons, a spike each.

    They have its potential, and the thresholds 1/2, 3/2, ...: so many of them spike as it has
    spikes, but where the potential is 3/2, 7/2, ... to the last bit, which it rounds up.

    Raises
    ------
    SpikesoundError
        If its potential is reset.
    """
    if neuron.reset != "none":
        raise SpikesoundError(
            f"layer {name!r}: neuron MultiSpikeLIF with reset {neuron.reset!r} cannot be expressed "
            "in NIR; the reset must be 'none'"
        )
    leak = max(1 - unit(neuron.beta).item(), LEAST_LEAK)
    return {f"neuron_{n}": _kept(leak, n - 0.5, shape) for n in range(1, neuron.levels + 1)}


def _kept(leak: float, threshold: float, shape: Shape) -> Any:
    """Return a neuron whose membrane is NIR's synapse, which no reset touches.

    Behind it v takes its value at once.
    """

    def full(value: float) -> Array:
        return np.full(shape, value)

    tau = DT_S / leak
    return library("nir").CubaLIF(
        tau_syn=full(tau),
        tau_mem=full(DT_S),
        r=full(1.0),
        v_leak=full(0.0),
        v_reset=full(0.0),
        v_threshold=full(threshold),
        w_in=full(tau / DT_S),
    )


def reset_nodes(neuron: nn.Module | None, name: str, shape: Shape) -> dict[str, Any]:
    """Return the nodes by which a spike takes the threshold off the next step's current, or none.

    They are read by the neuron and read the neuron: a cycle, which lasts a step.
    """
    nir = library("nir")
    _, threshold, reset = _constants(neuron, name)
    if reset != "subtract":
        return {}
    channels, *places = shape
    taken = -threshold * np.eye(channels)
    if len(places) == 2:
        ones = (1, 1)
        maps = taken[:, :, None, None]
        none = np.zeros(channels)
        return {"reset": nir.Conv2d((places[0], places[1]), maps, ones, (0, 0), ones, 1, none)}
    if places:
        return {"reset": nir.Conv1d(places[0], taken[:, :, None], 1, 0, 1, 1, np.zeros(channels))}
    # Two, as snnTorch's reader fails at a neuron and one linear map that read each other.
    return {"reset": nir.Linear(taken), "feedback": nir.Linear(np.eye(channels))}


def gain(neuron: nn.Module | None, name: str) -> float:
    """Return what a layer's weights are multiplied by, so that R is 1 in ``nir.LIF``.

    Some readers ignore R.
    """
    if type(neuron) is not LIF or neuron.rule.reset != "zero":
        return 1.0
    return 1 / _constants(neuron, name)[0]


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


def _constants(neuron: nn.Module | None, name: str) -> tuple[float, float, str]:
    """Return leak (1 - decay), threshold and reset."""
    if isinstance(neuron, IF) and neuron.initial == 0:
        return LEAST_LEAK, neuron.threshold, "subtract"
    if type(neuron) is LIF and neuron.rule.refractory == 0:
        beta, threshold = (each.item() for each in neuron.constants())
        return max(1 - beta, LEAST_LEAK), threshold, neuron.rule.reset
    raise SpikesoundError(
        f"layer {name!r}: neuron {type(neuron).__name__} cannot be expressed in NIR with its "
        "parameters; it must be one of LIF without a refractory period, IF from zero, "
        "MultiSpikeLIF without a reset"
    )
