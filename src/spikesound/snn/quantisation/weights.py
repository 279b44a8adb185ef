"""Quantisation of weights: quantisation-aware training, and rounding of trained weights.

Synaptic weights are the parameters named ``weight`` or ``weight_...`` with two axes or more, of
which the first is that of the output channels: those of convolutions, linear and recurrent layers.
Biases, batch norms and the neurons' own parameters stay as they are. A batch norm behind a layer
scales whole output channels; folded into the weights, it leaves the whole numbers as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.func import functional_call


def fake_quantise(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Return a weight rounded to the values that ``bits`` bits can represent.

    .. math:: \\hat w = s_o \\, \\mathrm{round}(w / s_o), \\qquad
              s_o = \\frac{\\max |w_o|}{2^{b-1} - 1}, \\qquad
              \\frac{\\partial \\hat w}{\\partial w} = 1

    Symmetric, with a scale for each output channel o: zero stays zero, the largest weight of a
    channel stays as it is, and the error is at most s_o / 2. The gradient goes straight through.

    Parameters
    ----------
    weight : float tensor (output, ...)
    bits : at least 2; 8 is -127 to 127, 4 is -7 to 7

    Returns
    -------
    float tensor of the same shape

    References
    ----------
    Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-
    arithmetic-only inference", section 3; Bengio et al. 2013 (straight-through estimator).
    """
    largest = 2 ** (bits - 1) - 1
    scale = weight.detach().abs().flatten(1).amax(1).float() / largest
    scale = scale.clamp(min=torch.finfo(torch.float32).tiny)  # a channel of zeros
    zeros = torch.zeros_like(scale, dtype=torch.int32)
    quantised: torch.Tensor = torch.fake_quantize_per_channel_affine(
        weight, scale, zeros, 0, -largest, largest
    )
    return quantised


def call_quantised(network: nn.Module, bits: int, *inputs: Any) -> Any:
    """Call a network with its synaptic weights quantised; gradients reach the full ones.

    Neither the network nor its ``state_dict`` is changed.
    """
    weights = {name: fake_quantise(weight, bits) for name, weight in synapses(network).items()}
    return functional_call(network, weights, inputs)


def quantise_weights(network: nn.Module, bits: int) -> None:
    """Quantise a network's synaptic weights to ``bits`` bits, in place.

    Afterwards the network gives what :func:`call_quantised` gave before; doing it twice is doing it
    once, up to rounding in the last place.
    """
    with torch.no_grad():
        for weight in synapses(network).values():
            weight.copy_(fake_quantise(weight, bits))


def synapses(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the synaptic weights of a network by their full names."""
    return {
        name: parameter
        for name, parameter in network.named_parameters()
        if name.rpartition(".")[2].startswith("weight") and parameter.dim() >= 2
    }
