"""Experiments on tiny sounds: rows land one by one, are found again, and equal the pipeline's."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from project import ROOT

from spikesound.audio.recordings import read_recordings
from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping
from spikesound.evaluation.classification import evaluate_classifier
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.places import Places
from spikesound.evaluation.robustness.conditions import NOISY, Condition
from spikesound.evaluation.robustness.disturb import Setup, disturb
from spikesound.evaluation.robustness.noises import Recordings
from spikesound.experiments import run as experiments
from spikesound.experiments.data import Data, Folders, data_of
from spikesound.experiments.figures import run_row
from spikesound.experiments.probes.best_test_epoch import cropped_inputs
from spikesound.experiments.row import Row
from spikesound.features.background import read_background
from spikesound.features.front_end import read_front_end
from spikesound.features.shards import Shards
from spikesound.features.spike_shards import encode_shards
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.file import WEIGHTS, load_spec
from spikesound.models.pretrained.vggish import PARAMS, spec_of
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import ExperimentParams, changed, params_of
from spikesound.training.dataset import load_spikes
from spikesound.training.request import FoldRequest
from spikesound.training.run import train_fold

pytestmark = pytest.mark.slow

FOLDS = ["1", "2"]
RATE_HZ = 8000
TIMES = {"train_s", "train_s_per_epoch"}
FEATURES = {
    "rate_hz": RATE_HZ,
    "window": 256,
    "hop": 256,
    "mels": 16,
    "mfccs": 8,
    "high_hz": 4000.0,
}
SMALL = {
    "features": FEATURES | {"clip_s": 0.5},
    "download.rate_hz": RATE_HZ,
    "networks.cnn.channels": [4, 4],
    "recipes.ann": {"epochs": 1, "patience": 1, "batch_clips": 8},
    "recipes.snn": {"epochs": 1, "patience": 1, "batch_clips": 8},
    "tasks.classification": {"folds": FOLDS, "validation_share": 0.4},
    "evaluate": {"resamples": 100, "permutations": 999},
    "costs.curve_steps": [1, 2],
    "source": "folder",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Folders]:
    """The content of a small params.yaml, and a project whose data stages have run."""
    return made(tmp_path_factory.mktemp("project"), {"low": 400, "high": 2500}, folds=2)


def made(root: Path, tones_hz: dict[str, int], *, folds: int) -> tuple[dict[str, Any], Folders]:
    """Make a project of twelve tones in noise of each label."""
    generator = np.random.default_rng(0)
    for label, hz in tones_hz.items():
        (root / "sounds" / label).mkdir(parents=True)
        for number in range(12):
            time = np.arange(RATE_HZ // 2) / RATE_HZ
            wave = 0.3 * np.sin(2 * np.pi * hz * time) + generator.normal(0, 0.03, len(time))
            soundfile.write(root / "sounds" / label / f"{number}.wav", wave, RATE_HZ)
    names = [str(number) for number in range(1, folds + 1)]
    own = {
        "store": str(root / "store"),
        "sources.folder": {"folder": str(root / "sounds"), "folds": folds},
        "tasks.classification.folds": names,
    }
    content = changed(read_sections(ROOT / "params.yaml"), SMALL | own)
    params = Params.of(content)

    def nothing(task: str) -> Data:
        raise AssertionError("the data are other ones than the project's")

    ontology = ROOT / "data/audioset/ontology.json"
    folders = Folders(nothing, root / "spikes", ontology, root / "trainings", root / "work")
    data = data_of(params, Params.load(ROOT / "params.yaml"), "classification", folders)
    for fold in names:
        encode_shards(
            Shards(data.features), fold, encoding=params.encoding,
            params=params.encodings[params.encoding], seed=params.seed,
            out=folders.spikes / f"fold-{fold}",
        )  # fmt: skip
    return content, dataclasses.replace(folders, of_task=lambda task: data)


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(project: tuple[dict[str, Any], Folders], tmp_path: Path) -> Run:
    """Runs an experiment, with its results in the test's folder."""
    content, folders = project

    def run(experiment: dict[str, Any], most: int | None = None, **changes: Any) -> dict[str, Any]:
        table = ExperimentParams.model_validate(experiment)
        base = changed(content, changes)
        return experiments.run_experiment(
            "trial",
            table,
            params_of(base, "trial", table),
            Params.of(base),
            dataclasses.replace(folders, work=tmp_path),
            tmp_path / "trial.json",
            most,
        )

    return run


