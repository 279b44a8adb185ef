"""A stack of spiking layers for inference alone: on one clip, the whole of it in one compiled call.

A call on one clip takes some tens of microseconds, of which each array that Python makes or hands
over takes one. So the layers' arrays lie one behind the other in a few that are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.snn.event_driven import layer
from spikesound.snn.event_driven.bit_words import BITS, Words, pack_serial
from spikesound.snn.event_driven.layer import Packed, Ready
from spikesound.snn.event_driven.sparse import forward_serial
from spikesound.snn.kernels.compiled import serial
from spikesound.snn.kernels.numba_lif import Floats, Ints

Sizes = npt.NDArray[np.int64]


class FrozenStack:
    """A trained stack for inference alone: several times quicker on one clip, where calls count.

    It holds copies of the weights; training the stack further does not change it. A layer that gets
    more spikes than the crossover takes the dense product, as in the stack.

    Parameters
    ----------
    layers : the arrays of each layer; they are copied
    crossover : density of spikes up to which a layer is sparse
    onwards : ``onwards(k, x)`` runs the layers from the k-th on, each as suits what it gets

    Raises
    ------
    SpikesoundError
        If a layer takes another number of inputs than the one before it puts out.
    """

    def __init__(
        self,
        layers: Sequence[Ready],
        crossover: float,
        onwards: Callable[[int, torch.Tensor], torch.Tensor],
    ) -> None:
        for number, (before, after) in enumerate(pairwise(layers), 1):
            if len(before.bias) != len(after.weights):
                raise SpikesoundError(
                    f"layer {number} takes {len(after.weights)} inputs; the one before it puts out "
                    f"{len(before.bias)}"
                )
        self._layers = [Ready(each.weights.copy(), each.bias.copy(), each.law) for each in layers]
        self._crossover = crossover
        self._onwards = onwards
        self._weights = np.concatenate([each.weights.ravel() for each in layers])
        self._biases = np.concatenate([each.bias for each in layers])
        self._widths = np.array([len(layers[0].weights), *(len(each.bias) for each in layers)])
        self._laws = np.array([each.law[:4] for each in layers], np.float32)
        self._refractory = np.array([each.law[4] for each in layers], np.int32)
        # Units to look at in each step of a sample.
        self._looks = int(max(a + b for a, b in pairwise(self._widths)))

    def __call__(self, spikes: torch.Tensor) -> torch.Tensor:
        """Map spikes (time, batch, input) to the last layer's (time, batch, output), from rest.

        Raises
        ------
        SpikesoundError
            If the inputs are not as many as the first layer has.
        """
        layer.check_shape(spikes.shape, int(self._widths[0]))
        steps, samples, _ = spikes.shape
        if not spikes.numel():
            return self._onwards(0, spikes.detach())
        if samples > 1 and steps * samples * self._looks >= layer.FEW:
            return self._on_threads(spikes)
        out = torch.empty(steps, samples, int(self._widths[-1]))
        done, count, known = run_stack(
            layer.array_of(spikes),
            self._weights,
            self._biases,
            self._widths,
            self._laws,
            self._refractory,
            self._crossover,
            out.numpy().reshape(steps, -1),
        )
        if done == len(self._layers):
            return out
        if count < 0:
            return self._onwards(0, spikes.detach())
        return self._onwards(done, Packed(known, int(self._widths[done]), count).dense())

    def _on_threads(self, spikes: torch.Tensor) -> torch.Tensor:
        known = layer.pack(spikes)
        last = len(self._layers) - 1
        for number, ready in enumerate(self._layers):
            if known is None or known.density > self._crossover:
                return self._onwards(number, spikes.detach() if known is None else known.dense())
            if number < last:
                known = layer.pass_on(known, ready)
        assert known is not None
        return layer.infer(known, self._layers[-1], dense=True)[1]


@serial
def run_stack(
    spikes: Floats,
    weights: Floats,
    biases: Floats,
    widths: Sizes,
    laws: Floats,
    refractory: Ints,
    crossover: float,
    out: Floats,
) -> tuple[int, int, Words]:
    """Run layers one after the other from rest, as long as each gets few enough spikes.

    Parameters
    ----------
    spikes : (time, sample, unit), contiguous, of any type
    weights, biases : those of all layers (input, output) and (output), one behind the other
    widths : units of the input and of each layer
    laws, refractory : what :func:`spikesound.snn.kernels.numba_lif.law` returns, for each layer
    out : (time, sample x output), gets the spikes of the last layer if it is reached

    Returns
    -------
    tuple
        how many layers were run; the number of spikes of the last that was (of the inputs if none;
        -1 if a value is neither 0 nor 1), and these spikes as words (time, sample, word)
    """
    steps, samples, units = spikes.shape
    known = np.empty((steps, samples, (units + BITS - 1) // BITS), np.uint64)
    rows = steps * samples
    count = pack_serial(spikes.reshape(rows, units), known.reshape(rows, known.shape[2]))
    no_floats = np.empty((0, 0), np.float32)
    no_bytes = np.empty((0, 0), np.uint8)
    weights_from = 0
    biases_from = 0
    for number in range(len(refractory)):
        inputs = widths[number]
        outputs = widths[number + 1]
        if count < 0 or count / max(1, rows * inputs) > crossover:
            return number, count, known
        law = laws[number]
        after = np.empty((steps, samples, (outputs + BITS - 1) // BITS), np.uint64)
        count = forward_serial(
            known,
            weights[weights_from : weights_from + inputs * outputs].reshape(inputs, outputs),
            biases[biases_from : biases_from + outputs],
            no_floats,
            no_bytes,
            after,
            out if number == len(refractory) - 1 else no_floats,
            np.zeros((samples, outputs), np.float32),
            np.zeros((samples, outputs), np.int32),
            (law[0], law[1], law[2], law[3], int(refractory[number])),
        )
        known = after
        weights_from += inputs * outputs
        biases_from += outputs
    return len(refractory), count, known
