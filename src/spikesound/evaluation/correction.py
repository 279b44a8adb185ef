"""Holm's correction of p values for several tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikesound.core.errors import SpikesoundError


def holm(p_values: Sequence[float]) -> list[float]:
    r"""Return Holm's adjusted p values, in the order given.

    With the :math:`m` values sorted, :math:`p_{(1)} \le \dots \le p_{(m)}`,

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1)\, p_{(j)}).

    Calling every difference real whose :math:`\tilde p` is below :math:`\alpha` calls any that is
    not with a probability of at most :math:`\alpha`, however the tests depend on each other.

    Raises
    ------
    SpikesoundError
        If a value is not within 0 and 1.

    References
    ----------
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6 (1979), 65-70.
    """
    values = np.asarray(p_values, dtype=np.float64)
    wrong = values[~((values >= 0) & (values <= 1))]
    if wrong.size:
        raise SpikesoundError(f"correction: p value: must be between 0 and 1, got {wrong[0]}")
    order = np.argsort(values, kind="stable")
    tests_left = len(values) - np.arange(len(values))
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, tests_left * values[order]))
    return [float(value) for value in adjusted]
