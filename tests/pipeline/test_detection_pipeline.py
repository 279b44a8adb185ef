"""The task `detection` by DVC, on a few small scenes: from recordings to its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dvc_project import Project

from spikesound.apps.api import load
from spikesound.models import detector_file

# The whole pipeline, on a machine that may have other work.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TRAIN = {"epochs": 2, "batch_clips": 4}
CHANGES: dict[str, Any] = {
    "task": "detection",
    "sources": {"scenes": {"scenes_per_fold": 12, "events": [1, 2]}},
    "detection": {
        "models": ["ann-tcn", "snn-tcn"],
        "labels": ["both"],
        "network": {"channels": [4, 4], "hidden": 8, "dilations": [1, 2]},
        "train_ann": TRAIN,
        "train_snn": TRAIN,
        "decision": {"medians_s": [0.05, 0.25], "thresholds": [0.1, 0.5]},
        "evaluate": {"resamples": 100, "background_clips": 6},
    },
}
STAGES = {"filter", "download", "features", "background", "baseline", "train", "detect", "compare"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("detection") / "project", CHANGES)


def ran_of(names: set[str]) -> set[str]:
    return {name.removeprefix("detection/dvc.yaml:") for name in names}


def test_one_parameter_runs_detection_from_recordings_to_the_table(project: Project) -> None:
    ran, text = project.repro("result")
    assert ran_of(ran) == STAGES | {"check", "result"}, "and nothing of classification"
    summary = json.loads((project.folder / "metrics/detection/summary.json").read_text())
    assert set(summary) == {"baseline-mel", "ann-tcn-both", "snn-tcn-both"}
    for found in summary.values():
        assert found["clips"] == 12
        assert found["background_hours"] == pytest.approx(60 / 3600, rel=0.01)
        for key in ("psds1", "psds2", "event_f1", "segment_f1", "map"):
            assert 0 <= found[key] <= 1
    assert summary["ann-tcn-both"]["silence_uw"] > 0
    pairs = json.loads((project.folder / "metrics/detection/comparisons.json").read_text())
    assert "snn-tcn-both vs ann-tcn-both" in pairs
    table = (project.folder / "data/result.md").read_text()
    assert "snn-tcn-both" in table
    assert "| baseline-mel |" in text


def test_what_is_trained_hears_a_file(project: Project) -> None:
    path = project.folder / "data/detection/models/snn-tcn-both/model.safetensors"
    model = load(path)
    found = model.predict(Path(project.folder) / "data/esc10/audio/1-100032-A.ogg")
    assert len(found) == 7
    assert all(0 <= value <= 1 for value in found.values())
    spec, _ = detector_file.load(path)
    assert spec.neuron_params is not None
    assert spec.neuron_params["reset"] == "none", "detection.lif, not neurons.lif"


def test_other_thresholds_train_nothing_again(project: Project) -> None:
    store = project.folder / "data/store/detectors"
    before = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    project.change(detection={"decision": {"thresholds": [0.2, 0.6]}})
    ran, _ = project.repro("detection/dvc.yaml:train@snn-tcn-both")
    assert ran_of(ran) == {"check", "train"}
    assert {path.name: path.stat().st_mtime_ns for path in store.iterdir()} == before


def test_the_test_fold_cannot_choose(project: Project) -> None:
    project.change(detection={"validation_fold": "5"})
    _, text = project.repro("result", ok=False)
    assert "detection.validation_fold: '5' is the test fold" in text
    assert "Traceback" not in text
