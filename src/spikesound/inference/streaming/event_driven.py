"""An event-driven spiking detector frame by frame: work only for inputs and spikes that occur."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.compiled import Compiled, State
from spikesound.inference.streaming.folding import Floats, Rounding, layers_of
from spikesound.inference.streaming.kernels.event_driven import LAWS, run_spikes
from spikesound.models.networks.causal import CausalBlock, CausalLayer, Spikes
from spikesound.models.networks.detector import Adaptive, Detector
from spikesound.snn.event_driven.add_rows import LANES
from spikesound.snn.event_driven.bit_words import BITS
from spikesound.snn.kernels import numba_lif
from spikesound.snn.neurons.alif import ALIF
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.recurrent import RecurrentALIF

NEURONS: dict[type[nn.Module], type[nn.Module]] = {
    CausalBlock: LIF,
    CausalLayer: LIF,
    Adaptive: RecurrentALIF,
}
"""The neurons that the kernels know, by kind of layer."""


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
        If a layer's neurons are not those of :data:`NEURONS`.
    """

    def __init__(self, network: Detector) -> None:
        neurons = [_neuron(layer) for layer in layers_of(network)[0]]
        adaptive = isinstance(neurons[-1], ALIF)
        # Potentials, and in a network with an adaptive layer adaptations.
        super().__init__(network, Rounding(LANES, BITS), unit_states=1 + adaptive)
        laws = [_law(neuron) for neuron in neurons]
        self._laws = np.array([*laws, [self.beta] + [0.0] * (LAWS - 1)], np.float32)

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


def _neuron(layer: Any) -> Any:
    neuron = getattr(layer, "neuron", layer)  # of a gated layer there is none
    valid = NEURONS.get(type(layer), LIF)
    if type(neuron) is not valid:
        raise SpikesoundError(
            f"{type(neuron).__name__} has no event-driven kernel in a {type(layer).__name__}; "
            f"valid: {valid.__name__}"
        )
    return neuron


def _law(neuron: LIF | ALIF) -> list[float]:
    """Return the row of a layer's neurons; see :data:`LAWS`."""
    beta = neuron.beta.detach().clamp(0, 1).item()
    if isinstance(neuron, ALIF):
        rho = neuron.rho.detach().clamp(0, 1).item()
        return [beta, neuron.threshold, 0.0, 0.0, rho, neuron.rise, 1.0]
    rule = numba_lif.law(beta, neuron.threshold.item(), neuron.rule)
    return [float(value) for value in rule] + [0.0, 0.0]
