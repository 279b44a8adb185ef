"""The difference of two models in one metric, its interval, and what it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spikesound.evaluation.bootstrap import percentiles
from spikesound.evaluation.measures import Measure
from spikesound.tasks.multilabel import Values

BETTER, WORSE, NOT_SHOWN = "better", "worse", "no difference shown"


class Difference(NamedTuple):
    """A metric of the first model minus that of the second.

    Attributes
    ----------
    value
        Of all clips.
    low, high
        Ends of its interval.
    p, p_corrected
        That it is chance, before and after the correction for several tests; None: not tested.
    standard_error
        Deviation of the difference over the resamples, in which both models meet the same
        recordings: that of the paired difference.
    equivalence_p, equivalence_p_corrected
        That it is not within the margin of equivalence
        (:func:`spikesound.evaluation.equivalence.equivalence_p`); None: not tested.
    detectable, detectable_corrected
        Smallest true difference that such a test shows with a power of 80 %, by itself and where
        the correction is strictest.
    """

    value: float
    low: float
    high: float
    p: float | None = None
    p_corrected: float | None = None
    standard_error: float | None = None
    equivalence_p: float | None = None
    equivalence_p_corrected: float | None = None
    detectable: float | None = None
    detectable_corrected: float | None = None

    def reversed(self) -> Difference:
        """Return the second model minus the first."""
        return self._replace(value=-self.value, low=-self.high, high=-self.low)

    def outcome(self, confidence: float, *, lower_is_better: bool = False) -> str:
        """Return whether the first model is :data:`BETTER`, :data:`WORSE`, or :data:`NOT_SHOWN`.

        A difference is shown where the corrected p is below 1 - confidence; where nothing was
        tested, where the interval does not hold 0.
        """
        if self.p_corrected is None:
            shown = not self.low <= 0 <= self.high
            positive = self.low > 0
        else:
            shown = self.p_corrected < level(confidence)
            positive = self.value > 0
        if not shown:
            return NOT_SHOWN
        return BETTER if positive != lower_is_better else WORSE

    def equivalent(self, confidence: float) -> bool | None:
        """Return whether equivalence within the margin is shown; None: not tested."""
        if self.equivalence_p_corrected is None:
            return None
        return self.equivalence_p_corrected < level(confidence)

    def bounds(self, measure: Measure) -> str:
        """Return the interval as ``+2.1 to +8.3``."""
        return f"{measure.signed(self.low)} to {measure.signed(self.high)}"


TESTS = (
    "p",
    "p_corrected",
    "standard_error",
    "equivalence_p",
    "equivalence_p_corrected",
    "detectable",
    "detectable_corrected",
)
"""Names of a difference's tests, which follow the metric's name in a comparisons.json."""


def level(confidence: float) -> float:
    """Return the significance level, 1 - confidence, rounded: 1 - 0.95 is a little above 0.05."""
    return round(1 - confidence, 12)


def differences(
    first: Mapping[str, Values],
    second: Mapping[str, Values],
    names: Sequence[str],
    confidence: float,
) -> dict[str, Difference]:
    """Return each metric's difference with the interval of a paired percentile bootstrap.

    Parameters
    ----------
    first, second
        Each model's values from :func:`spikesound.evaluation.bootstrap.resampled`, on the same
        resamples.
    names
        Of the metrics.
    confidence
        Of the interval.
    """
    by_metric = {}
    for name in names:
        with np.errstate(invalid="ignore"):  # two infinite d' have no difference
            whole, *drawn = first[name] - second[name]
        finite = np.array([value for value in drawn if math.isfinite(value)])
        error = float(finite.std(ddof=1)) if len(finite) > 1 else None
        by_metric[name] = Difference(
            float(whole), *percentiles(finite, confidence), standard_error=error
        )
    return by_metric


def read_difference(figures: Mapping[str, Any], name: str) -> Difference | None:
    """Return a metric's difference from an entry of a comparisons.json, or None if it has none.

    Classification's files write ``accuracy_difference``, ``accuracy_difference_low``, ...,
    ``accuracy_p`` and the others of :data:`TESTS`; detection's ``psds1``, ``psds1_low``,
    ``psds1_high``, ``psds1_p``, ...
    """
    key = f"{name}_difference" if f"{name}_difference" in figures else name
    value, low, high = (figures.get(k) for k in (key, f"{key}_low", f"{key}_high"))
    if value is None or low is None or high is None:
        return None
    tests = {
        test: None if (number := figures.get(f"{name}_{test}")) is None else float(number)
        for test in TESTS
    }
    return Difference(float(value), float(low), float(high), **tests)


def write_differences(differences: Mapping[str, Difference]) -> dict[str, float]:
    """Return an entry of detection's comparisons.json; see :func:`read_difference`."""
    ends = {"": "value", "_low": "low", "_high": "high"} | {f"_{test}": test for test in TESTS}
    return {
        f"{name}{end}": value
        for name, difference in differences.items()
        for end, field in ends.items()
        if (value := getattr(difference, field)) is not None
    }
