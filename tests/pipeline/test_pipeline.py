"""The whole pipeline by DVC, on a few real clips: once, again, and with another encoding."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from dvc_project import Project

# The whole pipeline, on a machine that may have other work.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MODELS = ("ann-cnn", "ann-cnn-int3", "snn-cnn-surrogate")
CHANGES: dict[str, Any] = {
    "encoding": "latency",
    "tasks": {"classification": {"folds": ["1", "2"], "validation_share": 0.25}},
    "methods": {"int3": {"epochs": 1}},
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
    "recipes": {
        "ann": {"epochs": 2},
        # Enough batches for the batch norms to know their inputs; else nothing spikes.
        "snn": {"epochs": 6, "batch_clips": 2},
    },
    "evaluate": {"resamples": 100, "permutations": 100},
}
SNN = {"encode", *(f"{stage}@{MODELS[2]}" for stage in ("train", "evaluate", "robustness"))}
AFTER = {
    *(f"{stage}@classification" for stage in ("latency", "costs", "compare", "report")),
    "result",
}
EVALUATED = [f"stages/dvc.yaml:evaluate@{model}" for model in MODELS]
SUMMARY = "metrics/classification/summary.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("pipeline") / "project", CHANGES, MODELS)
    made.repro()
    return made


def test_a_run_makes_metrics_of_every_model(project: Project) -> None:
    summary = project.metrics()[SUMMARY]
    models = {"baseline-logistic", *MODELS}
    assert set(summary) == models | {"dataset"}
    assert summary["dataset"]["clips_asked"] == summary["dataset"]["clips_present"] == 32
    for model in models:
        values = summary[model]
        for name in ("accuracy", "macro_f1", "map"):
            assert 0 <= values[f"{name}_low"] <= values[f"{name}_high"] <= 1
            assert 0 <= values[name] <= 1
        assert values["accuracy_low"] <= values["accuracy"] <= values["accuracy_high"]
        folder = project.folder / f"data/predictions/classification/{model}"
        assert (folder / "predictions.parquet").is_file()
        assert (project.folder / f"metrics/classification/confusion/{model}.csv").is_file()
    assert summary["snn-cnn-surrogate"]["encoding"] == "latency"
    assert 0 < summary["snn-cnn-surrogate"]["spike_rate"] < 1
    assert summary["ann-cnn"]["parameters"] + 2 == summary["snn-cnn-surrogate"]["parameters"], (
        "the twin has one learnt decay a layer more"
    )


def test_a_second_run_does_nothing(project: Project) -> None:
    ran, text = project.repro()
    assert ran == set()
    assert "up to date" in text


def test_an_experiment_in_a_copy_finds_the_store_of_its_project(project: Project) -> None:
    one_less = ("-S", "filter.max_per_label=15")
    text = project.run(
        "dvc", "exp", "run", "--temp", *one_less, "stages/dvc.yaml:download@classification"
    )
    assert "30 clips requested: 30 ok" in text
    assert "look up: 30 of 30" in text
    assert "\ndownload: " not in text, "nothing is fetched again"


def test_nothing_of_detection_was_run(project: Project) -> None:
    assert not (project.folder / "data/clips/detection").exists()


def test_another_encoding_reruns_the_spiking_side_only_and_back_is_from_the_cache(
    project: Project,
) -> None:
    before = project.metrics()
    project.change(encoding="rate")
    ran, _ = project.repro()
    assert ran == SNN | AFTER | {"check"}
    assert project.metrics()[SUMMARY]["snn-cnn-surrogate"]["encoding"] == "rate"
    project.change(encoding="latency")
    ran, _ = project.repro()
    assert not ran & SNN, "restored, not run"
    assert project.metrics() == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("training/methods/stdp.py", '"""Local learning: ', '"""Learning without labels: '),
        ("params/encodings.py", '"""', '# a comment\n"""'),
    ],
)
def test_a_changed_docstring_or_comment_reruns_nothing(
    project: Project, file: str, old: str, new: str
) -> None:
    with project.changed_code(file, old, new):
        ran, _ = project.repro()
    assert ran == {"check"}


def test_a_changed_name_in_the_report_reruns_the_report_only(project: Project) -> None:
    with project.changed_code("report/page.py", "SCRIPTS =", "CHANGED = 1\nSCRIPTS ="):
        ran, _ = project.repro()
    assert ran == {"check", "report@classification", "result"}


def test_a_changed_kernel_retrains_what_uses_it(project: Project) -> None:
    before, trained = project.metrics(), project.trainings()
    with project.changed_code("snn/kernels/rule.py", "RESETS =", "CHANGED = 1\nRESETS ="):
        ran, _ = project.repro(*EVALUATED)
    assert {f"train@{model}" for model in MODELS} <= ran, "the stages reach the kernel"
    assert not {stage for stage in ran if stage.split("@")[0] in ("features", "encode")}
    new = project.trainings()
    assert trained.items() <= new.items(), "finished trainings stay as they are"
    results = [file for file in new.keys() - trained.keys() if file.endswith("result.json")]
    assert len(results) == 2, "a fold each of the spiking network, and no other"
    assert project.metrics() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"encoding": "latencyy"},
            "unknown encoding 'latencyy' (did you mean 'latency'?); valid: ",
        ),
        (
            {"models": {"ann-cnn": {"network": "ccnn"}}},
            "unknown models.ann-cnn.network 'ccnn' (did you mean 'cnn'?); valid: ",
        ),
        ({"source": "esc11"}, "unknown source 'esc11' (did you mean 'esc10'?); valid: "),
        (
            {"models": {"snn-cnn-surrogate": {"neuron": "lyf"}}},
            "unknown models.snn-cnn-surrogate.neuron 'lyf'",
        ),
        (
            {"tasks": {"classification": {"folds": ["1", "7"]}}},
            "unknown fold (source esc10) '7'; valid: 1, 2, 3, 4, 5",
        ),
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


def test_equal_seeds_give_equal_metrics_though_a_training_is_killed(project: Project) -> None:
    """From nothing in the store: all that the metrics of the models hang on."""
    before = project.metrics()
    shutil.rmtree(project.folder / "data/store")
    spiking = MODELS[2]
    (project.folder / "stages/train.py").open("a").write("CHANGED = 1\n")
    project.killed(f"stages/dvc.yaml:train@{spiking}", "data/store/trainings/*.pt")
    assert not list((project.folder / "data/store/trainings").glob("*/result.json"))
    ran, _ = project.repro("--force", *EVALUATED)
    data = {f"{stage}@classification" for stage in ("filter", "download", "features")}
    of_models = {f"{stage}@{model}" for stage in ("train", "evaluate") for model in MODELS}
    assert ran == data | {"check", "encode"} | of_models
    assert project.metrics() == before
