"""``spikesound models`` and ``spikesound export``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from small_models import LIF, classifier, detector, saved
from typer.testing import CliRunner

from spikesound.apps.cli.export import export
from spikesound.apps.cli.models import models
from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.models import file
from spikesound.params import Params

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(export)
app.command()(models)


@pytest.fixture
def trained(tmp_path: Path, params: Params) -> Path:
    """A run's folder: a classifier of two folds, a detector, an exported model, a damaged one."""
    made = classifier("cnn", params, spiking=True)
    for fold in ("1", "2"):
        spec = made.spec.model_copy(update={"fold": fold})
        saved(replace(made, spec=spec), tmp_path / f"models/classification/{made.name}/fold-{fold}")
    saved(detector("tcn", neuron=LIF), tmp_path / "models/detection/snn-tcn-strong/fold-5")
    file.save(tmp_path / "others/mine.safetensors", made.spec, made.network)
    (tmp_path / "models/bad").mkdir()
    (tmp_path / "models/bad/model.safetensors").write_bytes(b"PK\x03\x04 and so on")
    write_json(
        tmp_path / "metrics/classification/models/snn-cnn-surrogate.json",
        {"accuracy": 0.5, "map": 0.25},
    )
    write_json(
        tmp_path / "metrics/detection/models/snn-tcn-strong.json", {"psds1": 0.125, "other": 1}
    )
    return tmp_path


def listed(folder: Path, *more: str) -> str:
    """Run the command."""
    done = CliRunner().invoke(
        app,
        [
            "models",
            str(folder / "models"),
            str(folder / "others"),
            "--metrics",
            str(folder / "metrics"),
            *more,
        ],
        env={"COLUMNS": "200"},
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    return done.output


def test_models_are_listed_with_sizes_and_metrics(trained: Path, params: Params) -> None:
    found = {
        row["path"].removeprefix(f"{trained}/"): row
        for row in json.loads(listed(trained, "--json"))
    }
    one = found["models/classification/snn-cnn-surrogate"]
    learnt = classifier("cnn", params, spiking=True).network.parameters()
    assert one["parameters"] == sum(p.numel() for p in learnt)
    assert one["trained_on"] == "single labels, direct; each of folds 1, 2 held out"
    assert one["metrics"] == {"accuracy": 0.5, "map": 0.25}
    two = found["models/detection/snn-tcn-strong"]
    assert (two["task"], two["classes"]) == ("detection", 3)
    assert two["trained_on"] == "strong labels, features; fold 5 held out"
    assert two["metrics"] == {"psds1": 0.125, "other": 1}
    assert found["others/mine.safetensors"]["task"] == "classification"
    assert "zip archive" in found["models/bad"]["error"]


def test_the_table_shows_every_model_and_what_is_wrong_with_one(trained: Path) -> None:
    text = listed(trained)
    for part in ("snn-cnn-surrogate", "0.500", "snn-tcn-strong", "0.125", "zip archive"):
        assert part in text
    with pytest.raises(SpikesoundError, match="no such folder"):
        listed(trained / "elsewhere")


def test_export_at_the_terminal_prints_the_comparison(trained: Path) -> None:
    out = trained / "packed.safetensors"
    source = str(trained / "models/classification/snn-cnn-surrogate/fold-1")
    done = CliRunner().invoke(
        app,
        ["export", source, "--to", "safetensors", "--out", str(out)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    assert "largest difference 0 in 3 values" in done.output
    assert out.is_file()


def test_export_overwrites_no_file_unless_told(trained: Path) -> None:
    model = trained / "models/detection/snn-tcn-strong/fold-5"
    before = (model / "model.safetensors").read_bytes()
    done = CliRunner().invoke(
        app,
        ["export", str(model), "--to", "torchscript", "--out", str(model / "model.safetensors")],
    )
    assert isinstance(done.exception, SpikesoundError)
    assert "already exists; use --force to overwrite" in str(done.exception)
    assert (model / "model.safetensors").read_bytes() == before


def test_a_file_that_makes_no_sense_does_not_end_the_list(trained: Path) -> None:
    path = trained / "models/detection/snn-tcn-strong/fold-5/model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    spec = json.loads(header["__metadata__"]["spec"]) | {"classes": 5}
    header["__metadata__"]["spec"] = json.dumps(spec)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    found = listed(trained)
    assert "snn-cnn-surrogate" in found
    assert "zip archive" in found
    assert "spec: classes: " in found
