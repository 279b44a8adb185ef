"""A spiking detector for streams that works only for inputs and spikes that are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.compiled import Compiled, Kept, folded_front, neurons
from spikesound.inference.streaming.folding import Floats, Rounding, fold_normed
from spikesound.inference.streaming.kernels.by_spikes import LAWS, run_spikes
from spikesound.models.networks.causal import Spikes
from spikesound.models.networks.detector import Adaptive, Detector, Gated
from spikesound.snn.event_driven.add_rows import LANES
from spikesound.snn.event_driven.bit_words import BITS
from spikesound.snn.kernels import numba_lif
from spikesound.snn.neurons.alif import ALIF
from spikesound.snn.neurons.lif import LIF


class EventDriven(Compiled):
    """Adds up the weights of what is active, and updates all neurons once a frame.

    Its sums are those of the network in another order: a spike may differ where a potential lies
    within the rounding of float32 of its threshold.

    Parameters
    ----------
    network : trained; its weights are copied

    Raises
    ------
    SpikesoundError
        If its neurons are not LIF, but for the recurrent ALIF.
    """

    def __init__(self, network: Detector) -> None:
        memory = network.memory
        spiking = [*neurons(network), *([memory] if isinstance(memory, Gated) else [])]
        for each in spiking:
            if not isinstance(each, LIF | ALIF):
                raise SpikesoundError(
                    f"{type(each).__name__} does not spike, or not in a way that is compiled; LIF "
                    "and recurrent ALIF do"
                )
        rounding = Rounding(LANES, BITS)
        layers = folded_front(network, rounding)
        recurrent = None
        if isinstance(memory, Adaptive):
            layers.append(fold_normed(memory.currents, memory.norm, layers[-1], rounding))
            cells: Any = memory.neuron
            own = cells.recurrent.weight.detach().t().numpy()
            recurrent = np.zeros((layers[-1].width, layers[-1].width), np.float32)
            recurrent[: len(own), : len(own)] = own
        states = 1 if recurrent is None else 2  # potentials, and adaptations
        zeros = states * sum(layer.units for layer in layers)
        super().__init__(network, layers, recurrent, zeros, rounding)
        laws = [_law(neuron) for neuron in neurons(network)]
        self._laws = np.array([*laws, [self.beta] + [0.0] * (LAWS - 1)], np.float32)

    def run(self, x: Floats, now: int, after: Kept, logits: Floats, spikes: Spikes | None) -> None:
        """Do as :class:`Compiled` says."""
        fired = np.empty((0 if spikes is None else len(x), len(after.waits)), np.uint8)
        run_spikes(
            x,
            now,
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
        found, low = [], 0
        for layer in self.layers:
            units = fired[:, low : low + layer.places * layer.width].astype(np.float32)
            by_place = units.reshape(len(fired), 1, layer.places, layer.width)
            by_channel = by_place[..., : layer.shape[0]].swapaxes(2, 3)
            shape = len(fired), 1, *layer.shape
            found.append(torch.from_numpy(np.ascontiguousarray(by_channel).reshape(shape)))
            low += layer.units
        return found


def _law(neuron: LIF | ALIF) -> list[float]:
    """Return the row of a layer's neurons; see :data:`LAWS`."""
    beta = neuron.beta.detach().clamp(0, 1).item()
    if isinstance(neuron, ALIF):
        rho = neuron.rho.detach().clamp(0, 1).item()
        return [beta, neuron.threshold, 0.0, 0.0, rho, neuron.rise, 1.0]
    rule = numba_lif.law(beta, neuron.threshold.item(), neuron.rule)
    return [float(value) for value in rule] + [0.0, 0.0]
