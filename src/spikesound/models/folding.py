"""Batch norm and pooling folded into the weights of the layer before them."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.models.layers import layers_of


class Normed(nn.Module):
    """A module of synapses, batch norm and neuron, whose batch norm can be folded.

    Attributes
    ----------
    synapses_name : of the attribute that holds a convolution or linear layer
    """

    synapses_name: str
    norm: nn.Module

    @property
    def synapses(self) -> nn.Module:
        """The convolution or the linear layer."""
        found: nn.Module = getattr(self, self.synapses_name)
        return found

    def fold(self) -> None:
        """Put the batch norm into the weights and a bias of the synapses, for inference.

        See :func:`folded`. Nothing happens where that is done already.
        """
        if isinstance(self.norm, nn.Identity):
            return
        old = self.synapses
        assert isinstance(old, nn.Conv1d | nn.Conv2d | nn.Linear)
        new = _with_bias(old)
        with torch.no_grad():
            weight, bias = folded(old.weight, self.norm)
            new.weight.copy_(weight)
            assert new.bias is not None
            new.bias.copy_(bias)
        setattr(self, self.synapses_name, new)
        self.norm = nn.Identity()


def _with_bias(old: nn.Conv1d | nn.Conv2d | nn.Linear) -> nn.Conv1d | nn.Conv2d | nn.Linear:
    if isinstance(old, nn.Linear):
        return nn.Linear(old.in_features, old.out_features).to(old.weight)
    new = type(old)(
        old.in_channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        old.dilation,  # type: ignore[arg-type]
    )
    return new.to(old.weight)


def fold(network: nn.Module) -> None:
    """Fold the batch norm of each layer into its synapses, for inference.

    Raises
    ------
    SpikesoundError
        If pooling stands between them that a negative factor does not pass through.
    """
    for layer in layers_of(network):
        if layer.norm is not None and isinstance(layer.module, Normed):
            layer.module.fold()


def folded(weight: torch.Tensor, norm: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Return weight (output, ...) and bias with the batch norm behind them in them.

    .. math:: w' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} w, \qquad
              b' = \beta - \frac{\gamma \mu}{\sqrt{\sigma^2 + \epsilon}}
    """
    scale, shift = affine(norm)
    return weight * scale.view(-1, *[1] * (weight.dim() - 1)), shift


def affine(norm: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a batch norm in inference multiplies by, and what it adds."""
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - scale * norm.running_mean
