"""Installed models: small, whole, as their cards say, and found where no other model is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import spikesound
from spikesound.apps.cli.model_choice import choose_model
from spikesound.inference.learnt.file import learnt_path
from spikesound.models import shipped
from spikesound.models.file import load

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "src" / shipped.PACKAGE
FILES = sorted(PLACE.glob(f"*/*{shipped.SUFFIX}"))


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_both_kinds_of_network_are_there(task: str) -> None:
    files = [file for file in FILES if file.parent.name == task]
    assert {load(file)[0].spiking for file in files} == {True, False}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_model_is_small_and_its_card_is_of_this_file_and_of_the_committed_metrics(
    file: Path,
) -> None:
    assert file.stat().st_size < 1e6
    spec, _ = load(file)
    assert spec.model == file.stem
    assert spec.task == file.parent.name
    text = file.with_suffix(".md").read_text(encoding="utf-8")
    assert hashlib.sha256(file.read_bytes()).hexdigest() in text
    path = ROOT / "metrics" / spec.task / "models" / f"{spec.model}.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    assert text == shipped.card(file, spec, metrics)
    key, words, form = shipped.FIGURES[spec.task][0]
    assert f"| {words} | {form.format(metrics[key])} |" in text


def test_where_no_model_is_the_installed_ones_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, words = choose_model(None, "data/models", task="classification")
    assert file == PLACE / "classification/snn-cnn-surrogate.safetensors"  # the spiking one
    assert "snn-cnn-surrogate" in words
    detector, _ = choose_model(None, "data/models", task="detection")
    assert detector == PLACE / "detection/snn-tcn-strong.safetensors"
    named, _ = choose_model("ann-cnn", "data/models")
    assert named == spikesound.models.loading.find_model("ann-cnn")
    assert named == PLACE / "classification/ann-cnn.safetensors"
    with pytest.raises(spikesound.SpikesoundError, match="ann-cnm"):
        choose_model("ann-cnm", "data/models")


def test_what_an_installed_model_learns_lies_in_the_persons_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    file = shipped.named("ann-cnn")
    assert file is not None
    assert learnt_path(file) == tmp_path / "spikesound/ann-cnn.learnt"
