"""A linear layer and its neurons on packed spikes: arrays for the kernels, gradients for torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.snn.event_driven import bit_words, sparse
from spikesound.snn.kernels import numba_lif
from spikesound.snn.kernels.compiled import share_threads
from spikesound.snn.kernels.rule import Rule, once
from spikesound.snn.kernels.torch_lif import State

FEW = 1 << 16
"""Number of units below which one thread is done before others have started."""


@dataclass(frozen=True)
class Packed:
    """Spikes (time, sample, unit) as words (time, sample, word), and how many there are."""

    words: bit_words.Words
    units: int
    count: int

    @property
    def density(self) -> float:
        """Share of units that spiked, over all steps and samples."""
        steps, samples, _ = self.words.shape
        return self.count / max(1, int(steps * samples * self.units))

    def dense(self) -> torch.Tensor:
        """Return the spikes as float32 (time, sample, unit)."""
        return torch.from_numpy(bit_words.unpack(self.words, self.units))


def check_shape(shape: torch.Size, inputs: int) -> None:
    """Raise a SpikesoundError if spikes are not (time, batch, input) with ``inputs`` inputs.

    The kernels do not look: they would read beyond the weights.
    """
    if len(shape) != 3 or shape[2] != inputs:
        raise SpikesoundError(
            f"spikes have shape {tuple(shape)}; this layer takes (time, batch, {inputs})"
        )


def array_of(spikes: torch.Tensor) -> npt.NDArray[Any]:
    """Return spikes of any type as a contiguous array; numpy has no short floats of all kinds."""
    short = spikes.is_floating_point() and spikes.element_size() < 4
    return (spikes.float() if short else spikes).detach().contiguous().numpy()


def pack(spikes: torch.Tensor) -> Packed | None:
    """Pack spikes (time, sample, unit) of any type; None if a value is neither 0 nor 1."""
    steps, samples, units = spikes.shape
    rows = array_of(spikes).reshape(steps * samples, units)
    out = np.empty((steps, samples, bit_words.words_for(units)), np.uint64)
    flat = out.reshape(steps * samples, -1)
    if rows.size < FEW:
        count = bit_words.pack_serial(rows, flat)
    else:
        share_threads()
        count = bit_words.pack_parallel(rows, flat)
    return None if count < 0 else Packed(out, units, count)


@dataclass(frozen=True)
class Weights:
    """Parameters of a layer: weight (output, input), bias (output), scalars beta and threshold."""

    weight: torch.Tensor
    bias: torch.Tensor
    beta: torch.Tensor
    threshold: torch.Tensor

    def ready(self, rule: Rule) -> Ready:
        """Return the arrays for the kernels; they share memory where the layout allows it."""
        return Ready(
            self.weight.detach().t().contiguous().numpy(),
            self.bias.detach().numpy(),
            numba_lif.law(self.beta.item(), self.threshold.item(), rule),
        )


@dataclass(frozen=True)
class Ready:
    """Arrays of a layer for the kernels: weights (input, output), bias (output), law."""

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    law: numba_lif.Law


def infer(
    inputs: Packed, ready: Ready, *, dense: bool, state: State | None = None
) -> tuple[Packed, torch.Tensor]:
    """Run the layer without a gradient.

    Parameters
    ----------
    dense : whether the second result holds the spikes; else it holds zeros and takes no memory
    state : potential and wait (sample, output), contiguous; taken as the start, and advanced in
        place; from rest if None
    """
    steps, samples, _ = inputs.words.shape
    units = len(ready.bias)
    spikes, filled = _spikes(steps, samples, units, dense=dense)
    if state is None:
        potential = np.zeros((samples, units), np.float32)
        wait = np.zeros((samples, units), np.int32)
    else:
        potential, wait = (part.numpy() for part in state)
    packed = _run(inputs, ready, (_NO_FLOATS, _NO_BYTES, filled), potential, wait)
    return packed, spikes


def pass_on(inputs: Packed, ready: Ready) -> Packed:
    """Run the layer from rest without a gradient: spikes in, spikes out, as bits."""
    shape = inputs.words.shape[1], len(ready.bias)
    start = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    return _run(inputs, ready, (_NO_FLOATS, _NO_BYTES, _NO_FLOATS), *start)


def train(
    x: torch.Tensor, inputs: Packed, weights: Weights, rule: Rule, *, dense: bool
) -> tuple[Packed, torch.Tensor]:
    """Run the layer from rest so that gradients reach ``x`` and the weights.

    The backward pass keeps 4 bytes per neuron, step and sample, 5 with a refractory period, and the
    inputs as bits. It runs once only (no ``retain_graph``).

    Parameters
    ----------
    x : what gradients of the inputs (time, sample, input) go to; its values are not looked at
    inputs : the spikes
    dense : whether the second result holds the spikes; else it holds zeros, takes no memory and
        serves as the next layer's ``x``
    """
    kept = _Kept(inputs, rule, dense)
    parts = weights.weight, weights.bias, weights.beta, weights.threshold
    spikes: torch.Tensor = _Layer.apply(x, *parts, kept)
    assert kept.outputs is not None
    return kept.outputs, spikes


_NO_FLOATS: npt.NDArray[np.float32] = np.empty((0, 0), np.float32)
_NO_BYTES: npt.NDArray[np.uint8] = np.empty((0, 0), np.uint8)


def _spikes(
    steps: int, samples: int, units: int, *, dense: bool
) -> tuple[torch.Tensor, npt.NDArray[np.float32]]:
    """Make a tensor for spikes with the array that a kernel fills, or zeros without memory."""
    if not dense:
        return torch.zeros(1).expand(steps, samples, units), _NO_FLOATS
    spikes = torch.empty(steps, samples, units)
    return spikes, spikes.numpy().reshape(steps, samples * units)


@dataclass
class _Kept:
    """Arrays passed between a layer's forward pass, its backward pass and its caller."""

    inputs: Packed
    rule: Rule
    dense: bool
    outputs: Packed | None = None


