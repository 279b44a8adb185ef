"""Rows of benchmarks/scale land one by one, and a second run goes on from them; small stages."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from project import ROOT, module_of

sys.path.append(str(ROOT / "benchmarks"))
sys.path.append(str(ROOT / "benchmarks/scale"))
from pipeline_stages import Stage, metrics_file, stages_of
from preset_sizes import preset_params

from spikesound.core.errors import SpikesoundError

PRESET = "audioset-balanced"
scale = module_of(ROOT / "benchmarks/scale/__main__.py")


def stage(kind: str, code: str, model: str = "") -> Stage:
    """Return a stage that runs a line of Python and writes the file of its name."""
    line = f"from pathlib import Path; {code}; Path('{kind}').write_text('12345')"
    return Stage(kind, (sys.executable, "-c", line), {"a file": Path(kind)}, model)


METRICS = metrics_file("classification", "ann-cnn")
SMALL = [
    stage("filter", "print('filtered')"),
    stage("train", "assert Path('go').exists(), 'killed'", "ann-cnn"),
    stage(
        "evaluate",
        f"p = Path('{METRICS}'); p.parent.mkdir(parents=True); p.write_text('{{\"map\": 0.5}}')",
        "ann-cnn",
    ),
]


class Space(scale.Workspace):  # type: ignore[name-defined,misc]
    """A workspace without a list."""

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.counts = {"train_clips": 8, "test_clips": 2, "labels": 10}


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    monkeypatch.setattr(scale, "Workspace", Space)
    monkeypatch.setattr(scale, "stages_of", lambda params, labels: SMALL)
    return argparse.Namespace(
        presets=[PRESET], clips=[10], epochs=3, folder=tmp_path / "work",
        out=tmp_path / "scale.json", keep=True, again=False,
    )  # fmt: skip


def rows(given: argparse.Namespace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(given.out.read_text(encoding="utf-8"))["rows"]
    return found


def test_a_row_lands_as_soon_as_it_is_there_and_the_next_run_goes_on(
    given: argparse.Namespace, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SpikesoundError, match="exit code 1; run it again to go on"):
        scale.main(given)
    (row,) = rows(given)
    assert (row["stage"], row["bytes"]) == ("filter", {"a file": 5, "store": 0})
    assert row["seconds"] > 0
    assert row["cpu_s"] > 0
    space = given.folder / f"{PRESET}-10-3"
    (space / "go").touch()
    capfd.readouterr()
    scale.main(given)
    said = capfd.readouterr().out
    assert "filtered" not in said
    assert f"train ann-cnn (2 of {len(SMALL)})" in said
    assert f"figures: {given.out}" in said
    assert [each["stage"] for each in rows(given)] == [
        "filter",
        "train ann-cnn",
        "evaluate ann-cnn",
    ]
    assert rows(given)[0] == row
    assert rows(given)[-1]["metrics"] == {"map": 0.5}
    scale.main(given)
    assert "all there" in capfd.readouterr().out


def test_nothing_is_gone_on_from_where_files_or_times_are_gone(given: argparse.Namespace) -> None:
    space = given.folder / f"{PRESET}-10-3"
    for gone in ("files", "times"):
        with pytest.raises(SpikesoundError, match="run it again"):
            scale.main(given)
        (space / "old").touch()
        if gone == "files":
            (space / "filter").unlink()
            (space / "old").unlink()
            for path in sorted(space.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            space.rmdir()
        else:
            given.out.unlink()
        with pytest.raises(SpikesoundError, match="run it again"):
            scale.main(given)
        assert (space / "filter").exists(), "filtered once more"
        assert not (space / "old").exists()


def test_other_epochs_and_again_are_measured_anew(given: argparse.Namespace) -> None:
    with pytest.raises(SpikesoundError, match="run it again"):
        scale.main(given)
    (given.folder / f"{PRESET}-10-3" / "go").touch()
    scale.main(given)
    assert len(rows(given)) == len(SMALL)
    given.epochs = 4
    with pytest.raises(SpikesoundError, match="run it again"):
        scale.main(given)
    assert [(row["stage"], row["epochs"]) for row in rows(given)] == [("filter", 4)]
    (given.folder / f"{PRESET}-10-4" / "go").touch()
    given.again = True
    with pytest.raises(SpikesoundError, match="run it again"):
        scale.main(given)


def test_an_unknown_preset_is_one_line(given: argparse.Namespace) -> None:
    given.presets = ["audioset"]
    with pytest.raises(SpikesoundError, match=r"unknown preset 'audioset' .*valid: audioset-bal"):
        scale.main(given)


@pytest.mark.parametrize("preset", ["audioset-balanced", "audioset-strong"])
def test_stages_are_scripts_of_the_pipeline_from_the_list_to_the_metrics(preset: str) -> None:
    found = stages_of(preset_params(preset), 527)
    kinds = [each.kind for each in found]
    for each in found:
        if each.kind != "metrics":
            assert Path(each.command[1]) == ROOT / "stages" / f"{each.kind}.py"
    spiking = preset == "audioset-balanced"
    encoded = ["encode"] * spiking
    expected = ["filter", "download", "features", *encoded, "baseline", "train", "train"]
    assert kinds == [*expected, "evaluate", "evaluate", *(["metrics"] * spiking)]
