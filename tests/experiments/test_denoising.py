"""Denoising of small spectrograms: figures by hand, classical methods, rows one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping, write_json
from spikesound.core.schema import FEATURE_INDEX, write_table
from spikesound.evaluation.robustness.conditions import Condition
from spikesound.experiments.denoising import classical
from spikesound.experiments.denoising.clips import read_noisy
from spikesound.experiments.denoising.measure import Errors, figures, noisy_error
from spikesound.experiments.denoising.run import Places, run_denoising
from spikesound.features import normalisation
from spikesound.features.front_end import read_front_end
from spikesound.features.shards import write_shards
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.denoising import DenoisingParams, load_denoising
from spikesound.params.experiments import changed, params_of

CLASSES = ["/m/1", "/m/2"]
FILE = ROOT / "experiments/denoising.yaml"
LOW_DB, HIGH_DB = -80.0, 0.0
CLIPS, FRAMES, BINS = 16, 24, 16
CHANGES: dict[str, Any] = {
    "features": {"mels": BINS, "mfccs": 8, "clip_s": 1.0},
    "networks.encoder_decoder": {"channels": [3, 4], "pools": [2, 2], "units": 1},
    "recipes.detector_ann": {"epochs": 2, "batch_clips": 8},
    "recipes.detector_snn": {"epochs": 4, "batch_clips": 2},
    "tasks.classification": {"folds": ["1", "2"], "validation_share": 0.34},
    "evaluate.resamples": 100,
}


def levels(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return clean levels of bands that sound and pause, and of stationary noise."""
    generator = np.random.default_rng(seed)
    clean = np.full((CLIPS, FRAMES, BINS), -70.0)
    for clip in clean:
        band, start = generator.integers(BINS - 4), generator.integers(4, FRAMES - 10)
        clip[start : start + 8, band : band + 4] = generator.uniform(-25, -10)
    return clean, -40 + generator.normal(0, 1, clean.shape)


def mixed(*parts_db: np.ndarray) -> np.ndarray:
    """Return the levels of sounds together."""
    found: np.ndarray = 10 * np.log10(sum(10 ** (part / 10) for part in parts_db))
    return found


