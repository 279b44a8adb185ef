"""Families and twins by the names of models."""

from __future__ import annotations

import pytest

from spikesound.core.errors import SpikesoundError
from spikesound.report.families import family, twin


def test_a_spiking_model_finds_its_twin() -> None:
    models: dict[str, object] = {
        "ann-cnn": 1,
        "ann-lstm": 1,
        "snn-cnn-surrogate": 1,
        "snn-vgg-x": 1,
    }
    assert twin("snn-cnn-surrogate", models) == "ann-cnn"
    assert twin("snn-vgg-x", models) is None
    assert twin("snn-cnn-stdp", models) is None, "a network of its own"
    assert twin("ann-cnn", models) is None


def test_a_name_of_no_family_is_refused() -> None:
    with pytest.raises(SpikesoundError, match=r"'dataset'.*valid: ann, baseline, snn"):
        family("dataset")