def pipeline(content: dict[str, Any], folders: Folders, name: str, out: Path) -> dict[str, Any]:
    """Metrics of a spiking model by what the stages train and evaluate call."""
    params, data = Params.of(content), folders.of_task("classification")
    model, section = params.model(name), params.tasks.classification
    for fold in FOLDS:
        request = FoldRequest(
            model, section, params.device, fold, params.seed, data.names,
            folders.spikes / f"fold-{fold}", data.features, None, None, out / fold, out / "store",
        )  # fmt: skip
        train_fold(request, lambda: None)
    classes = list(data.names)
    folds = Folds(
        name,
        {fold: out / fold for fold in FOLDS},
        lambda fold: load_spikes(folders.spikes / f"fold-{fold}", classes)[0],
        classes,
    )
    places = Places(
        data.names, data.clips / "clips.parquet", data.clips / "events.parquet",
        data.clips / "mixtures.parquet", data.audio / "status.parquet", out / "p", out / "c",
        out / "m.json", out / "curves.csv", out / "confusion.csv", out / "classes.csv",
    )  # fmt: skip
    hop_hz = params.features.rate_hz / params.features.hop
    return evaluate_classifier(
        folds, places, params.evaluate, frame_rate_hz=hop_hz, seed=params.seed
    )


def test_a_row_equals_the_pipelines_figures(
    project: tuple[dict[str, Any], Folders], run: Run, tmp_path: Path
) -> None:
    content, folders = project
    name = "snn-cnn-surrogate"
    expected = pipeline(content, folders, name, tmp_path / "pipeline")
    (row,) = run({"settings": {"default": {"model": name}}})["rows"]
    assert len(expected) > 20
    for key in set(expected) - TIMES:
        assert row[key] == expected[key], key
    assert not list(tmp_path.glob("spikes-*")), "it reads what the stage encode wrote"
    assert row["energy_nj"] == row["fp32_45nm_output_stationary_events_nj"] > 0
    assert row["fold_accuracies"].keys() == set(FOLDS)


def test_a_killed_experiment_goes_on_row_by_row(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"settings": {"a": {"model": "ann-cnn", "seeds": [1, 2]}, "b": {"model": "ann-cnn"}}}
    done: list[tuple[str, int]] = []

    def counted(row: Row) -> dict[str, Any]:
        if len(done) == 2:
            done.append(("killed", 0))
            raise KeyboardInterrupt
        done.append((row.name, row.seed))
        return run_row(row)

    monkeypatch.setattr(experiments, "run_row", counted)
    with pytest.raises(KeyboardInterrupt):
        run(table)
    half = read_mapping(tmp_path / "trial.json")
    assert [(row["setting"], row["seed"]) for row in half["rows"]] == [("a", 1), ("b", 1)]
    assert half["settings"].keys() == {"a", "b"}, "the means are of the rows beside them"
    whole = run(table)
    assert done == [("a", 1), ("b", 1), ("killed", 0), ("a", 2)], "first seeds come first"
    assert whole["rows"][::2] == half["rows"]
    first, _, other = whole["rows"]
    own = {"setting": "b", "train_s": other["train_s"]}
    assert other == first | own, "the finished training was found"
    assert run(table) == whole
    assert len(done) == 4
    run(table, **{"recipes.snn.epochs": 2})  # concerns none of the rows
    assert len(done) == 4
    run(table, **{"evaluate.resamples": 150})
    assert len(done) == 7, "all rows have other intervals"


def test_rows_without_a_digest_are_replaced_and_old_settings_go(run: Run, tmp_path: Path) -> None:
    old = [{"setting": name, "seed": 1, "accuracy": -1.0, "code": "abc"} for name in ("gone", "a")]
    (tmp_path / "trial.json").write_text(json.dumps({"rows": old}), encoding="utf-8")
    (row,) = run({"settings": {"a": {"model": "ann-cnn"}}})["rows"]
    assert row["setting"] == "a"
    assert row["accuracy"] >= 0
    assert "code" not in row


