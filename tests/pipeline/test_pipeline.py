"""The whole pipeline by DVC, on a few real clips: once, again, and with another encoding."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from dvc_project import Project

# The whole pipeline, on a machine that may have other work.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CHANGES: dict[str, Any] = {
    "encoding": "latency",
    "folds": ["1", "2"],
    "models": {
        "ann": ["cnn"],
        "snn": ["cnn"],
        "methods": ["surrogate"],
        "variants": ["int3"],
    },
    "variants": {"int3": {"epochs": 1}},
    "costs": {"zero_skipping": [], "curve_steps": [2, 4]},
    "latency": {"budget_s": 0.5, "clips": 2, "energy_s": 0.2},
    "robustness": {
        "sound": {
            "snr_db": [0.0],
            "reverberation_s": [],
            "gain_db": [],
            "low_pass_hz": [],
            "high_pass_hz": [],
            "codec_kbit_s": [12.0],
            "dropped_frames": [],
        },
        "faults": {
            "draws": 1,
            "weight_noise": [0.1],
            "stuck_silent": [],
            "stuck_firing": [],
            "dropped_spikes": [0.1],
            "weight_bits": [],
        },
    },
    "filter": {"labels": ["Bark", "Rain"], "max_per_label": 16},
    "networks": {"cnn": {"channels": [4, 8]}},
    "train_ann": {"epochs": 2, "validation_share": 0.25},
    # Enough batches for the batch norms to know their inputs; else nothing spikes.
    "train_snn": {"epochs": 6, "batch_clips": 2, "validation_share": 0.25},
    "evaluate": {"resamples": 100, "permutations": 100},
}
SNN = {"encode", "train_snn", "evaluate_snn", "robustness_snn"}
AFTER = {"latency", "costs", "compare", "report", "result"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("pipeline") / "project", CHANGES)
    made.repro()
    return made


def test_a_run_makes_metrics_of_every_model(project: Project) -> None:
    summary = project.metrics()["metrics/summary.json"]
    models = {"baseline-logistic", "ann-cnn", "ann-cnn-int3", "snn-cnn-surrogate"}
    assert set(summary) == models | {"dataset"}
    assert summary["dataset"]["clips_asked"] == summary["dataset"]["clips_present"] == 32
    for model in models:
        values = summary[model]
        for name in ("accuracy", "macro_f1", "map"):
            assert 0 <= values[f"{name}_low"] <= values[f"{name}_high"] <= 1
            assert 0 <= values[name] <= 1
        assert values["accuracy_low"] <= values["accuracy"] <= values["accuracy_high"]
        assert (project.folder / f"data/predictions/{model}.parquet").is_file()
        assert (project.folder / f"metrics/confusion/{model}.csv").is_file()
    assert summary["snn-cnn-surrogate"]["encoding"] == "latency"
    assert 0 < summary["snn-cnn-surrogate"]["spike_rate"] < 1
    assert summary["ann-cnn"]["parameters"] + 2 == summary["snn-cnn-surrogate"]["parameters"], (
        "the twin has one learnt decay a layer more"
    )


def test_a_second_run_does_nothing(project: Project) -> None:
    ran, text = project.repro()
    assert ran == set()
    assert "up to date" in text


def test_another_encoding_reruns_the_spiking_side_only_and_back_is_from_the_cache(
    project: Project,
) -> None:
    before = project.metrics()
    project.change(encoding="rate")
    ran, _ = project.repro()
    assert ran == SNN | AFTER | {"check"}
    assert project.metrics()["metrics/summary.json"]["snn-cnn-surrogate"]["encoding"] == "rate"
    project.change(encoding="latency")
    ran, _ = project.repro()
    assert not ran & SNN, "restored, not run"
    assert project.metrics() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"encoding": "latencyy"},
            "unknown encoding 'latencyy' (did you mean 'latency'?); valid: ",
        ),
        (
            {"models": {"ann": ["cnm"]}},
            "unknown network in models.ann 'cnm' (did you mean 'cnn'?); valid: ",
        ),
        ({"source": "esc11"}, "unknown source 'esc11' (did you mean 'esc10'?); valid: "),
        ({"train_snn": {"neuron": "lyf"}}, "unknown train_snn.neuron 'lyf'"),
        ({"folds": ["1", "7"]}, "unknown fold (source esc10) '7'; valid: 1, 2, 3, 4, 5"),
        ({"filter": {"labels": ["Barkk"]}}, "Barkk"),
    ],
)
def test_a_bad_value_stops_dvc_repro_with_its_message(
    project: Project, changes: dict[str, Any], message: str
) -> None:
    good = (project.folder / "params.yaml").read_text(encoding="utf-8")
    project.change(**changes)
    _, text = project.repro(ok=False)
    (project.folder / "params.yaml").write_text(good, encoding="utf-8")
    assert message in text
    assert "Traceback" not in text


def test_equal_seeds_give_equal_metrics(project: Project) -> None:
    """From nothing in the store: all that the metrics of the models hang on."""
    before = project.metrics()
    shutil.rmtree(project.folder / "data/store")
    evaluated = [f"evaluate_{kind}" for kind in ("ann", "variant", "snn")]
    ran, _ = project.repro("--force", *evaluated)
    trained = {"train_ann", "train_variant", "train_snn", "encode"}
    assert ran == {"check", "filter", "download", "features", *trained, *evaluated}
    assert project.metrics() == before
