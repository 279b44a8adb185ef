"""Expected calibration error, and the temperature of the lowest likelihood."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.tasks.classification.reliability import answers, expected_calibration_error
from spikesound.tasks.classification.temperature import fit_temperature


def test_the_error_of_five_answers_is_the_one_worked_out_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55, 0.5])
    right = np.array([True, False, True, True, False])
    # (0.9, 1]: 0.5 right against 0.95; (0.5, 0.6]: 1 against 0.55; (0.4, 0.5]: 0 against 0.5
    expected = (2 * 0.45 + 2 * 0.45 + 1 * 0.5) / 5
    assert expected_calibration_error(confidence, right, bins=10) == pytest.approx(expected)


def test_the_edges_of_bins_belong_to_the_bin_below_and_zero_to_the_first() -> None:
    right = np.array([True, True])
    assert expected_calibration_error(np.array([0.5, 0.4]), right, bins=2) == pytest.approx(0.55)
    assert expected_calibration_error(np.array([0.0, 1.0]), right, bins=2) == pytest.approx(0.5)


def test_shares_that_hold_have_no_error() -> None:
    confidence = np.full(10, 0.7)
    assert expected_calibration_error(confidence, np.arange(10) < 7) == pytest.approx(0)
    assert expected_calibration_error(confidence, np.arange(10) < 2) == pytest.approx(0.5)


def test_the_error_of_no_answers_is_refused() -> None:
    with pytest.raises(SpikesoundError, match=r"as many confidences in \[0, 1\] as answers"):
        expected_calibration_error(np.zeros(0), np.zeros(0, bool))
    with pytest.raises(SpikesoundError, match="expected as many confidences"):
        expected_calibration_error(np.array([1.2]), np.array([True]))


def test_answers_are_the_most_probable_classes_or_all() -> None:
    probabilities = np.array([[0.2, 0.8], [0.6, 0.4]])
    targets = np.array([[True, False], [True, False]])
    confidence, right = answers(probabilities, targets, multilabel=False)
    assert confidence.tolist() == [0.8, 0.6]
    assert right.tolist() == [False, True]
    confidence, right = answers(probabilities, targets, multilabel=True)
    assert confidence.tolist() == [0.2, 0.8, 0.6, 0.4]
    assert right.tolist() == [True, False, True, False]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("labels", ["single", "multiple"])
def test_the_temperature_by_which_labels_were_drawn_is_found(
    temperature: float, labels: str
) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = 3 * torch.randn(20_000, 4, generator=generator)
    shares = scores / temperature
    if labels == "single":
        drawn = torch.multinomial(shares.softmax(1), 1, generator=generator)[:, 0]
        present = torch.nn.functional.one_hot(drawn, 4)
    else:
        present = torch.rand(shares.shape, generator=generator) < shares.sigmoid()
    assert fit_temperature(scores, present.float(), labels) == pytest.approx(temperature, rel=0.05)


def test_the_temperature_is_where_the_derivative_of_the_likelihood_is_zero() -> None:
    """At the optimum the mean score of the true class is the mean of the expected score."""
    scores = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 0.5]])
    present = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    temperature = fit_temperature(scores, present, "single")
    expected = ((scores / temperature).softmax(1) * scores).sum(1).mean().item()
    assert (present * scores).sum(1).mean().item() == pytest.approx(expected, abs=1e-4)


def test_scores_that_are_always_right_end_at_the_lowest_temperature() -> None:
    scores = torch.eye(3)
    assert fit_temperature(scores, torch.eye(3), "single") == pytest.approx(0.05, rel=1e-3)
