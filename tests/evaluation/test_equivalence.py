"""Tests of difference and equivalence by a standard error, and the power that they have."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from spikesound.evaluation.correction import corrected, holm
from spikesound.evaluation.differences import Difference, differences
from spikesound.evaluation.equivalence import detectable, difference_p, equivalence_p
from spikesound.evaluation.measures import CLASSIFICATION
from spikesound.evaluation.verdict import verdict


def test_equivalence_is_shown_where_the_interval_of_both_sides_lies_within_the_margin() -> None:
    for difference in np.linspace(-0.03, 0.03, 13):
        for error in (0.001, 0.005, 0.01, 0.02):
            half = stats.norm.isf(0.05) * error
            within = abs(difference) + half <= 0.02
            assert (equivalence_p(difference, error, 0.02) <= 0.05) == within, (difference, error)
    assert equivalence_p(0.02, 0.01, 0.02) == pytest.approx(0.5), "on the margin nothing is shown"
    assert equivalence_p(-0.01, 0.005, 0.02) == equivalence_p(0.01, 0.005, 0.02)


def test_the_tests_against_scipys_of_one_sample() -> None:
    sample = np.random.default_rng(0).normal(0.01, 0.05, 30)
    error = sample.std(ddof=1) / math.sqrt(30)
    one = stats.ttest_1samp(sample, 0)
    assert difference_p(sample.mean(), error, 29) == pytest.approx(one.pvalue)
    sides = (
        stats.ttest_1samp(sample, -0.02, alternative="greater").pvalue,
        stats.ttest_1samp(sample, 0.02, alternative="less").pvalue,
    )
    assert equivalence_p(sample.mean(), error, 0.02, 29) == pytest.approx(max(sides))


def test_models_without_any_difference_are_equal_and_not_different() -> None:
    assert difference_p(0.0, 0.0) == 1
    assert difference_p(0.1, 0.0) == 0
    assert equivalence_p(0.0, 0.0, 0.02) == 0
    assert equivalence_p(0.02, 0.0, 0.02) == 1


@pytest.mark.slow
def test_the_detectable_difference_is_shown_with_the_power_it_claims() -> None:
    generator, error = np.random.default_rng(1), 0.015
    true = detectable(error, 0.05)
    assert true == pytest.approx(2.8016 * error, rel=1e-4)
    shown = [difference_p(generator.normal(true, error), error) < 0.05 for _ in range(4000)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.02)
    assert detectable(error, 0.05 / 30) > true, "a stricter test needs more"
    assert detectable(error, 0.05, 3) > true, "few degrees of freedom need more"


def test_the_standard_error_is_that_of_the_paired_difference() -> None:
    shared = np.random.default_rng(2).normal(size=2001)
    near = {"accuracy": shared + 0.01}
    found = differences(near, {"accuracy": shared}, ["accuracy"], 0.95)["accuracy"]
    assert found.standard_error == pytest.approx(0, abs=1e-12)
    apart = {"accuracy": np.random.default_rng(3).normal(size=2001)}
    found = differences(apart, {"accuracy": shared}, ["accuracy"], 0.95)["accuracy"]
    assert found.standard_error == pytest.approx(math.sqrt(2), rel=0.05)


def with_p(p: float, equivalence: float | None = None) -> Difference:
    return Difference(0.01, -0.02, 0.03, p=p, standard_error=0.01, equivalence_p=equivalence)


def test_each_kind_of_test_is_corrected_over_all_pairs_and_metrics_of_its_kind() -> None:
    pairs = {
        "a vs b": {"accuracy": with_p(0.01, 0.04), "map": with_p(0.02)},
        "a vs c": {"accuracy": with_p(0.5, 0.001), "map": with_p(0.03)},
    }
    found = corrected(pairs, 0.95)
    places = [(pair, name) for pair in pairs for name in pairs[pair]]
    of_difference = [found[pair][name].p_corrected for pair, name in places]
    assert of_difference == holm([0.01, 0.02, 0.5, 0.03])
    of_equivalence = [found[pair]["accuracy"].equivalence_p_corrected for pair in pairs]
    assert of_equivalence == holm([0.04, 0.001])
    assert found["a vs b"]["map"].equivalence_p_corrected is None, "it was not tested"
    one = found["a vs b"]["accuracy"]
    assert one.detectable == detectable(0.01, 0.05)
    assert one.detectable_corrected == detectable(0.01, 0.05 / 4)


def test_the_sentence_says_whether_equivalence_within_the_margin_is_shown() -> None:
    near = Difference(0.001, -0.004, 0.006, 0.7, 1.0, 0.002, 1e-9, 1e-8)
    far = near._replace(equivalence_p=0.4, equivalence_p_corrected=1.0)
    said = {
        name: verdict(
            {"accuracy": each}, "A", "B", measures=CLASSIFICATION, confidence=0.95, margin=0.02
        )
        for name, each in {"near": near, "far": far}.items()
    }
    assert said["near"].endswith("; equivalence within 2 points is shown in accuracy")
    assert said["far"].endswith("; equivalence within 2 points is not shown")
    without = verdict({"accuracy": near}, "A", "B", measures=CLASSIFICATION, confidence=0.95)
    assert "equivalence" not in without
