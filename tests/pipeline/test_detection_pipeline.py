"""The task `detection` by DVC, on a few small scenes: from recordings to its table."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc_project import Project
from project import ROOT

from spikesound.apps.api import load
from spikesound.models import file

# The whole pipeline, on a machine that may have other work.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MODELS = ("ann-tcn-both", "snn-tcn-both")
TRAIN = {"epochs": 2, "batch_clips": 4}
CHANGES: dict[str, Any] = {
    "task": "detection",
    "sources": {"scenes": {"scenes_per_fold": 12, "events": [1, 2]}},
    "tasks": {
        "detection": {
            "decision": {"medians_s": [0.05, 0.25], "thresholds": [0.1, 0.5]},
            "resamples": 100,
            "background_clips": 6,
            "lookahead_s": 0.1,
        }
    },
    "networks": {
        "tcn": {"channels": [4, 4], "hidden": 8, "dilations": [1, 2]},
        "encoder_decoder": {"channels": [2, 3, 4], "pools": [2, 4, 2], "units": 1},
    },
    "recipes": {"detector_ann": TRAIN, "detector_snn": TRAIN},
    "costs": {"zero_skipping": []},
    "latency": {"budget_s": 0.5, "clips": 2, "energy_s": 0.2},
    "robustness": {
        "detection_clips": 4,
        "sound": {
            "snr_db": [0.0],
            "reverberation_s": [],
            "gain_db": [],
            "low_pass_hz": [],
            "high_pass_hz": [],
            "codec_kbit_s": [],
            "dropped_frames": [],
        },
        "faults": {
            "draws": 1,
            "weight_noise": [0.1],
            "stuck_silent": [],
            "stuck_firing": [],
            "dropped_spikes": [],
            "weight_bits": [],
        },
    },
    "evaluate": {"resamples": 100, "permutations": 100},
}
OF_TASK = (
    *("filter", "download", "features", "baseline", "disturb"),
    *("latency", "costs", "compare", "report"),
)
OF_MODEL = ("train", "evaluate", "robustness")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("detection") / "project", CHANGES, MODELS)


def test_one_parameter_runs_detection_from_recordings_to_the_table(project: Project) -> None:
    ran, text = project.repro()
    expected = {f"{stage}@detection" for stage in OF_TASK} | {
        f"{stage}@{model}" for stage in OF_MODEL for model in MODELS
    }
    assert ran == expected | {"check", "result"}, "and nothing of classification"
    summary = json.loads((project.folder / "metrics/detection/summary.json").read_text())
    assert set(summary) == {"baseline-mel", *MODELS}
    for found in summary.values():
        assert found["clips"] == 12
        assert found["background_hours"] == pytest.approx(60 / 3600, rel=0.01)
        for key in ("psds1", "psds2", "event_f1", "segment_f1", "map"):
            assert 0 <= found[key] <= 1
    assert summary["ann-tcn-both"]["silence_uw"] > 0
    pairs = json.loads((project.folder / "data/compared/detection/comparisons.json").read_text())
    assert "snn-tcn-both vs ann-tcn-both" in pairs
    table = (project.folder / "data/result.md").read_text()
    assert "snn-tcn-both" in table
    assert "| baseline-mel |" in text
    assert project.repro()[0] == set(), "a second run does nothing"


def test_what_is_trained_detects_in_a_file(project: Project) -> None:
    path = project.folder / "data/models/detection/snn-tcn-both/fold-5/model.safetensors"
    model = load(path)
    found = model.predict(Path(project.folder) / "data/esc10/audio/1-100032-A.ogg")
    assert len(found) == 7
    assert all(0 <= value <= 1 for value in found.values())
    spec, _ = file.load(path)
    assert spec.neuron_params["reset"] == "none", "of the entry lif_no_reset"
    assert spec.decision is not None
    assert spec.decision.lookahead == 2


def test_an_experiment_trains_detectors_of_its_own(project: Project) -> None:
    (project.folder / "experiments").mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / "experiments" / name, project.folder / "experiments")
    ran, _ = project.repro("experiments/dvc.yaml:stereospike")
    assert "stereospike" in ran
    path = project.folder / "metrics/experiments/stereospike.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["planned"] == len(content["rows"]) == 3
    for row in content["rows"]:
        assert 0 <= row["psds1"] <= 1
        assert row["events_uw"] > 0
        assert ("spike_rate" in row) == row["setting"].startswith("spiking")


def test_other_thresholds_train_nothing_again(project: Project) -> None:
    before = project.trainings()
    assert before
    project.change(tasks={"detection": {"decision": {"thresholds": [0.2, 0.6]}}})
    ran, _ = project.repro("stages/dvc.yaml:train@snn-tcn-both")
    assert {"check", "train@snn-tcn-both"} <= ran
    assert project.trainings() == before


def test_scenes_of_one_fold_do_not_validate_on_their_own_recordings(project: Project) -> None:
    project.change(tasks={"detection": {"validation_fold": None}})
    _, text = project.repro(ok=False)
    assert "tasks.detection: validation_fold: scenes of one fold share their recordings" in text
    assert "Traceback" not in text