def test_what_is_missing_comes_before_what_is_out_of_date(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [{"setting": "a", "seed": 1, "accuracy": -1.0, "digest": "of other code"}]
    (tmp_path / "trial.json").write_text(json.dumps({"rows": old}), encoding="utf-8")
    done: list[str] = []

    def noted(row: Row) -> dict[str, Any]:
        done.append(row.name)
        return {"setting": row.name, "seed": row.seed, "accuracy": 0.5}

    monkeypatch.setattr(experiments, "run_row", noted)
    content = run({"settings": {name: {"model": "ann-cnn"} for name in ("a", "b")}})
    assert done == ["b", "a"]
    assert [row["accuracy"] for row in content["rows"]] == [0.5, 0.5]


def test_another_encoding_is_encoded_for_the_setting(run: Run, tmp_path: Path) -> None:
    setting = {"model": "snn-cnn-surrogate", "set": {"encoding": "latency"}}
    (row,) = run({"settings": {"latency": setting}})["rows"]
    assert row["encoding"] == "latency"
    assert row["set"] == {"encoding": "latency"}
    assert len(list(tmp_path.glob("spikes-*/fold-*/spec.json"))) == len(FOLDS)
    assert row["spikes_per_clip"] > 0


IMAGES = {"rate_hz": 8000, "window": 100, "hop": 100, "mels": 40, "high_hz": 4000.0, "clip_s": 0.5}


@pytest.mark.parametrize("setting", ["small resnet", "small densenet, spiking", "resnet18"])
def test_networks_of_images_go_through_everything(setting: str, run: Run) -> None:
    if "small" not in setting:
        pytest.importorskip("torchvision")
    experiment = read_sections(ROOT / "experiments/params.yaml")["vision"]
    experiment["set"] |= {"features": {"kinds": ["mel_windows"], **IMAGES}}
    for recipe in ("recipes.ann", "recipes.snn"):
        experiment["set"][recipe] = {**experiment["set"][recipe], "epochs": 1, "patience": 1}
    (row,) = run(experiment | {"settings": {setting: experiment["settings"][setting]}})["rows"]
    assert 0 <= row["accuracy"] <= 1
    assert row["dense_operations"] > row["parameters"]
    spikes = "spiking" in setting
    assert (row["spikes_per_clip"] > 0) == spikes


@pytest.mark.parametrize("setting", ["VGGish, GRU", "exit 1, rounded"])
def test_heads_on_embeddings_go_through_everything(
    setting: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk = {"blocks": [[4], [6], [6], [6]], "embedding": [8], "patch": 16}
    spec = spec_of(PARAMS.model_copy(update=trunk))
    file.save(tmp_path / "base" / file.WEIGHTS, spec, build(spec))
    monkeypatch.setattr(
        "spikesound.experiments.requests.model_file", lambda name: tmp_path / "base" / file.WEIGHTS
    )
    experiment = read_sections(ROOT / "experiments/params.yaml")["heads"]
    own = FEATURES | {"hop": 64, "mels": 64, "low_hz": 125.0, "high_hz": 3900.0, "clip_s": 0.5}
    experiment["set"] |= {"features": {"kinds": ["yamnet_mel"], **own}}
    experiment["set"]["recipes.ann"] = {**experiment["set"]["recipes.ann"], "epochs": 1}
    for section in (each for key, each in experiment["set"].items() if "networks." in key):
        if section["trunk"] == "vggish":
            section["trunk_params"] = section["trunk_params"] | trunk
    (row,) = run(experiment | {"settings": {setting: experiment["settings"][setting]}})["rows"]
    assert 0 <= row["accuracy"] <= 1
    assert row["dense_operations"] > row["parameters"]
    assert row["side"] == "conventional"


def test_a_fine_tuned_model_is_trained_after_its_base(run: Run, tmp_path: Path) -> None:
    few = {"methods.int8.epochs": 1}
    (row,) = run({"settings": {"int8": {"model": "ann-cnn-int8", "set": few}}})["rows"]
    models = {path.parent.parent.name for path in tmp_path.rglob("models/*/fold-*/result.json")}
    assert models == {"ann-cnn", "ann-cnn-int8"}
    assert row["model"] == "ann-cnn-int8"


def test_the_long_recipe_trains_on_sound_and_a_spiking_network_starts_from_it(
    run: Run, tmp_path: Path
) -> None:
    long = {"epochs": 2, "batch_clips": 8, "average": 0.5}
    changes = {
        "recipes.long": long,
        "models.long": {
            "task": "classification", "network": "cnn", "neuron": "relu", "method": "backprop",
            "recipe": "long", "reads": "features/classification", "needs": "clips/classification",
        },
        "models.spiking": {
            "task": "classification", "network": "cnn", "neuron": "lif", "method": "single_spike",
            "recipe": "long", "reads": "spikes", "needs": "models/classification/long",
        },
        "methods.single_spike.epochs": 1,
    }  # fmt: skip
    settings = {
        "long": {"model": "long", "probes": {"validation": True}},
        "spiking": {"model": "spiking"},
    }
    content = run({"set": changes, "settings": settings})
    dense, spiking = content["rows"]
    assert dense["family"] == "ann"
    assert spiking["family"] == "snn"
    assert 0 <= dense["validation"][0]["accuracy"] <= 1
    assert dense["validation"][0]["clips"] > 0
    history = pd.read_csv(next(tmp_path.rglob("long/seed-1/models/long/fold-1/history.csv")))
    assert len(history) == 2
    assert history["train_loss"].between(0.1, 2).all(), "of two classes, mixed"
    assert run({"set": changes, "settings": settings}) == content, "found again"


def test_the_best_test_epoch_is_of_another_training(run: Run, tmp_path: Path) -> None:
    """The row is as without the probe; its last epoch, trained once more, is the one it kept."""
    long = {
        "task": "classification", "network": "cnn", "neuron": "relu", "method": "backprop",
        "recipe": "long", "reads": "features/classification", "needs": "clips/classification",
    }  # fmt: skip
    spiking = {"neuron": "lif", "reads": "spikes", "needs": "models/classification/long"}
    changes = {
        "recipes.long": {"epochs": 3, "batch_clips": 8},
        "models.long": long,
        "models.single": long | spiking | {"method": "single_spike"},
        "methods.single_spike.epochs": 2,
    }
    probes = {"best_test_epoch": {"crops": 4, "epochs": 2}}
    settings = {
        "plain": {"model": "long"},
        "papers": {"model": "long", "probes": probes},
        "spiking": {"model": "single", "probes": probes},
    }
    plain, row, single = run({"set": changes, "settings": settings})["rows"]
    (found,) = row["best_test_epoch"]
    (times,) = single["best_test_epoch"]
    assert times["last_epoch_whole"] == pytest.approx(single["accuracy"], abs=1e-4)
    assert set(times["best_epochs"].values()) <= {1, 2}
    own = {"setting", "digest", "best_test_epoch", "train_s", "train_s_per_epoch"}
    assert {key: value for key, value in row.items() if key not in own} == {
        key: value for key, value in plain.items() if key not in own
    }
    assert found["last_epoch_whole"] == pytest.approx(row["accuracy"], abs=1e-4)
    assert found["epochs_scored"] == 2
    assert found["best_test_epoch_crops"] >= found["last_epoch_crops"]
    assert found["best_test_epoch_whole"] >= found["last_epoch_whole"]
    assert set(found["best_epochs"]) == set(FOLDS)
    assert set(found["best_epochs"].values()) <= {2, 3}
    assert "overstates" in found["counted"]
    assert "accuracy" not in found, "no name of ours"
    assert not list(tmp_path.rglob("training.pt"))
    for path in tmp_path.rglob("best_test_epoch/fold-*/*"):
        assert path.name == "epochs.json", "no weights are kept"


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        (
            "ann-cnn-int8",
            {},
            r"methods\.int8 changes the network behind the last epoch; valid: b",
        ),
        ("snn-cnn-surrogate", {"encoding": "rate"}, "expected a model of features or of encoding"),
    ],
)
def test_who_has_no_best_test_epoch_is_told(
    run: Run, tmp_path: Path, model: str, changes: dict[str, Any], message: str
) -> None:
    probes = {"best_test_epoch": {"crops": 4, "epochs": 2}}
    with pytest.raises(SpikesoundError, match=message):
        run({"settings": {"a": {"model": model, "set": changes, "probes": probes}}})
    assert not list(tmp_path.rglob("result.json")), "nothing was trained"


