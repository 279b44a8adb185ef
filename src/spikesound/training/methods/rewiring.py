"""Pruning of kernels with rewiring: the weakest go, and some come back where the gradient asks."""

from __future__ import annotations

import math

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import layers_of
from spikesound.models.networks.pruned import PrunedCNN
from spikesound.models.spec import Spec
from spikesound.params import PruningParams
from spikesound.training.methods.course import Course

PRUNED = {"cnn": ("pruned_cnn", PrunedCNN)}
"""For a kind of network that kind, and its class, whose counts leave pruned kernels out."""


def pruned_spec(spec: Spec) -> Spec:
    """Return the spec of a network with pruned kernels.

    Raises
    ------
    SpikesoundError
        If the network has no kernels to prune.
    """
    if spec.network not in PRUNED:
        raise SpikesoundError(
            f"{spec.model}: network {spec.network!r} cannot be pruned; valid: {', '.join(PRUNED)}"
        )
    return spec.model_copy(update={"network": PRUNED[spec.network][0]})


class Rewiring:
    r"""Which kernels of a network's convolutions exist, after each epoch of its training.

    A kernel leads from one channel to one channel. After an epoch, at the share s of the training,
    each convolution but the first has the density

    .. math:: d(s) = d + (1 - d) \Big(1 - \frac{s - s_0}{s_1 - s_0}\Big)^3

    between start and end, d from then on. Besides, the share
    :math:`\alpha (1 + \cos(\pi (s - s_0) / (s_1 - s_0))) / 2` of the kernels left is exchanged: the
    kernels with the least sum of absolute weights go, those that do not exist and had the largest
    sum of absolute gradients in the epoch come, with weights of zero.

    Kernels that exist are those with a weight that is not zero at the end of an epoch, so that a
    resumed training has the same.

    References
    ----------
    Zhu & Gupta 2017, "To prune, or not to prune", equation 1 (density); Evci et al. 2020, "Rigging
    the lottery: making all tickets winners" (exchange by gradient, cosine); Bellec et al. 2018,
    "Deep rewiring: training very sparse deep networks".
    """

    def __init__(self, params: PruningParams, course: Course) -> None:
        self.params, self.course = params, course
        self.masks: list[torch.Tensor] = []
        self.gradients: list[torch.Tensor] = []

    def apply(self, network: nn.Module) -> None:
        """Set the weights of kernels that do not exist to zero, in place."""
        weights = kernels(network)
        if self.course.starts_epoch:  # from the weights alone, as after a resume
            self.masks = [_strength(weight) > 0 for weight in weights]
            self.gradients = [torch.zeros_like(_strength(weight)) for weight in weights]
        with torch.no_grad():
            for weight, mask in zip(weights, self.masks, strict=True):
                weight.mul_(mask[:, :, None, None])

    def after_batch(self, network: nn.Module) -> None:
        """Take up the gradients of a batch; at the end of an epoch, rewire."""
        weights = kernels(network)
        for weight, total in zip(weights, self.gradients, strict=True):
            if weight.grad is not None:
                total += _strength(weight.grad)
        if self.course.ends_epoch:
            self._rewire(weights)

    def density(self, share: float) -> float:
        """Return the density of a layer after a share of the training."""
        done = self._done(share)
        return self.params.density + (1 - self.params.density) * (1 - done) ** 3

    def exchanged(self, share: float) -> float:
        """Return the share of kernels that is exchanged after a share of the training."""
        done = self._done(share)
        if not 0 < done < 1:
            return 0.0
        return self.params.rewired * (1 + math.cos(math.pi * done)) / 2

    def _done(self, share: float) -> float:
        start, end = self.params.start, self.params.end
        return min(1.0, max(0.0, (share - start) / max(end - start, 1e-9)))

    def _rewire(self, weights: list[torch.Tensor]) -> None:
        share = self.course.share
        for number, (weight, gradient) in enumerate(zip(weights, self.gradients, strict=True)):
            mask = self.masks[number]
            left = max(1, round(self.density(share) * mask.numel()))
            coming = min(round(self.exchanged(share) * left), int((~mask).sum()), int(mask.sum()))
            going = int(mask.sum()) - left + coming
            if going <= 0:
                continue
            strength = _strength(weight).masked_fill(~mask, math.inf).flatten()
            gone = strength.argsort()[:going]
            wanted = gradient.masked_fill(mask, -1.0).flatten()
            come = wanted.argsort(descending=True)[:coming]
            flat = mask.flatten().clone()
            flat[gone], flat[come] = False, True
            self.masks[number] = flat.view_as(mask)
            with torch.no_grad():
                weight.mul_(self.masks[number][:, :, None, None])


def kernels(network: nn.Module) -> list[torch.Tensor]:
    """Return the weights (output, input, k, k) of all convolutions but the first."""
    found = [
        layer.synapses.weight
        for layer in layers_of(network)
        if layer.kind == "convolution" and layer.synapses is not None
    ]
    return [weight for weight in found[1:] if isinstance(weight, torch.Tensor)]


def density_of(network: nn.Module) -> float:
    """Return the share of kernels with a weight that is not zero, of all that can be pruned."""
    strengths = [_strength(weight) for weight in kernels(network)]
    existing = sum(int((each > 0).sum()) for each in strengths)
    return existing / max(1, sum(each.numel() for each in strengths))


def _strength(weight: torch.Tensor) -> torch.Tensor:
    return weight.detach().abs().sum((2, 3))
