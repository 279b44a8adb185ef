"""Centroids of patches, the conventional counterpart of competing spiking neurons."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import Layer
from spikesound.models.networks.layout import Layout
from spikesound.params import PatchesParams


class Centroids(nn.Module):
    """Centroids of some frames and all bins, compared with what is there at every frame."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, params: PatchesParams, bins: int) -> None:
        super().__init__()
        self.soft = params.soft
        self.weight = nn.Parameter(torch.zeros(params.neurons, params.frames, bins))
        self.register_buffer("mean", torch.zeros(bins))
        self.register_buffer("deviation", torch.ones(bins))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map values (time, batch, frame, bin) to codes (time, batch, place, centroid)."""
        patches = ((x - self.mean) / self.deviation).flatten(0, 1).unsqueeze(1)
        products = functional.conv2d(patches, self.weight.unsqueeze(1)).squeeze(-1)
        squares = functional.conv2d(patches.square(), torch.ones_like(self.weight[:1]).unsqueeze(1))
        own = self.weight.square().sum((1, 2)).view(-1, 1)
        distances = (squares.squeeze(-1) + own - 2 * products).clamp(min=0).sqrt()
        if self.soft:
            codes = (distances.mean(1, keepdim=True) - distances).clamp(min=0)
        else:
            nearest = distances.argmin(1, keepdim=True)
            codes = torch.zeros_like(distances).scatter_(1, nearest, 1.0)
        places = codes.transpose(1, 2)
        return places.reshape(*x.shape[:2], *places.shape[1:])


class Patches(nn.Module):
    """Codes of patches by their nearest centroids, averaged over frames; linear read-out.

    Of a patch z, scaled bin by bin to the mean and deviation of the training's, the code is 1 for
    the nearest centroid and 0 for the others or, soft, by how much a centroid is nearer than all
    are in the mean:

    .. math:: f_k = \\max(0, \\mu - d_k), \\qquad d_k = \\lVert z - c_k \\rVert, \\quad
              \\mu = \\tfrac1K \\sum_k d_k

    Centroids are set by a method; they have no gradient.

    References
    ----------
    Coates, Ng & Lee 2011, "An analysis of single-layer networks in unsupervised feature learning",
    section 3.2.1 (k-means, hard and triangle); there with whitening and contrast normalisation.
    """

    def __init__(
        self, params: PatchesParams, layout: Layout, neuron: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        self.frames = self.least_frames = params.frames
        self.patches = Centroids(params, layout.bins)
        self.readout = nn.Linear(params.neurons, layout.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map values (1, batch, frame, bin) to class scores (batch, class)."""
        scores: torch.Tensor = self.readout(self.counts(x))
        return scores

    def counts(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mean code over frames (batch, centroid).

        Raises
        ------
        SpikesoundError
            If there are fewer frames than a patch has.
        """
        if x.shape[2] < self.frames:
            raise SpikesoundError(
                f"expected clips of at least {self.frames} frames, those of a patch, got "
                f"{x.shape[2]}; lower `frames` in the method's section"
            )
        codes: torch.Tensor = self.patches(x)
        return codes.mean((0, 2))

    def layers(self) -> list[Layer]:
        """Return the centroids, and the read-out of their codes."""
        return [
            Layer("patches", "competition", self.patches, "input", self.patches),
            Layer("readout", "linear", self.readout, "pooled", self.readout, readout=True),
        ]