def test_a_killed_search_for_the_best_test_epoch_goes_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # folds one after the other, in this process
    module = importlib.import_module(cropped_inputs.__module__)
    whole, scored = module.accuracies, []

    def killed(*arguments: Any) -> dict[str, float]:
        if len(scored) == 1:
            scored.append({})
            raise KeyboardInterrupt
        scored.append(whole(*arguments))
        return scored[-1]

    monkeypatch.setattr(module, "accuracies", killed)
    probes = {"best_test_epoch": {"crops": 2, "epochs": 3}}
    recipe = {"recipes.ann": {"epochs": 3, "batch_clips": 8}}
    table = {"settings": {"a": {"model": "ann-cnn", "set": recipe, "probes": probes}}}
    with pytest.raises(KeyboardInterrupt):
        run(table)
    (row,) = run(table)["rows"]
    assert len(scored) == 1 + 1 + 2 + 3, "the first epoch of the first fold was found again"
    known = [json.loads(path.read_text()) for path in sorted(tmp_path.rglob("epochs.json"))]
    assert [list(each) for each in known] == [["1", "2", "3"]] * 2
    assert known[0]["1"] == scored[0]
    best = np.mean([max(each["crops"] for each in one.values()) for one in known])
    assert row["best_test_epoch"][0]["best_test_epoch_crops"] == pytest.approx(best, abs=1e-4)


