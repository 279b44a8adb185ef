"""ReLU clipped at 6, the activation of MobileNets."""

from __future__ import annotations

from torch import nn

from spikesound.params import ReLU6Params


def relu6(params: ReLU6Params) -> nn.Module:
    """Return a rectified linear unit clipped at 6, min(max(x, 0), 6); it has no parameters.

    References
    ----------
    Howard et al. 2017, "MobileNets: efficient convolutional neural networks for mobile vision
    applications".
    """
    return nn.ReLU6()
