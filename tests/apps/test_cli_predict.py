"""``spikesound predict`` and ``detect``: what they print and write, and which model they take."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import soundfile
from small_models import classifier, saved
from trained_models import NAMES, RECORDING, detector

from spikesound.apps.cli import app
from spikesound.apps.cli.model_choice import choose_model
from spikesound.core.errors import SpikesoundError, run
from spikesound.params import Params

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a detector where the pipeline puts it, two sounds and a damaged one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIKESOUND_MODEL", raising=False)
    detector(tmp_path / "data/models/detection/snn-tcn-strong/fold-5/model.safetensors")
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


def test_detect_prints_a_table_and_the_name_of_the_model(capsys: Captured) -> None:
    code, out, err = spikesound(capsys, "detect", "sounds")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "sounds/[red]/b.ogg (5.00 s)"
    assert lines[1].split() == ["Sound", "From,", "s", "To,", "s", "Score"]
    assert lines[2].split()[0] in NAMES
    assert "model: snn-tcn-strong (data/models/detection/snn-tcn-strong/fold-5/model" in err


def test_predict_shows_the_most_probable(capsys: Captured) -> None:
    code, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--top", "2")
    assert code == 0
    rows = [line.split() for line in out.splitlines()[2:]]
    assert len(rows) == 2
    assert float(rows[0][1]) >= float(rows[1][1])
    code, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--format", "json")
    assert list(json.loads(out)["probabilities"]) == NAMES


def test_several_sounds_are_one_csv_and_a_damaged_one_is_an_error(
    capsys: Captured, folder: Path
) -> None:
    (folder / "sounds/bad.wav").write_text("no sound")
    code, out, err = spikesound(capsys, "detect", "sounds", "--format", "csv")
    assert code == 1
    table = pd.read_csv(io.StringIO(out))
    assert set(table["filename"]) == {"sounds/a.ogg", "sounds/[red]/b.ogg"}
    errors = [line for line in err.splitlines() if "error: " in line]
    assert "sounds/bad.wav: no sound can be read from it: " in errors[0]
    assert errors[1:] == ["error: 1 of 3 sounds failed: see above"]


def test_one_damaged_sound_is_one_line(capsys: Captured, folder: Path) -> None:
    (folder / "bad.wav").write_text("no sound")
    code, out, err = spikesound(capsys, "detect", "bad.wav", "--format", "raven")
    assert (code, out) == (1, "")
    assert [line for line in err.splitlines() if "bad.wav" in line] == err.splitlines()[1:]


def test_a_file_for_each_sound_is_never_overwritten_unless_told(
    capsys: Captured, folder: Path
) -> None:
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
    assert err.startswith(
        "error: labels/[red]/b.ogg.txt: already exists (2 such files); use --force to overwrite"
    )
    assert spikesound(capsys, *arguments, "--force")[0] == 0
    assert files[1].read_bytes() == files[0].read_bytes()
    arguments = ("sounds/a.ogg", "other/a.ogg", "--format", "csv", "--out", "o")
    shutil.copytree(folder / "sounds", folder / "other")
    code, _, err = spikesound(capsys, "detect", *arguments)
    assert (code, err.count("\n")) == (1, 1)
    assert "o/a.ogg.csv: both sounds/a.ogg and other/a.ogg would be written to it" in err


def test_the_standard_input_is_a_sound(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(RECORDING.read_bytes())))
    code, out, _ = spikesound(capsys, "detect", "-", "--format", "json")
    found = json.loads(out)
    assert (code, found["file"], round(found["seconds"])) == (0, "stdin", 5)
    _, direct, _ = spikesound(capsys, "detect", "sounds/a.ogg", "--format", "json")
    assert json.loads(direct)["events"] == found["events"]


def test_a_piped_wav_whose_header_could_not_know_its_length(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(folder / "a.wav", *soundfile.read(folder / "sounds/a.ogg"))
    content = bytearray((folder / "a.wav").read_bytes())
    content[4:8] = content[40:44] = bytes(4)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    code, out, _ = spikesound(capsys, "detect", "-", "--format", "json")
    assert code == 0
    assert json.loads(out)["seconds"] == pytest.approx(5.0, abs=0.01)
    content[40:44] = (6400).to_bytes(4, "little")
    (folder / "a.wav").write_bytes(content)
    code, out, err = spikesound(capsys, "detect", "a.wav")
    assert (code, out, err.count("\n")) == (1, "", 2)
    assert "error: a.wav: damaged: its header tells of 6400 bytes of sound, and" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.wav",), "none.wav: no such file or folder"),
        (("sounds", "--format", "textgrid"), "unknown format (or table) 'textgrid'"),
        (("sounds", "--format", "raven"), "format raven takes one file a sound: expected --out"),
        (("sounds", "--out", "o"), "--out writes files: expected --format too"),
        (("sounds", "--model", "snn-tcm-strong"), "(did you mean 'snn-tcn-strong'?)"),
        (("sounds", "--models", "d"), "no trained detector in d: name one (--model)"),
    ],
)
def test_mistakes_are_one_line_before_any_work(
    capsys: Captured, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = spikesound(capsys, "detect", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert words in err


def test_the_default_model_is_the_best_detector_on_validation_then_a_spiking_one(
    tmp_path: Path, params: Params
) -> None:
    folder = str(tmp_path / "m")
    for name in ("ann-tcn-strong", "snn-tcn-weak", "snn-tcn-both", "snn-tcn-strong"):
        detector(tmp_path / "m" / name / "fold-5/model.safetensors", model=name)
    path, words = choose_model(None, folder)
    assert path == tmp_path / "m/snn-tcn-strong/fold-5/model.safetensors"
    assert "one of 4, choose another with --model" in words
    table = tmp_path / "m/ann-tcn-strong/fold-5/decision.csv"
    for figures, chosen in (("0.2\n0.4", "ann-tcn-strong"), ("none", "snn-tcn-strong")):
        table.write_text(f"event_f1\n{figures}\n", encoding="utf-8")
        assert choose_model(None, folder)[0].parents[1].name == chosen


def test_a_model_is_named_by_its_name_folder_or_file(tmp_path: Path, params: Params) -> None:
    folder, file = str(tmp_path / "c"), tmp_path / "c/snn-cnn/fold-2/model.safetensors"
    saved(classifier("cnn", params, spiking=True), file.parent)
    for given in ("snn-cnn", str(tmp_path / "c/snn-cnn"), str(file.parent), str(file), None):
        assert choose_model(given, folder)[0] == file
    with pytest.raises(SpikesoundError, match="no trained detector in"):
        choose_model(None, folder, task="detection")
    with pytest.raises(SpikesoundError, match="no model in this folder"):
        choose_model(str(tmp_path), folder)
    (tmp_path / "c/ann-cnn").mkdir()
    (tmp_path / "c/ann-cnn/model.safetensors").write_text("")
    assert choose_model(None, folder)[0] == file, "a damaged one beside it is left out"
    file.write_text("")
    with pytest.raises(SpikesoundError, match="not a model file"):
        choose_model(None, folder)
