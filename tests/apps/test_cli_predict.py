"""``spikesound predict`` and ``detect``: what they print and write, and which model they take."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from hearing_models import NAMES, RECORDING, detector

from spikesound.apps.cli import app
from spikesound.apps.cli.model_choice import choose_model
from spikesound.core.errors import SpikesoundError, run

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a detector where the pipeline puts it, two sounds and a damaged one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIKESOUND_MODEL", raising=False)
    detector(tmp_path / "data/detection/models/snn-tcn-strong/model.safetensors")
    (tmp_path / "sounds/[red]").mkdir(parents=True)
    shutil.copy(RECORDING, tmp_path / "sounds/a.ogg")
    shutil.copy(RECORDING, tmp_path / "sounds/[red]/b.ogg")
    return tmp_path


def spikesound(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        run(lambda: app(list(arguments)))
    printed = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, printed.out, printed.err


def test_detect_shows_a_table_and_says_which_model(capsys: Captured) -> None:
    code, out, err = spikesound(capsys, "detect", "sounds")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "sounds/[red]/b.ogg (5.00 s)"
    assert lines[1].split() == ["Sound", "From,", "s", "To,", "s", "Score"]
    assert lines[2].split()[0] in NAMES
    assert "model: snn-tcn-strong (data/detection/models/snn-tcn-strong/model" in err


def test_predict_shows_the_most_probable(capsys: Captured) -> None:
    code, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--top", "2")
    assert code == 0
    rows = [line.split() for line in out.splitlines()[2:]]
    assert len(rows) == 2
    assert float(rows[0][1]) >= float(rows[1][1])
    code, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--format", "json")
    assert list(json.loads(out)["probabilities"]) == NAMES


def test_several_sounds_are_one_csv_and_a_damaged_one_is_told_of(
    capsys: Captured, folder: Path
) -> None:
    (folder / "sounds/bad.wav").write_text("no sound")
    code, out, err = spikesound(capsys, "detect", "sounds", "--format", "csv")
    assert code == 1
    table = pd.read_csv(io.StringIO(out))
    assert set(table["filename"]) == {"sounds/a.ogg", "sounds/[red]/b.ogg"}
    told = [line for line in err.splitlines() if "error: " in line]
    assert "sounds/bad.wav: no sound can be read from it: " in told[0]
    assert told[1:] == ["error: 1 of 3 sounds were not heard: see above"]


def test_one_damaged_sound_is_one_line(capsys: Captured, folder: Path) -> None:
    (folder / "bad.wav").write_text("no sound")
    code, out, err = spikesound(capsys, "detect", "bad.wav", "--format", "raven")
    assert (code, out) == (1, "")
    assert [line for line in err.splitlines() if "bad.wav" in line] == err.splitlines()[1:]


def test_a_file_for_each_sound_is_never_written_over(capsys: Captured, folder: Path) -> None:
    arguments = ("detect", "sounds", "--format", "audacity", "--out", "labels")
    assert spikesound(capsys, *arguments)[0] == 0
    files = sorted(path for path in (folder / "labels").rglob("*") if path.is_file())
    assert [path.relative_to(folder / "labels").as_posix() for path in files] == [
        "[red]/b.ogg.txt",
        "a.ogg.txt",
    ]
    assert files[0].read_bytes() == files[1].read_bytes() != b""
    files[1].write_text("by hand")
    code, _, err = spikesound(capsys, *arguments)
    assert (code, files[1].read_text()) == (1, "by hand")
    assert err.startswith("error: labels/[red]/b.ogg.txt: is there already (2 such)")
    assert spikesound(capsys, *arguments, "--force")[0] == 0
    assert files[1].read_bytes() == files[0].read_bytes()
    arguments = ("sounds/a.ogg", "other/a.ogg", "--format", "csv", "--out", "o")
    shutil.copytree(folder / "sounds", folder / "other")
    code, _, err = spikesound(capsys, "detect", *arguments)
    assert (code, err.count("\n")) == (1, 1)
    assert "o/a.ogg.csv would be written of sounds/a.ogg and other/a.ogg" in err


def test_the_standard_input_is_a_sound(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(RECORDING.read_bytes())))
    code, out, _ = spikesound(capsys, "detect", "-", "--format", "json")
    found = json.loads(out)
    assert (code, found["file"], round(found["seconds"])) == (0, "stdin", 5)
    _, direct, _ = spikesound(capsys, "detect", "sounds/a.ogg", "--format", "json")
    assert json.loads(direct)["events"] == found["events"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.wav",), "none.wav: no such file or folder"),
        (("sounds", "--format", "textgrid"), "unknown format (or table) 'textgrid'"),
        (("sounds", "--format", "raven"), "2 sounds as raven are as many files: give --out"),
        (("sounds", "--out", "o"), "--out takes files: give --format too"),
        (("sounds", "--model", "snn-tcm-strong"), "(did you mean 'snn-tcn-strong'?)"),
        (("sounds", "--detectors", "d"), "no trained model in d: give one by --model"),
    ],
)
def test_mistakes_are_one_line_before_any_work(
    capsys: Captured, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = spikesound(capsys, "detect", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert words in err


def test_the_model_is_a_spiking_one_with_strong_labels_unless_named(tmp_path: Path) -> None:
    names = ["ann-tcn-strong", "snn-alif-weak", "snn-alif-both", "snn-tcn-strong", "baseline-mel"]
    for name in names:
        (tmp_path / "m" / name).mkdir(parents=True)
        (tmp_path / "m" / name / "model.safetensors").touch()
    (tmp_path / "c/ann-cnn/fold-2").mkdir(parents=True)
    for name in ("model.safetensors", "spec.json"):
        (tmp_path / "c/ann-cnn/fold-2" / name).touch()
    folders = [str(tmp_path / "m"), str(tmp_path / "c")]
    path, words = choose_model(None, folders)
    assert path == tmp_path / "m/snn-tcn-strong/model.safetensors"
    assert "one of 5, --model takes another" in words
    table = tmp_path / "m/ann-tcn-strong/decision.csv"
    for figures, chosen in (("0.2\n0.4", "ann-tcn-strong"), ("none", "snn-tcn-strong")):
        table.parent.mkdir(exist_ok=True)
        table.write_text(f"event_f1\n{figures}\n", encoding="utf-8")
        assert choose_model(None, folders)[0].parent.name == chosen
    assert choose_model("baseline-mel", folders)[0].parent.name == "baseline-mel"
    fold = tmp_path / "c/ann-cnn/fold-2"
    for given in ("ann-cnn", str(tmp_path / "c/ann-cnn"), str(fold)):
        assert choose_model(given, folders)[0] == fold
    assert choose_model(None, [str(tmp_path / "none"), folders[1]])[0] == fold
    with pytest.raises(SpikesoundError, match="no model in this folder"):
        choose_model(str(tmp_path), folders)