@pytest.fixture
def places(tmp_path: Path, params: Params) -> Places:
    clean, noise = levels()
    rows = pd.DataFrame(
        {
            "clip_id": [f"clip{i}" for i in range(CLIPS)],
            "fold": [str(1 + i % 2) for i in range(CLIPS)],
            "media_id": [f"media{i}" for i in range(CLIPS)],
            "recording": [f"recording{i}" for i in range(CLIPS)],
            "labels": [[CLASSES[(i // 2) % 2]] for i in range(CLIPS)],
        }
    )
    features, disturbed = tmp_path / "features", tmp_path / "disturbed"
    index = write_shards(features, rows, iter(clean.astype(np.float16)), 5)
    ends = {"low": [LOW_DB] * BINS, "high": [HIGH_DB] * BINS}
    normalisation.save({"1": ends, "2": ends}, features / "normalisation.json")
    section = params.features.model_dump() | CHANGES["features"]
    write_json(features / "spec.json", {"params": section})
    disturbed.mkdir()
    write_table(index, FEATURE_INDEX, disturbed / "index.parquet")
    for name, level in (("white", 20), ("white", 0), ("pink", 20), ("pink", 0)):
        noisy = mixed(clean, noise - level).astype(np.float16)
        np.save(disturbed / f"{name}_{level}.npy", noisy)
    return Places(features, disturbed, tmp_path / "trainings", tmp_path / "denoising.json")


def small(**changes: Any) -> tuple[DenoisingParams, dict[str, Params], Params]:
    own = {"noises": ["white", "pink"], "snr_db": [20.0, 0.0], "folds": ["1"], "resamples": 50}
    denoising = DenoisingParams.model_validate(read_sections(FILE) | own | changes)
    content = changed(read_sections(ROOT / "params.yaml"), CHANGES)
    return denoising, params_of(content, "denoising", denoising), Params.of(content)


def test_the_projects_denoising_is_valid() -> None:
    denoising = load_denoising(FILE)
    params = params_of(read_sections(ROOT / "params.yaml"), "denoising", denoising)
    assert list(params) == list(denoising.settings)
    default = Params.load(ROOT / "params.yaml")
    assert set(denoising.snr_db) <= set(default.robustness.sound.snr_db)
    assert set(denoising.folds) <= set(default.tasks.classification.folds)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noises": ["brown"]}, "noises"),
        ({"settings": {"a": {"model": "ann-denoiser", "noise": {"noises": ["white"],
          "snr_db": [1.0]}}}}, "settings.a: expected model, set and seeds alone"),
        ({"quantile": [0.1]}, "quantile"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_named(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "denoising.yaml"
    path.write_text(json.dumps(read_sections(FILE) | changes), encoding="utf-8")
    with pytest.raises(SpikesoundError, match=message):
        load_denoising(path)


def test_a_correction_leads_from_the_noisy_to_the_clean_levels(places: Places) -> None:
    noisy = read_noisy(places.features, places.disturbed, [Condition("white", 0)])
    front_end = read_front_end(places.features, "1")
    clips = noisy.dataset(front_end, CLASSES)
    clean = (noisy.clean.astype(np.float64) - LOW_DB) / (HIGH_DB - LOW_DB)
    assert clips.active is not None
    assert clips.inputs[:, 0] + clips.active.astype(float) == pytest.approx(clean, abs=2e-3)
    assert clips.ids[0] == "clip0+white_0"
    expected = (noisy.noisy[0].astype(float) - noisy.clean.astype(float)) ** 2
    assert noisy_error(clips, front_end) == pytest.approx(expected.mean((1, 2)), rel=0.01)


def test_figures_are_those_by_hand() -> None:
    white, pink = Condition("white", 0.0), Condition("pink", 10.0)
    errors = Errors(
        ["a", "b", "a"], [white, white, pink], np.array([100.0, 300.0, 200.0]),
        np.array([10.0, 30.0, 200.0]),
    )  # fmt: skip
    found = figures(errors, resamples=50, confidence=0.95, seed=1)
    assert found["noisy_error_db"] == pytest.approx(200**0.5, abs=1e-4)
    assert found["error_db"] == pytest.approx(80**0.5, abs=1e-4)
    assert found["improvement_db"] == pytest.approx(10 * np.log10(200 / 80), abs=1e-4)
    assert found["improvement_db_low"] <= found["improvement_db"] <= found["improvement_db_high"]
    assert found["improvement_db_by"] == {"white": 10.0, "pink": 0.0, "0 dB": 10.0, "10 dB": 0.0}


@pytest.mark.parametrize("method", classical.METHODS)
def test_classical_methods_remove_stationary_noise(method: str) -> None:
    clean, noise = levels()
    noisy = mixed(clean, noise)
    apply, tried = classical.METHODS[method], list(classical.candidates(small()[0], method))
    found = [apply(noisy, **each) for each in tried]
    assert all((each <= noisy + 1e-3).all() for each in found)
    best = min(((each - clean) ** 2).mean() for each in found)
    assert best < 0.5 * ((noisy - clean) ** 2).mean()
    floors = [each["floor_db"] for each in tried]
    least = [(each - noisy).min() for each in found]
    assert all(low >= -floor - 1e-3 for low, floor in zip(least, floors, strict=True))


def test_subtraction_is_that_by_hand() -> None:
    levels_db = np.array([0.0, 10.0, 20.0]).reshape(1, 3, 1)
    found = classical.spectral_subtraction(levels_db, quantile=0.5, factor=0.5, floor_db=3.0103)
    assert found.ravel() == pytest.approx([-3.0103, 10 * np.log10(5), 10 * np.log10(95)], abs=1e-4)


@pytest.mark.slow
def test_rows_land_one_by_one_and_are_found_again(places: Places) -> None:
    denoising, params, default = small()
    arguments = denoising, params, default, CLASSES, places
    first = run_denoising(*arguments, most=3)
    assert [row["setting"] for row in first["rows"]] == [*classical.METHODS, "spiking"]
    before = read_mapping(places.out)
    content = run_denoising(*arguments)
    assert content["planned"] == len(content["rows"]) == 4
    assert content["rows"][:3] == before["rows"]
    assert run_denoising(*arguments) == content
    rows = {row["setting"]: row for row in content["rows"]}
    for row in rows.values():
        assert row["clips"] == 4 * CLIPS // 2
        assert row["error_db"] > 0
        assert row["noisy_error_db"] == rows["spiking"]["noisy_error_db"]
    assert rows["spectral subtraction"]["improvement_db"] > 1
    assert rows["spectral subtraction"]["chosen"]["1"].keys() == {"quantile", "factor", "floor_db"}
    spiking, conventional = rows["spiking"], rows["conventional"]
    assert spiking["improvement_db_by_scale"][-1] == spiking["improvement_db"]
    assert 0 < spiking["spike_rate"] < 1
    assert spiking["acs_per_s"] > 0
    assert conventional["acs_per_s"] > 0, "the sums of skips"
    assert spiking["noisy_uw"] > 0
    assert "spike_rate" not in conventional


@pytest.mark.slow
def test_more_training_brings_the_map_nearer(places: Places) -> None:
    settings = {
        str(epochs): {"model": "ann-denoiser", "set": {"recipes.detector_ann.epochs": epochs}}
        for epochs in (1, 30)
    }
    content = run_denoising(*small(settings=settings), CLASSES, places)
    few, many = (row["improvement_db"] for row in content["rows"][-2:])
    assert many > max(few, 1.0)


def test_what_was_not_prepared_is_named(places: Places) -> None:
    with pytest.raises(SpikesoundError, match=r"white_5\.npy: no such file; robustness\.sound"):
        run_denoising(*small(snr_db=[5.0]), CLASSES, places)
    (places.disturbed / "white_0.npy").unlink()
    np.save(places.disturbed / "white_0.npy", np.zeros((2, 3), np.float16))
    with pytest.raises(SpikesoundError, match="expected shape"):
        run_denoising(*small(), CLASSES, places)
