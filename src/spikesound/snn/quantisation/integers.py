"""Synaptic weights as whole numbers, and the scales that they are multiples of."""

from __future__ import annotations

import torch


def channel_scales(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Return the scale of each output channel (output,), that of :func:`.weights.fake_quantise`.

    .. math:: s_o = \\frac{\\max |w_o|}{2^{b-1} - 1}
    """
    largest = 2 ** (bits - 1) - 1
    scale: torch.Tensor = weight.detach().abs().flatten(1).amax(1).float() / largest
    return scale.clamp(min=torch.finfo(torch.float32).tiny)  # a channel of zeros


def to_integers(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a weight (output, ...) as int8, of 2 to 8 bits, and the scales (output,).

    Their product (:func:`from_integers`) is what :func:`.weights.fake_quantise` returns.
    """
    scales = channel_scales(weight, bits)
    largest = 2 ** (bits - 1) - 1
    inverse = _along(1 / scales, weight)
    integers = (weight.detach() * inverse).round().clamp(-largest, largest)
    return integers.to(torch.int8), scales


def from_integers(integers: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Return the weights that whole numbers and scales stand for, in float32."""
    return integers.float() * _along(scales, integers)


def _along(scales: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return scales.view(-1, *[1] * (weight.dim() - 1))
