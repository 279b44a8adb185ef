"""When a leaky neuron must be updated, if it waits for spikes and catches up on what it missed.

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

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spikesound.models.networks.causal import CausalBlock, CausalLayer
from spikesound.snn.neurons.alif import ALIF
from spikesound.snn.neurons.lif import LIF

Touched = tuple[torch.Tensor, torch.Tensor]
"""Where a neuron has an input that is not zero, (time, batch, ...), and each neuron's constant
current, shaped so that it goes with that."""


def touched_block(block: CausalBlock, x: torch.Tensor) -> Touched:
    """Return which neurons (time, batch, channel, bin) of a block have an active input."""
    active = (x != 0).any(2).float().permute(1, 0, 2).unsqueeze(1)
    before, beside = block.kernel - 1, block.kernel // 2
    active = functional.pad(active, (beside, beside, before, 0))
    window = (block.kernel, block.kernel + block.pool - 1)
    found = functional.max_pool2d(active, window, (1, block.pool))[..., : block.outputs[1]]
    touched = (found > 0).permute(2, 0, 1, 3).expand(-1, -1, block.outputs[0], -1)
    return touched, shift(block.norm)[:, None]


def touched_layer(layer: CausalLayer, x: torch.Tensor) -> Touched:
    """Return which neurons (time, batch, feature) of a layer have an active input: all or none."""
    dilation = layer.convolution.dilation[0]
    active = torch.cat([x.new_zeros(layer.before, x.shape[1]), (x != 0).any(2).float()])
    starts = range(0, layer.before + 1, dilation)
    found = torch.stack([active[start : start + len(x)] for start in starts]).amax(0) > 0
    return found[..., None].expand(-1, -1, layer.outputs), shift(layer.norm)


def shift(norm: Any) -> torch.Tensor:
    """Return what a batch norm adds: the current of a neuron without any input."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    found: torch.Tensor = norm.bias - norm.running_mean * scale
    return found


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
        beta, threshold, held = neuron.beta.clamp(0, 1), neuron.threshold, neuron.rule.refractory
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
    kept = max(0, len(values) - frames)
    return torch.cat([torch.zeros_like(values[: len(values) - kept]), values[:kept]])
