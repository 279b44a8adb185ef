"""The neurons of conventional networks: ReLU, and quantised ReLU."""

from __future__ import annotations

from torch import nn

from spikesound.params import QuantisedReLUParams, ReLUParams
from spikesound.snn.quantisation.qcfs import QCFS


def relu(params: ReLUParams) -> nn.Module:
    """Return a rectified linear unit, max(x, 0); it has no memory and no parameters."""
    return nn.ReLU()


def quantised_relu(params: QuantisedReLUParams) -> nn.Module:
    """Return a ReLU clipped to a learnt range and rounded to a number of levels above zero."""
    return QCFS(params.levels)
