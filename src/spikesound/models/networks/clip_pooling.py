"""Pooling of a clip's last layer before the read-out: over frames, of each bin, over all places.

A pooling is a module with two halves, so that networks can run in pieces of their time steps:
``summarised`` is linear in outputs (..., channel, frame, bin), so that it may be taken of each step
or of their sum; a call maps summaries to (..., value), ``width`` values: a value a channel, but of
the pooling of each bin. All are of degree one: outputs that are c > 0 times as great give c times
as much. So a conventional network's read-out can be taken over by a spiking one, whose outputs are
numbers or times of spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from spikesound.models.layers import Layer, Places, Source

SILENCE = 1e-12
"""Least mean output that attention divides by."""


class FramePooling(nn.Module):
    """Mean over bins, then mean plus maximum over frames."""

    def __init__(self, channels: int, bins: int = 1) -> None:
        super().__init__()
        self.width = channels

    def summarised(self, x: torch.Tensor) -> torch.Tensor:
        """Return means over bins (..., channel, frame)."""
        return x.mean(-1)

    def forward(self, summary: torch.Tensor) -> torch.Tensor:
        """Map a summary to (..., channel)."""
        return summary.mean(-1) + summary.amax(-1)

    def layers(self, last: nn.Module, source: Source, *, each_step: bool) -> list[Layer]:
        """Return its layers.

        Parameters
        ----------
        last : the block whose outputs are pooled, and what they are: ``source``
        each_step : whether it is computed at each step instead of once
        """
        return [
            Layer("pooling", "pooling", last, source),
            Layer("pooling_frames", "frame_pooling", last, "pooled", each_step=each_step),
        ]


class BinPooling(nn.Module):
    """Mean plus maximum over frames, of each bin: what lies high and what lies low stay apart."""

    def __init__(self, channels: int, bins: int = 1) -> None:
        super().__init__()
        self.width = channels * bins

    def summarised(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs as they are (..., channel, frame, bin)."""
        return x

    def forward(self, summary: torch.Tensor) -> torch.Tensor:
        """Map a summary to (..., channel * bin)."""
        return (summary.mean(-2) + summary.amax(-2)).flatten(-2)

    def layers(self, last: nn.Module, source: Source, *, each_step: bool) -> list[Layer]:
        """Return its layers; see :meth:`FramePooling.layers`."""
        places = Places(attention=False, each_bin=True)
        return [Layer("pooling", "pooling", last, source, geometry=places, each_step=each_step)]


class PlacePooling(nn.Module):
    """Mean plus maximum over all frames and bins."""

    def __init__(self, channels: int, bins: int = 1) -> None:
        super().__init__()
        self.width = channels

    def summarised(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs, places on one axis (..., channel, place)."""
        return x.flatten(-2)

    def forward(self, summary: torch.Tensor) -> torch.Tensor:
        """Map a summary to (..., channel)."""
        return summary.mean(-1) + summary.amax(-1)

    def layers(self, last: nn.Module, source: Source, *, each_step: bool) -> list[Layer]:
        """Return its layers; see :meth:`FramePooling.layers`."""
        places = Places(attention=False)
        return [Layer("pooling", "pooling", last, source, geometry=places, each_step=each_step)]


class AttentionPooling(nn.Module):
    r"""Mean over all frames and bins, weighted by a learnt attention to each place.

    .. math:: p = \sum_i a_i x_i, \qquad
              a = \mathrm{softmax}_i \left( \frac{w \cdot x_i}{\bar x} \right)

    with the outputs :math:`x_i` of all channels at place i, and their mean :math:`\bar x` over
    places and channels. By this mean the weights are the same whatever the scale of the outputs.

    Parameters
    ----------
    channels : of the outputs, which are not negative

    References
    ----------
    Ilse, Tomczak & Welling 2018, "Attention-based deep multiple instance learning", equation 8,
    here of one linear map, and of outputs over their mean.
    """

    def __init__(self, channels: int, bins: int = 1) -> None:
        super().__init__()
        self.width = channels
        self.attention = nn.Linear(channels, 1, bias=False)

    def summarised(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs, places on one axis (..., channel, place)."""
        return x.flatten(-2)

    def forward(self, summary: torch.Tensor) -> torch.Tensor:
        """Map a summary (batch, channel, place), or one for each step, to (..., channel)."""
        steps = summary if summary.dim() == 4 else summary.unsqueeze(0)
        logits = self.attention(steps.transpose(-1, -2))[..., 0]  # (step, batch, place)
        mean = steps.mean((-1, -2)).clamp(min=SILENCE).unsqueeze(-1)
        weights = (logits / mean).softmax(-1).unsqueeze(-2)
        pooled: torch.Tensor = (weights * steps).sum(-1)
        return pooled if summary.dim() == 4 else pooled[0]

    def layers(self, last: nn.Module, source: Source, *, each_step: bool) -> list[Layer]:
        """Return its layers; see :meth:`FramePooling.layers`."""
        places = Places(attention=True)
        return [
            Layer("pooling", "pooling", last, source, geometry=places, each_step=each_step),
            Layer("attention", "linear", self.attention, "pooled", self.attention),
        ]


ClipPooling = FramePooling | BinPooling | PlacePooling | AttentionPooling

CLIP_POOLINGS: dict[
    Literal["frames", "bins", "places", "attention"], Callable[[int, int], ClipPooling]
] = {
    "frames": FramePooling,
    "bins": BinPooling,
    "places": PlacePooling,
    "attention": AttentionPooling,
}
"""The poolings by name; each is made for numbers of channels and of bins."""


def copy_attention(network: nn.Module, twin: nn.Module) -> None:
    """Give a network's attention the weights of its twin's, whatever the scale of its outputs."""
    pairs = zip(_attentions(network), _attentions(twin), strict=True)
    for own, theirs in pairs:
        own.load_state_dict(theirs.state_dict())


def _attentions(network: nn.Module) -> list[AttentionPooling]:
    return [each for each in network.modules() if isinstance(each, AttentionPooling)]
