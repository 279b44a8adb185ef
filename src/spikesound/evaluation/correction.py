"""Holm's correction for several tests at once: of p values, and of the tests of all pairs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.differences import Difference, level
from spikesound.evaluation.equivalence import detectable

Key = TypeVar("Key", bound=Hashable)


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


def corrected(
    pairs: Mapping[Key, Mapping[str, Difference]], confidence: float
) -> dict[Key, dict[str, Difference]]:
    """Return the differences of all pairs with what depends on how many tests there are.

    Tests of difference are corrected together, over all metrics of all pairs, and so are those of
    equivalence, which ask another question. The smallest difference that a test shows is that of
    the test by itself, and that of Holm's first step, which multiplies p by the number of tests.
    """
    result = {key: dict(differences) for key, differences in pairs.items()}
    for test in ("p", "equivalence_p"):
        places = [
            (key, name)
            for key, differences in pairs.items()
            for name, difference in differences.items()
            if getattr(difference, test) is not None
        ]
        values = holm([getattr(pairs[key][name], test) for key, name in places])
        for (key, name), value in zip(places, values, strict=True):
            changed = {f"{test}_corrected": value}
            error = pairs[key][name].standard_error
            if test == "p" and error is not None:
                alpha = level(confidence)
                changed["detectable"] = detectable(error, alpha)
                changed["detectable_corrected"] = detectable(error, alpha / len(places))
            result[key][name] = result[key][name]._replace(**changed)
    return result