def _run(
    inputs: Packed,
    ready: Ready,
    filled: tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], npt.NDArray[np.float32]],
    potential: npt.NDArray[np.float32],
    wait: npt.NDArray[np.int32],
) -> Packed:
    steps, samples, _ = inputs.words.shape
    membrane, held, spikes = filled
    units = len(ready.bias)
    out = np.empty((steps, samples, bit_words.words_for(units)), np.uint64)
    few = samples == 1 or steps * samples * (inputs.units + units) < FEW
    if not few:
        share_threads()
    count = (sparse.forward_serial if few else sparse.forward_parallel)(
        inputs.words,
        ready.weights,
        ready.bias,
        membrane,
        held,
        out,
        spikes,
        potential,
        wait,
        ready.law,
    )
    return Packed(out, units, count)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        beta: torch.Tensor,
        threshold: torch.Tensor,
        kept: _Kept,
    ) -> torch.Tensor:
        steps, samples, _ = x.shape
        units = len(bias)
        membrane = torch.empty(steps, samples * units)
        shape = (steps, samples * units) if kept.rule.refractory else (0, 0)
        held = torch.empty(shape, dtype=torch.uint8)
        spikes, filled = _spikes(steps, samples, units, dense=kept.dense)
        kept.outputs = _run(
            kept.inputs,
            Weights(weight, bias, beta, threshold).ready(kept.rule),
            (membrane.numpy(), held.numpy(), filled),
            np.zeros((samples, units), np.float32),
            np.zeros((samples, units), np.int32),
        )
        ctx.save_for_backward(membrane, held, weight, beta, threshold)
        ctx.inputs, ctx.rule = kept.inputs, kept.rule
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        once(ctx)
        share_threads()
        membrane, held, weight, beta, threshold = ctx.saved_tensors
        units, inputs = weight.shape
        law = numba_lif.law(beta.item(), threshold.item(), ctx.rule)
        flat = gradients[0].detach().contiguous().reshape(membrane.shape)
        samples = flat.shape[1] // units
        sums = np.zeros((samples, 2))
        numba_lif.backward(
            flat.numpy(),
            membrane.numpy(),
            held.numpy(),
            sums,
            units,
            law,
            numba_lif.slope(ctx.rule),
        )
        rows = membrane.view(-1, units)  # now the gradient of the currents
        of_x = rows @ weight if ctx.needs_input_grad[0] else None
        of_weight = torch.zeros(ctx.inputs.words.shape[2] * bit_words.BITS, units)
        packed = ctx.inputs.words.reshape(len(rows), -1)
        sparse.weight_gradient(packed, rows.numpy(), of_weight.numpy())
        of_beta, of_threshold = sums.sum(0)
        return (
            None if of_x is None else of_x.view(*ctx.inputs.words.shape[:2], inputs),
            of_weight[:inputs].t(),
            rows.sum(0),
            torch.full_like(beta, of_beta),
            torch.full_like(threshold, of_threshold),
            None,
        )
