"""Bootstrap intervals: what they hold, how wide they are, how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scored import matrix, random_matrix

from spikesound.errors import SpikesoundError
from spikesound.evaluation import bootstrap
from spikesound.evaluation.bootstrap import draw, intervals, resampled_metrics
from spikesound.evaluation.classify import METRICS, metrics
from spikesound.evaluation.predictions import ScoreMatrix

Bounds = dict[str, tuple[float, float]]


def interval(
    scored: ScoreMatrix, seed: int = 0, resamples: int = 400, confidence: float = 0.95
) -> Bounds:
    generator = np.random.default_rng(seed)
    return intervals(scored, generator=generator, resamples=resamples, confidence=confidence)


@pytest.mark.parametrize("several", [False, True])
def test_the_interval_holds_the_figure(several: bool) -> None:
    scored = random_matrix(100, 5, 0, several=several)
    found, bounds = metrics(scored), interval(scored)
    for name in METRICS:
        low, high = bounds[name]
        assert 0 <= low < found[name] < high <= 1


def test_more_clips_narrow_it_and_more_confidence_widens_it() -> None:
    few, many = random_matrix(50, 4, 1), random_matrix(800, 4, 1)
    for name in METRICS:
        width_few = np.ptp(interval(few)[name])
        assert np.ptp(interval(many)[name]) < width_few / 2
        assert np.ptp(interval(few, confidence=0.5)[name]) < width_few


def test_the_same_generator_gives_the_same_interval() -> None:
    scored = random_matrix(50, 4, 2)
    assert interval(scored, seed=7) == interval(scored, seed=7)
    assert interval(scored, seed=7) != interval(scored, seed=8)


def test_blocks_do_not_change_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    scored = random_matrix(50, 4, 3)
    whole = interval(scored)
    monkeypatch.setattr(bootstrap, "_BLOCK_NUMBERS", 50 * 7)
    assert interval(scored) == whole


def test_each_resample_has_as_many_clips_as_there_are() -> None:
    weights = draw(30, 2000, np.random.default_rng(0))
    assert weights.shape == (2000, 30)
    assert (weights.sum(axis=1) == 30).all()
    # Each clip is drawn once on average; the mean of 2,000 has a deviation of 1/sqrt(2000).
    assert np.abs(weights.mean(axis=0) - 1).max() < 5 / np.sqrt(2000)


def test_accuracy_varies_as_the_binomial_says() -> None:
    scored = random_matrix(400, 4, 4)
    share = metrics(scored)["accuracy"]
    values = resampled_metrics(scored, generator=np.random.default_rng(0), resamples=2000)
    expected = np.sqrt(share * (1 - share) / 400)
    assert values["accuracy"].std() == pytest.approx(expected, rel=0.1)
    low, high = interval(scored, resamples=2000)["accuracy"]
    assert low == pytest.approx(share - 1.96 * expected, abs=0.005)
    assert high == pytest.approx(share + 1.96 * expected, abs=0.005)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        right = generator.random(80) < 0.7  # the truth: 70 % of clips are named rightly
        scores = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
        scored = matrix(scores, np.tile([True, False], (80, 1)))
        low, high = intervals(scored, generator=generator, resamples=200, confidence=0.9)[
            "accuracy"
        ]
        held += low <= 0.7 <= high
    # 0.9 of 200 with a deviation of 4; percentile intervals hold it a little less often.
    assert 160 <= held <= 195


def test_a_label_missing_from_a_resample_leaves_its_mean() -> None:
    # Label 1 has one clip, ranked first for it, and label 0 is ranked perfectly: mAP is 1 in every
    # resample only if resamples without label 1 do not count it as 0.
    scored = matrix([[0.9, 0.1]] * 5 + [[0.1, 0.9]], [[1, 0]] * 5 + [[0, 1]])
    values = resampled_metrics(scored, generator=np.random.default_rng(0), resamples=300)
    assert (values["map"] == 1).all()
    assert (values["macro_f1"] == 1).all()


def test_a_wrong_number_is_named() -> None:
    scored = random_matrix(10, 2, 0)
    with pytest.raises(SpikesoundError, match="confidence 1 is not between 0 and 1"):
        interval(scored, confidence=1)
    with pytest.raises(SpikesoundError, match="resamples 0 is below 1"):
        interval(scored, resamples=0)