def test_crops_reach_from_the_start_of_the_padding_to_its_end() -> None:
    """Of six samples, padded by three on both sides: windows of six that start at 0, 3 and 6."""

    class Sound:
        samples = np.arange(1, 7, dtype=np.float32)[None]

        def features(self, waves: torch.Tensor) -> torch.Tensor:
            return waves[:, None, :, None]

    crops = cropped_inputs(Sound(), 3)  # type: ignore[arg-type]
    assert crops[0, :, :, 0].tolist() == [
        [0, 0, 0, 1, 2, 3], [1, 2, 3, 4, 5, 6], [4, 5, 6, 0, 0, 0]
    ]  # fmt: skip


def test_training_in_noise_doubles_the_clips_and_tests_on_clean_ones(
    project: tuple[dict[str, Any], Folders], run: Run, tmp_path: Path
) -> None:
    noise = {"noises": ["white", "pink"], "snr_db": [5.0]}
    setting = {"model": "ann-cnn", "noise": noise}
    (row,) = run({"settings": {"noisy": setting}})["rows"]
    clean = Shards(project[1].of_task("classification").features)
    (folder,) = tmp_path.glob("noisy-*")
    noisy = Shards(folder)
    count = len(clean)
    assert len(noisy) == 2 * count
    assert row["clips_scored"] == count
    first, second = noisy.index.iloc[:count], noisy.index.iloc[count:]
    assert list(second["recording"]) == list(first["recording"])
    assert list(second["fold"]) == list(first["fold"])
    values = noisy.load()
    np.testing.assert_array_equal(values[:count], clean.load())
    assert (values[count:].astype(float) - values[:count]).mean() > 1, "noise adds energy, dB"


