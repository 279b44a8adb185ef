"""The pairs of models that the stages compare, by the parameters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spikesound.params import Params

sys.path.append(str(Path(__file__).resolve().parents[2] / "stages"))
from model_pairs import classifier_pairs, classifiers, detector_pairs

BASELINE = "baseline-logistic"


def with_models(params: Params, **models: list[str]) -> Params:
    return params.model_copy(update={"models": params.models.model_copy(update=models)})


def test_each_spiking_model_meets_its_twin_first_and_all_others(params: Params) -> None:
    params = with_models(
        params,
        ann=["gru", "cnn", "lstm"],
        snn=["cnn"],
        methods=["surrogate", "stdp"],
        variants=["sparse", "int8"],
    )
    conventional = ["ann-cnn", "ann-cnn-int8", "ann-cnn-sparse", "ann-gru", "ann-lstm"]
    first, second = "snn-cnn-stdp", "snn-cnn-surrogate"
    assert classifiers(params, BASELINE) == [BASELINE, *conventional, first, second]
    found = classifier_pairs(params, BASELINE)
    assert [b for a, b in found if a == second] == [*conventional, BASELINE]
    assert {b for a, b in found if a == first} == {*conventional, BASELINE, second}
    assert (first, second) == found[-1], "among each other, once"
    assert len(found) == len(set(found)) == 13


@pytest.mark.parametrize("models", [{"methods": []}, {"snn": []}])
def test_without_a_spiking_model_there_are_no_pairs(
    models: dict[str, list[str]], params: Params
) -> None:
    assert classifier_pairs(with_models(params, **models), BASELINE) == []


def test_each_spiking_detector_meets_its_twin_and_all_the_baseline(params: Params) -> None:
    section = params.detection.model_copy(
        update={"models": ["ann-tcn", "snn-tcn", "snn-alif"], "labels": ["strong", "weak"]}
    )
    found = detector_pairs(params.model_copy(update={"detection": section}), "baseline-mel")
    assert found[:2] == [("snn-tcn-strong", "ann-tcn-strong"), ("snn-tcn-weak", "ann-tcn-weak")]
    assert [a for a, b in found[2:]] == [
        f"{model}-{kind}" for model in section.models for kind in section.labels
    ]
    assert {b for _, b in found[2:]} == {"baseline-mel"}
