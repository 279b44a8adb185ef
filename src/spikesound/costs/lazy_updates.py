"""Lazy updates: a leaky neuron is updated at spikes only, and catches up on the steps between.

Between two spikes that reach it, a leaky integrate-and-fire neuron gets the same current b in every
frame: the shift of its batch norm. Its potential needs no update in these frames, since

.. math:: U_{t+n} = \\beta^n U_t + b \\frac{1 - \\beta^n}{1 - \\beta}

can be computed when the next spike comes, provided that the neuron does not fire in between. It
does not where

.. math:: b \\le (1 - \\beta) \\theta, \\qquad U_t \\le \\theta

because then :math:`U_{t+1} \\le \\beta \\theta + (1 - \\beta) \\theta = \\theta`, and so on. Thus a
neuron needs an update in each frame in which an input of it is not zero, and after each of its own
spikes, whose reset is due or which, without a reset, another may follow; a neuron whose b is larger
fires by itself, in silence too, and needs one in every frame. The threshold of an adaptive neuron
never falls below theta, so that the same holds for it, but that its potential may stay above theta
without a spike: in such frames it needs one as well. Of other neurons each is updated in each
frame.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from spikesound.models.folding import affine
from spikesound.models.layers import Causal, Layer
from spikesound.snn.neurons.alif import ALIF
from spikesound.snn.neurons.lif import LIF

WAITING = ("lif", "alif")
"""Kinds of neurons that wait."""

Touched = tuple[torch.Tensor, torch.Tensor]
"""Mask of neurons with an input that is not zero, (time, batch, ...), and each neuron's constant
current, shaped so that it goes with that."""


def touched(shape: Causal, x: torch.Tensor) -> torch.Tensor:
    """Return which neurons (time, batch, channel, bin) of a causal convolution have active input.

    Parameters
    ----------
    x : its input (time, batch, channel[, bin])
    """
    active = (x != 0).view(*x.shape[:2], *shape.inputs).any(2).float()
    wide = shape.width + shape.pool - 1
    padded = functional.pad(active, (shape.width // 2, shape.width // 2))
    reached = functional.max_pool1d(padded, wide, shape.pool)[..., : shape.outputs[1]]
    total = reached.clone()
    for tap in range(1, shape.taps):
        back = tap * shape.dilation
        total[back:] += reached[: max(0, len(reached) - back)]
    return (total > 0).unsqueeze(2).expand(-1, -1, shape.outputs[0], -1)


def constant_current(layer: Layer) -> torch.Tensor:
    """Return the current of each output channel's neurons without any input."""
    if isinstance(layer.norm, nn.BatchNorm1d | nn.BatchNorm2d):
        return shift(layer.norm)
    assert layer.synapses is not None
    bias, weight = layer.synapses.bias, layer.synapses.weight
    if isinstance(bias, torch.Tensor):
        return bias
    assert isinstance(weight, torch.Tensor)
    return weight.new_zeros(len(weight))


def shift(norm: nn.Module) -> torch.Tensor:
    """Return the shift of a batch norm: the current of a neuron without any input."""
    return affine(norm)[1]


def updates(
    neuron: nn.Module,
    touched: Touched,
    spikes: torch.Tensor,
    potentials: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return how many neurons need an update in each frame, float64 (time, batch).

    Parameters
    ----------
    spikes : what the neurons put out, (time, batch, ...)
    potentials : of the same shape; needed of adaptive neurons alone
    """
    active, current = touched
    threshold: torch.Tensor
    if isinstance(neuron, LIF):
        (beta, threshold), held = neuron.constants(), neuron.rule.refractory
        due = [_later(spikes > 0, frames) for frames in range(1, held + 2)]
    elif isinstance(neuron, ALIF) and potentials is not None:
        beta, threshold = neuron.beta.clamp(0, 1), torch.tensor(neuron.threshold)
        due = [_later((potentials > threshold) | (spikes > 0), 1)]
    else:
        return torch.ones_like(spikes).flatten(2).sum(2).double()
    needed = active | (current > (1 - beta) * threshold)
    for each in due:
        needed = needed | each
    return needed.flatten(2).sum(2).double()


def _later(values: torch.Tensor, frames: int) -> torch.Tensor:
    length = max(0, len(values) - frames)
    return torch.cat([torch.zeros_like(values[: len(values) - length]), values[:length]])