def test_what_is_compared(run: Run) -> None:
    content = run(
        {
            "settings": {
                "ann": {"model": "ann-cnn", "seeds": [1, 2]},
                "narrow": {"model": "ann-cnn", "set": {"networks.cnn.channels": [2, 2]}},
                "snn": {"model": "snn-cnn-surrogate", "seeds": [1, 2]},
            },
            "compare": {
                "against": "ann", "equal_energy": ["ann", "narrow"], "noise": [],
                "rate_of": "snn", "share": 0.5, "rate_steps": [1, 4],
            },
        }
    )  # fmt: skip
    rows = {(row["setting"], row["seed"]): row for row in content["rows"]}
    equal, cheap = rows["snn", 1]["energy_nj"], rows["narrow", 1]["energy_nj"]
    twin = "narrow" if cheap >= equal else "ann"
    assert list(content["pairs"]) == ["snn vs ann", f"snn vs {twin}, at equal energy"]
    (seeds,) = content["seeds"].values()
    assert seeds["accuracies"] == [
        [rows[name, seed]["accuracy"] for seed in (1, 2)] for name in ("snn", "ann")
    ]
    assert seeds["difference_low"] <= seeds["difference"] <= seeds["difference_high"]
    assert seeds["p_corrected"] == seeds["p"], "of one pair"
    assert content["rates"]["fp32_45nm_no_reuse_dense"].keys() == {"1", "4"}
    mean = content["settings"]["ann"]
    assert len(mean["accuracies"]) == 4
    assert mean["accuracy"] == pytest.approx(np.mean(list(mean["accuracies"].values())), abs=1e-4)


def disturbed(content: dict[str, Any], folders: Folders) -> list[Condition]:
    """Write the project's clips in every noise, as the stage does; return the conditions."""
    params, data = Params.of(content), folders.of_task("classification")
    sound, noises = params.robustness.sound, params.robustness.noises
    conditions = [Condition(noise, level) for noise in NOISY for level in sound.snr_db]
    recordings = Recordings(
        read_recordings(Path(noises.babble), RATE_HZ),
        read_recordings(Path(noises.background), RATE_HZ),
        sound.talkers,
    )
    status = schema.read_table(data.audio / "status.parquet", schema.STATUS)
    setup = Setup(conditions, recordings, params.features, params.seed)
    disturb(data.audio, Shards(data.features).index, status, setup, data.disturbed)
    return conditions


def test_settings_are_compared_in_noise(project: tuple[dict[str, Any], Folders], run: Run) -> None:
    conditions = disturbed(*project)
    noise = {"noises": ["white"], "snr_db": [5.0]}
    content = run(
        {
            "settings": {
                "ann": {"model": "ann-cnn"},
                "snn": {"model": "snn-cnn-surrogate"},
                "ann noise": {"model": "ann-cnn", "noise": noise},
            },
            "compare": {
                "against": "ann", "equal_energy": [], "noise": ["ann", "snn", "ann noise"],
                "rate_of": "snn", "share": 0.5, "rate_steps": [1],
            },
        }
    )  # fmt: skip
    found = content["noise"]
    assert list(found["pairs"]) == ["snn vs ann", "ann noise vs ann"]
    clean = {row["setting"]: row["accuracy"] for row in content["rows"]}
    for name, model in found["models"].items():
        assert len(model["curve"]) == 1 + len(conditions)
        assert model["curve"][0][:3] == ["clean", 0.0, clean[name]]


@pytest.mark.slow
def test_detection_with_more_folds_has_data_of_its_own(tmp_path: Path) -> None:
    """With the ranges and the background of each fold that is held out."""
    default = read_sections(ROOT / "params.yaml")
    own = {
        "store": str(tmp_path / "store"),
        "sources.scenes.scenes_per_fold": 2,
        "tasks.detection.background_clips": 2,
    }
    few = Params.of(changed(default, own))
    more = Params.of(changed(default, own | {"tasks.detection.folds": ["4", "5"]}))
    known = Data(*(tmp_path / kind for kind in ("clips", "audio", "features", "disturbed")))
    folders = Folders(
        lambda task: known, tmp_path / "spikes", ROOT / "data/audioset/ontology.json",
        tmp_path / "trainings", tmp_path / "work",
    )  # fmt: skip
    assert data_of(few, few, "detection", folders) == known
    data = data_of(more, few, "detection", folders)
    assert data != known
    for fold in ("4", "5"):
        front_end = read_front_end(data.features, fold)
        quiet = read_background(data.features, fold)
        assert quiet.shape == (2, 216, len(front_end.low))
    assert not np.array_equal(read_background(data.features, "4"), quiet)
    made = (data.features / "normalisation.json").stat().st_mtime_ns
    assert data_of(more, few, "detection", folders) == data
    assert (data.features / "normalisation.json").stat().st_mtime_ns == made


