"""A read-out of the spiking benchmarks: class probabilities of every step, summed over time."""

from __future__ import annotations

import torch


def membrane_softmax(membrane: torch.Tensor) -> torch.Tensor:
    """Return the softmax over classes of the membrane potentials, summed over time.

    .. math:: z_c = \\sum_t \\frac{e^{U_c(t)}}{\\sum_k e^{U_k(t)}}

    Parameters
    ----------
    membrane : float tensor (time, batch, class)

    Returns
    -------
    float tensor (batch, class), 0 to T

    References
    ----------
    Bittar & Garner 2022, "A surrogate gradient spiking baseline for speech command recognition",
    equation 9; Hammouamri et al. 2023, section 3.3.
    """
    return membrane.softmax(-1).sum(0)
