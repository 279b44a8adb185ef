"""Losses: the cross-entropy of what is read from the output neurons.

snnTorch has the same losses for one class index a clip; these take targets of several classes and
blends of targets (mixup). A test holds the two to each other where both apply.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from spikesound.snn.decoding.readouts import Readout, first_spike, membrane_maximum, spike_count


def cross_entropy(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the softmax against targets scaled to a sum of one.

    .. math:: L = -\\frac{1}{B} \\sum_b \\sum_c \\frac{y_{bc}}{\\sum_k y_{bk}}
              \\log \\frac{e^{z_{bc}}}{\\sum_k e^{z_{bk}}}

    Parameters
    ----------
    scores : float tensor (batch, class)
    targets : float tensor (batch, class), not negative, of which no row is all zero

    Returns
    -------
    float tensor of no axes, the mean over the batch
    """
    return functional.cross_entropy(scores, targets / targets.sum(1, keepdim=True))


def count_cross_entropy(spikes: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the spike counts: the right class is to spike most.

    Parameters
    ----------
    spikes : float tensor (time, batch, class), 0 or 1
    targets : float tensor (batch, class), as for :func:`cross_entropy`

    References
    ----------
    Eshraghian et al. 2023, "Training spiking neural networks using lessons from deep learning",
    section IV-A (cross-entropy spike count).
    """
    return cross_entropy(spike_count(spikes), targets)


def membrane_cross_entropy(
    membrane: torch.Tensor, targets: torch.Tensor, *, readout: Readout = membrane_maximum
) -> torch.Tensor:
    """Return the cross-entropy of the membrane potentials, read by their maximum or sum.

    Parameters
    ----------
    membrane : float tensor (time, batch, class)
    targets : float tensor (batch, class), as for :func:`cross_entropy`
    readout : ``membrane_maximum`` or ``membrane_sum``

    References
    ----------
    Eshraghian et al. 2023, "Training spiking neural networks using lessons from deep learning",
    section IV-A (maximum membrane).
    """
    return cross_entropy(readout(membrane), targets)


def temporal_cross_entropy(spikes: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the negative first-spike steps: the right class is to be first.

    .. math:: L = -\\frac{1}{B} \\sum_b \\sum_c \\frac{y_{bc}}{\\sum_k y_{bk}}
              \\log \\frac{e^{-t_{bc}}}{\\sum_k e^{-t_{bk}}}

    Parameters
    ----------
    spikes : float tensor (time, batch, class), 0 or 1
    targets : float tensor (batch, class), as for :func:`cross_entropy`

    References
    ----------
    Mostafa 2018, "Supervised learning based on temporal coding in spiking neural networks";
    Eshraghian et al. 2023, as above, section IV-B (cross-entropy spike time).
    """
    return cross_entropy(first_spike(spikes), targets)