def test_spikes_at_other_times_and_exits_are_measured_beside_the_row(run: Run) -> None:
    probes = {"times": {"jitter": [1], "draws": 2}, "exits": [0.0, 1.0]}
    setting = {"model": "snn-cnn-surrogate", "set": {"encoding": "latency"}, "probes": probes}
    content = run({"settings": {"latency": setting}})
    (row,) = content["rows"]
    assert content["planned"] == 1
    assert [each["condition"] for each in row["times"]] == [
        f"{where} {how}"
        for where in ("input", "hidden", "both")
        for how in ("jitter 1", "shuffled")
    ]
    for each in row["times"]:
        assert each["change"] == pytest.approx(each["accuracy"] - row["accuracy"], abs=2e-4)
        assert each["change_low"] <= each["change"] <= each["change_high"]
        assert 0 < each["p"] <= 1
    first, last = row["exits"]
    assert (first["steps"], last["steps"]) == (1.0, 4.0)
    assert last["accuracy"] == row["accuracy"]
    assert last["validation_accuracy"] == row["validation_accuracy"]
    plain = [each["accounts"]["own"]["plain_nj"] for each in (first, last)]
    assert plain[0] < plain[1]
    assert row["accounts"]["own"]["plain_nj"] <= plain[1], "weights once a clip, there"


def test_the_paper_of_proxy_learning_goes_through_everything(run: Run) -> None:
    """Each setting of the experiment trains, is tested and priced, and has both scores of ties."""
    experiment = read_sections(ROOT / "experiments/params.yaml")["kheradpisheh"]
    experiment["set"]["recipes.snn"] = {"epochs": 2, "patience": 2}
    experiment["set"]["encodings.direct.steps"] = 5
    content = run(experiment)
    assert len(content["rows"]) == len(experiment["settings"])
    for row in content["rows"]:
        (each,) = row["ties"]
        assert each["accuracy"] == pytest.approx(row["accuracy"], abs=1e-4)
        assert each["accuracy"] <= each["accuracy_ties_right"] <= 1
        assert each["accuracy_ties_right"] - each["accuracy"] <= each["tied"] + 1e-4
        assert each["tied_all"] <= each["tied"]
        assert row["effective_acs"] > 0
        assert set(content["settings"]) >= {row["setting"]}
    steps = {row["setting"]: row["steps"] for row in content["rows"]}
    assert (steps["as in the paper"], steps["4 steps"], steps["none of its details"]) == (5, 4, 4)


def test_four_codes_by_stdp_have_all_that_they_are_compared_by(
    project: tuple[dict[str, Any], Folders], run: Run
) -> None:
    disturbed(*project)
    experiment = read_sections(ROOT / "experiments/params.yaml")["guo"]
    few = {"neurons": 16, "batches": 4, "batch_patches": 8}
    content = run({**experiment, "set": experiment["set"] | {"methods.stdp": few}})
    assert [row["setting"] for row in content["rows"]] == ["rate", "ttfs", "phase", "burst"]
    levels = experiment["settings"]["rate"]["probes"]["robustness"]["levels"]
    for row in content["rows"]:
        clean, *others = row["robustness"]
        assert (clean["condition"], clean["accuracy"]) == ("clean", row["accuracy"])
        assert {(each["condition"], each["level"]) for each in others} == {
            (name, level) for name, values in levels.items() for level in values
        }
        assert all(each["accuracy_low"] <= each["accuracy"] for each in others)
        assert 1 <= row["stable_steps_median"] <= row["steps"]
        assert row["spikes_per_clip"] > 0


def test_a_level_that_no_stage_prepared_is_said_before_training(run: Run, tmp_path: Path) -> None:
    probes = {"robustness": {"levels": {"white": [3.0]}, "draws": 1}}
    with pytest.raises(
        SpikesoundError, match=r"a: probes\.robustness: .*white_3\.npy: no such file"
    ):
        run({"settings": {"a": {"model": "ann-cnn", "probes": probes}}})
    assert not list(tmp_path.rglob("result.json")), "nothing was trained"


