"""An event-driven spiking detector frame by frame: work only for inputs and spikes that occur."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.compiled import Compiled, State, split
from spikesound.inference.streaming.folding import Floats, Rounding
from spikesound.inference.streaming.kernels.event_driven import (
    ADAPTIVE,
    LAWS,
    SEVERAL,
    run_spikes,
)
from spikesound.models.networks.causal import Spikes
from spikesound.snn.event_driven.add_rows import LANES
from spikesound.snn.event_driven.bit_words import BITS
from spikesound.snn.kernels import numba_lif
from spikesound.snn.neurons.alif import ALIF
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.multi_spike_lif import MultiSpikeLIF
from spikesound.snn.neurons.recurrent import RecurrentALIF, RecurrentIF, RecurrentLIF


class EventDriven(Compiled):
    """Adds up the weights of what is active, and updates all neurons once a frame.

    Its sums are those of the network in another order: a spike may differ where a potential lies
    within float32 rounding of its threshold.

    Parameters
    ----------
    network : trained; its weights are copied

    Raises
    ------
    SpikesoundError
        If its neurons are not among :data:`NEURONS`.
    """

    def __init__(self, network: nn.Module) -> None:
        laws = [_law(layer.neuron) for layer in split(network)[0]]
        # Potentials, and in a network with adaptive neurons adaptations.
        adaptive = any(law[-1] == ADAPTIVE for law, _ in laws)
        super().__init__(network, Rounding(LANES, BITS), unit_states=1 + adaptive)
        rows = [law for law, _ in laws]
        self._laws = np.array([*rows, [self.beta] + [0.0] * (LAWS - 1)], np.float32)
        low = 0
        for layer, (_, potential) in zip(self.layers, laws, strict=True):
            self._start[low : low + layer.units] = potential
            low += layer.units

    def run(
        self, x: Floats, first: int, after: State, logits: Floats, spikes: Spikes | None
    ) -> None:
        """Do as :class:`Compiled` says."""
        fired = np.empty((0 if spikes is None else len(x), len(after.waits)), np.uint8)
        run_spikes(
            x,
            first,
            self.sizes,
            self.weights,
            self.ground,
            self._laws,
            after.floats,
            after.waits,
            logits,
            fired,
        )
        if spikes is not None:
            spikes.extend(self._as_network(fired))

    def potentials(self, state: State) -> list[Floats]:
        """Return each layer's potentials over their thresholds (neuron,), in the network's order.

        A neuron whose potential is above 1 spikes, unless it is held after a spike.
        """
        units, low, found = len(state.waits), 0, []
        for layer, law in zip(
            self.layers, self._laws, strict=False
        ):  # the last law is the readout's
            own = slice(low, low + layer.places * layer.width)
            threshold = np.float32(0.5) if law[-1] == SEVERAL else law[1]  # from which it rounds up
            if law[-1] == ADAPTIVE:
                threshold = threshold + law[5] * state.floats[units:][own]
            relative = (state.floats[own] / threshold).reshape(layer.places, layer.width)
            found.append(relative[:, : layer.shape[0]].T.ravel())
            low += layer.units
        return found

    def _as_network(self, fired: npt.NDArray[np.uint8]) -> list[torch.Tensor]:
        """Return each layer's spikes as the network gives them, (time, 1, ...)."""
        spikes, low = [], 0
        for layer in self.layers:
            units = fired[:, low : low + layer.places * layer.width].astype(np.float32)
            by_place = units.reshape(len(fired), 1, layer.places, layer.width)
            by_channel = by_place[..., : layer.shape[0]].swapaxes(2, 3)
            shape = len(fired), 1, *layer.shape
            spikes.append(torch.from_numpy(np.ascontiguousarray(by_channel).reshape(shape)))
            low += layer.units
        return spikes


MOST = 255
"""Of a neuron's spikes in a frame."""

Law = tuple[list[float], float]


def _law(neuron: Any) -> Law:
    """Return the row of a layer's neurons (:data:`LAWS`), and their potential at the start."""
    if type(neuron) not in NEURONS:
        names = ", ".join(kind.__name__ for kind in NEURONS)
        raise SpikesoundError(
            f"neuron {type(neuron).__name__} has no event-driven kernel; valid: {names}"
        )
    return NEURONS[type(neuron)](neuron)


def _lif(neuron: Any) -> Law:
    beta, threshold = (each.item() for each in neuron.constants())
    return _ruled(beta, threshold, neuron), 0.0


def _if(neuron: Any) -> Law:
    return _ruled(1.0, neuron.threshold, neuron), neuron.initial


def _alif(neuron: Any) -> Law:
    beta, rho = (each.detach().clamp(0, 1).item() for each in (neuron.beta, neuron.rho))
    return [beta, neuron.threshold, 0.0, 0.0, rho, neuron.rise, ADAPTIVE], 0.0


def _several(neuron: Any) -> Law:
    if neuron.levels > MOST:
        raise SpikesoundError(
            f"neuron MultiSpikeLIF: levels: {neuron.levels}: the event-driven kernel holds numbers "
            f"of spikes in a byte; expected at most {MOST}"
        )
    beta, drop = unit(neuron.beta).item(), float(neuron.reset == "subtract")
    return [beta, float(neuron.levels), drop, 0.0, 0.0, 0.0, SEVERAL], 0.0


def _ruled(beta: float, threshold: float, neuron: Any) -> list[float]:
    rule = numba_lif.law(beta, threshold, neuron.rule)
    return [float(value) for value in rule] + [0.0, 0.0]


NEURONS: dict[type[nn.Module], Callable[[Any], Law]] = {
    LIF: _lif,
    IF: _if,
    ALIF: _alif,
    MultiSpikeLIF: _several,
    RecurrentLIF: _lif,
    RecurrentIF: _if,
    RecurrentALIF: _alif,
}
"""The neurons that the kernels know; recurrent ones in the last layer."""