def test_energies_over_accounts_hold_the_one_shown_first(run: Run) -> None:
    ann = {"model": "ann-cnn"}
    (row,) = run({"settings": {"ann": ann}})["rows"]
    own = row["accounts"]["own"]
    assert own == row["accounts"]["fp32_45nm"]
    assert own["lowest_nj"] <= own["plain_nj"] <= row["energy_nj"] <= own["highest_nj"]
    assert own["plain_nj"] < own["full_nj"]
    assert row["side"] == "conventional"


def test_no_more_rows_than_asked_for(run: Run, tmp_path: Path) -> None:
    table = {"settings": {"a": {"model": "ann-cnn"}, "b": {"model": "ann-cnn", "seeds": [1, 2]}}}
    assert [row["setting"] for row in run(table, most=1)["rows"]] == ["a"]
    content = run(table, most=1)
    assert [(row["setting"], row["seed"]) for row in content["rows"]] == [("a", 1), ("b", 1)]
    assert content["planned"] == 3


def test_a_new_sound_is_taught_to_networks_of_the_others(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("three")
    content, folders = made(root, {"low": 400, "mid": 1000, "high": 2500}, folds=3)
    rules = {
        "rules": ["delta", "prototypes", "fine_tuned", "rehearsed"], "recordings": [1, 3],
        "draws": 2, "steps": [2], "learning_rates": [0.01, 0.001],
    }  # fmt: skip
    table = ExperimentParams.model_validate(
        {
            "settings": {
                "ann": {
                    "model": "ann-cnn",
                    "set": {"filter.labels": ["low", "high"]},
                    "probes": {"new_sounds": rules},
                }
            }
        }
    )
    found = experiments.run_experiment(
        "trial", table, params_of(content, "trial", table), Params.of(content), folders,
        root / "trial.json",
    )  # fmt: skip
    (row,) = found["rows"]
    assert row["clips_scored"] == 24, "of the known classes"
    figures = {(each["rule"], each["recordings"]): each for each in row["new_sounds"]}
    assert list(figures) == [(rule, count) for rule in rules["rules"] for count in (1, 3)]
    for (rule, _), each in figures.items():
        assert list(each["by_class"]) == ["mid"]
        assert each["by_class"]["mid"] == [each["found"], each["before"], each["after"]]
        assert each["balanced"] == pytest.approx((each["found"] + each["after"]) / 2, abs=1e-4)
        assert ("learning_rate" in each) == (rule in ("fine_tuned", "rehearsed"))
    read = [each["before"] for (rule, _), each in figures.items() if rule != "prototypes"]
    assert set(read) == {row["accuracy"]}, "before is the network's own accuracy"
    assert figures["prototypes", 3]["found"] > 0.5


def test_a_setting_is_taught_by_others_of_all_their_seeds_and_other_features(
    run: Run, tmp_path: Path
) -> None:
    taught = {"recipes.snn.teacher": {"temperature": 2.0, "weight": 0.5}}
    table: dict[str, Any] = {
        "settings": {
            "coarse": {"model": "ann-cnn", "seeds": [1, 2], "set": {"features.mels": 12}},
            "taught": {"model": "snn-cnn-surrogate", "teachers": ["coarse"], "set": taught},
            "alone": {"model": "snn-cnn-surrogate"},
        }
    }
    rows = {(row["setting"], row["seed"]): row for row in run(table)["rows"]}
    assert len(rows) == 4
    folder = tmp_path / "trial"
    for seed in (1, 2):
        assert load_spec(folder / f"coarse/seed-{seed}/models/ann-cnn/fold-1/{WEIGHTS}").bins == 12
    name = f"models/snn-cnn-surrogate/fold-1/{WEIGHTS}"
    networks = [folder / each / "seed-1" / name for each in ("taught", "alone")]
    assert load_spec(networks[0]).bins == 16
    assert networks[0].read_bytes() != networks[1].read_bytes()
    before = rows["taught", 1]["digest"]
    table["settings"]["coarse"]["seeds"] = [1]
    assert [row["digest"] for row in run(table)["rows"]][1] != before, "another teacher"
