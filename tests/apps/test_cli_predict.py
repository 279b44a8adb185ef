"""``spikesound predict`` and ``detect``: what they print and write, and which model they take."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
from small_models import classifier, saved
from trained_models import NAMES, RECORDING, detector

from spikesound.apps.api import Model, Prediction
from spikesound.apps.batch.label_folder import RECORD
from spikesound.apps.cli import app
from spikesound.apps.cli.model_choice import choose_model
from spikesound.apps.sound import Samples
from spikesound.core.errors import SpikesoundError, run
from spikesound.models import shipped
from spikesound.params import Params

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a detector where the pipeline puts it, two sounds and a damaged one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIKESOUND_MODEL", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # all in this process
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


@pytest.mark.slow
def test_detect_prints_a_table_and_the_name_of_the_model(capsys: Captured) -> None:
    code, out, err = spikesound(capsys, "detect", "sounds")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "sounds/[red]/b.ogg (5.00 s)"
    assert lines[1].split() == ["Sound", "From,", "s", "To,", "s", "Score"]
    assert lines[2].split()[0] in NAMES
    assert "model: snn-tcn-strong (data/models/detection/snn-tcn-strong/fold-5/model" in err


@pytest.mark.slow
def test_predict_shows_the_most_probable(capsys: Captured) -> None:
    code, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--top", "2")
    assert code == 0
    rows = [line.split() for line in out.splitlines()[2:]]
    assert len(rows) == 2
    assert float(rows[0][1]) >= float(rows[1][1])
    code, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--format", "json")
    assert list(json.loads(out)["probabilities"]) == NAMES


@pytest.mark.slow
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


@pytest.mark.slow
def test_one_damaged_sound_is_one_line(capsys: Captured, folder: Path) -> None:
    (folder / "bad.wav").write_text("no sound")
    code, out, err = spikesound(capsys, "detect", "bad.wav", "--format", "raven")
    assert (code, out) == (1, "")
    assert [line for line in err.splitlines() if "bad.wav" in line] == err.splitlines()[1:]


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_standard_input_is_a_sound(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(RECORDING.read_bytes())))
    code, out, _ = spikesound(capsys, "detect", "-", "--format", "json")
    found = json.loads(out)
    assert (code, found["file"], round(found["seconds"])) == (0, "stdin", 5)
    _, direct, _ = spikesound(capsys, "detect", "sounds/a.ogg", "--format", "json")
    assert json.loads(direct)["events"] == found["events"]


@pytest.mark.slow
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
    assert "error: a.wav: damaged: its header states 6400 bytes of sound, and" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.wav",), "none.wav: no such file or folder"),
        (("sounds", "--format", "textgrid"), "unknown format (or table) 'textgrid'"),
        (("sounds", "--format", "raven"), "format raven takes one file a sound: expected --out"),
        (
            ("sounds", "--out", "o"),
            "--out writes files: expected FILE.csv, FILE.parquet, or --format too",
        ),
        (("sounds", "--model", "snn-tcm-strong"), "(did you mean 'snn-tcn-strong'?)"),
        (("a" * 5000,), "aaaa ... aaaa"),
        (("sounds", "--model", "a" * 5000), "aaaa ... aaaa"),
        (("sounds", "--models", "a" * 5000), "aaaa ... aaaa"),
        (("sounds", "--format", "csv", "--out", "a" * 5000), "aaaa ... aaaa"),
        (("\n".join(f"{n}.ogg" for n in range(999)),), "as several arguments, not in one"),
        (("a.ogg\nb.ogg",), "no such file or folder; give several sounds as several arguments"),
    ],
)
def test_mistakes_are_one_line_before_any_work(
    capsys: Captured, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = spikesound(capsys, "detect", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert words in err.replace("aaaaaa", "")
    assert len(err) < 700


@pytest.mark.slow
def test_detect_refuses_a_classifier_before_any_work(capsys: Captured, params: Params) -> None:
    saved(classifier("cnn", params, spiking=True), Path("c"))
    for more in ((), ("--format", "audacity", "--out", "labels")):
        code, out, err = spikesound(capsys, "detect", "sounds", "--model", "c", *more)
        assert (code, out) == (1, "")
        assert "snn-cnn-surrogate: expected a detector, got a classifier" in err
        assert "spikesound predict --window" in err
    assert not Path("labels").exists()


def table_of(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


@pytest.mark.slow
@pytest.mark.parametrize("model", [None, "c"], ids=["detector", "classifier"])
def test_predict_gives_rows_by_window(
    capsys: Captured, params: Params, folder: Path, model: str | None
) -> None:
    saved(classifier("cnn", params, spiking=False), Path("c"))
    chosen = () if model is None else ("--model", model)
    given = ("predict", "sounds/a.ogg", *chosen, "--window", "2", "--hop", "1")
    code, out, _ = spikesound(capsys, *given, "--format", "csv")
    assert code == 0
    table = table_of(out)
    assert list(table.columns) == ["filename", "onset", "offset", "event_label", "score"]
    times = table[["onset", "offset"]].drop_duplicates().round(2)
    assert times.values.tolist() == [[0, 2], [1, 3], [2, 4], [3, 5]]
    assert (table.groupby("onset").size() == 3).all()
    code, out, _ = spikesound(capsys, *given, "--format", "csv", "--top", "1")
    best = table.loc[table.groupby("onset")["score"].idxmax()]
    assert table_of(out).values.tolist() == best.values.tolist()
    middle = str(round(table["score"].median(), 3))
    code, out, _ = spikesound(capsys, *given, "--format", "json", "--threshold", middle)
    rows = json.loads(out)["windows"]
    assert [row["score"] for row in rows] == list(table["score"][table["score"] >= float(middle)])
    code, out, _ = spikesound(capsys, *given)
    assert len(out.splitlines()) == 2 + 4, "the most probable of each window"
    assert spikesound(capsys, *given, "--format", "audacity", "--out", "o")[0] == 0
    assert len((folder / "o/a.ogg.txt").read_text().splitlines()) == len(table)


@pytest.mark.slow
def test_threshold_and_top_hold_in_every_format(capsys: Captured) -> None:
    _, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--format", "json")
    whole = json.loads(out)["probabilities"]
    best = sorted(whole, key=lambda label: -whole[label])
    for options, labels in (
        (("--top", "2"), best[:2]),
        (("--threshold", str(whole[best[1]] - 1e-6)), [each for each in NAMES if each in best[:2]]),
    ):
        _, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--format", "json", *options)
        assert list(json.loads(out)["probabilities"]) == labels
        _, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--format", "csv", *options)
        assert list(table_of(out)["label"]) == labels
    code, out, _ = spikesound(capsys, "predict", "sounds/a.ogg", "--threshold", "1")
    assert (code, out) == (0, "sounds/a.ogg (5.00 s): no label at or above the threshold\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--window", "0"), "window: expected a length above 0 s, got 0"),
        (("--window", "nan"), "window: expected a length above 0 s, got nan"),
        (("--window", "1", "--hop", "2"), "hop: expected above 0 s and at most the window of 1 s"),
        (("--hop", "0"), "hop: expected above 0 s and at most the window of 10 s, got 0"),
        (("--format", "raven"), "valid: csv, json"),
    ],
)
def test_a_wrong_window_is_one_line_before_any_work(
    capsys: Captured, options: tuple[str, ...], words: str
) -> None:
    code, out, err = spikesound(capsys, "predict", "sounds", *options)
    assert (code, out, err.count("error: ")) == (1, "", 1)
    assert words in err


@pytest.mark.slow
def test_the_high_frequency_of_raven_is_not_above_half_the_rate_of_the_sound(
    capsys: Captured, folder: Path
) -> None:
    for rate_hz, high_hz in ((8000, 4000.0), (48000, 11025.0)):
        soundfile.write("low.wav", np.sin(np.arange(2 * rate_hz)), rate_hz)
        for command in (("detect",), ("predict", "--window", "1")):
            _, out, _ = spikesound(capsys, *command, "low.wav", "--format", "raven")
            table = pd.read_csv(io.StringIO(out), sep="\t")
            assert set(table["High Freq (Hz)"]) == {high_hz}
            assert set(table["Annotation"]) <= set(NAMES)


def broken_off(monkeypatch: pytest.MonkeyPatch, after: int) -> list[int]:
    """Interrupt the processing of sounds after so many; return a list that grows with each."""
    whole = Model.process_samples
    done: list[int] = []

    def process(self: Model, samples: Samples) -> Prediction:
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(1)
        return whole(self, samples)

    monkeypatch.setattr(Model, "process_samples", process)
    return done


BATCH = ("detect", "many", "--format", "csv", "--out", "o")


@pytest.fixture
def many(folder: Path) -> list[str]:
    """Six sounds in a folder."""
    (folder / "many").mkdir()
    for name, recording in zip("abcdef", sorted(RECORDING.parent.iterdir()), strict=False):
        shutil.copy(recording, folder / f"many/{name}.ogg")
    return [f"{name}.ogg.csv" for name in "abcdef"]


@pytest.mark.slow
def test_a_batch_that_was_broken_off_goes_on_where_it_stopped(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, many: list[str]
) -> None:
    with monkeypatch.context() as patch:
        broken_off(patch, 2)
        assert spikesound(capsys, *BATCH)[0] != 0
    assert sorted(path.name for path in Path("o").glob("*.csv")) == many[:2]
    times = [Path("o", name).stat().st_mtime_ns for name in many[:2]]
    with Path("o", RECORD).open("a") as record:
        record.write('{"sound": "c')  # killed within a line
    with monkeypatch.context() as patch:
        done = broken_off(patch, 2)
        assert f"going on: 2 outputs are in o/{RECORD}" in spikesound(capsys, *BATCH)[2]
        assert len(done) == 2
    code, _, err = spikesound(capsys, *BATCH)
    assert (code, "6 files are in o" in err) == (0, True)
    assert sorted(path.name for path in Path("o").iterdir()) == many, "and no record is left"
    assert [Path("o", name).stat().st_mtime_ns for name in many[:2]] == times
    code, _, err = spikesound(capsys, *BATCH)
    assert code == 1
    assert "o/a.ogg.csv: already exists (6 such files); use --force to overwrite" in err


@pytest.mark.slow
def test_a_batch_goes_on_only_as_the_same_batch(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, many: list[str]
) -> None:
    """Not with another model or task, nor over what is not its own."""
    with monkeypatch.context() as patch:
        broken_off(patch, 2)
        spikesound(capsys, *BATCH)
    detector(Path("other/model.safetensors"), seed=2)
    for given, what in (((*BATCH, "--model", "other"), "model"), (("predict", *BATCH[1:]), "task")):
        code, _, err = spikesound(capsys, *given)
        assert (code, err.count("\n")) == (1, 1)
        assert f"o/{RECORD}: of an unfinished batch with another {what}" in err
    Path("o", many[4]).write_text("by hand")
    assert "o/e.ogg.csv: already exists; use" in spikesound(capsys, *BATCH)[2]
    Path("o", many[4]).unlink()
    text = Path("o", many[0]).read_text()
    Path("o", many[0]).write_text("corrected by hand")
    assert "o/a.ogg.csv: already exists; use" in spikesound(capsys, *BATCH)[2]
    assert spikesound(capsys, *BATCH, "--force")[0] == 0
    assert sorted(path.name for path in Path("o").iterdir()) == many
    assert Path("o", many[0]).read_text() == text


@pytest.mark.slow
def test_a_sound_is_known_by_its_content(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, many: list[str]
) -> None:
    with monkeypatch.context() as patch:
        broken_off(patch, 3)
        spikesound(capsys, *BATCH)
    times = Path("many/b.ogg").stat()
    shutil.move("many/a.ogg", "many/g.ogg")
    Path("many/c.ogg").touch()
    shutil.copy("many/f.ogg", "many/b.ogg")
    os.utime("many/b.ogg", ns=(times.st_atime_ns, times.st_mtime_ns))
    with monkeypatch.context() as patch:
        done = broken_off(patch, 9)
        assert spikesound(capsys, *BATCH)[0] == 0
    assert len(done) == 4, "b, d, e, f; not c, which was touched, nor g, which is a"
    assert Path("o/b.ogg.csv").read_text() == Path("o/f.ogg.csv").read_text().replace("/f.", "/b.")
    assert Path("o/g.ogg.csv").read_text() == Path("o/a.ogg.csv").read_text().replace("/a.", "/g.")


@pytest.mark.slow
def test_sounds_that_failed_are_tried_again_alone(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, many: list[str]
) -> None:
    Path("many/c.ogg").write_text("no sound")
    assert "error: 1 of 6 sounds failed" in spikesound(capsys, *BATCH)[2]
    shutil.copy(sorted(RECORDING.parent.iterdir())[9], "many/c.ogg")
    done = broken_off(monkeypatch, 9)
    assert spikesound(capsys, *BATCH)[0] == 0
    assert len(done) == 1
    assert sorted(path.name for path in Path("o").iterdir()) == many


@pytest.mark.slow
@pytest.mark.parametrize("format", ["csv", "json", "table"])
def test_rows_appear_as_they_are_made(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, many: list[str], format: str
) -> None:
    broken_off(monkeypatch, 2)
    code, out, _ = spikesound(capsys, "detect", "many", "--format", format)
    assert code != 0
    for name, there in (("a", True), ("b", True), ("c", False)):
        assert (f"many/{name}.ogg" in out) == there
    if format == "csv":
        assert set(table_of(out)["filename"]) == {"many/a.ogg", "many/b.ogg"}


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_model_is_named_by_its_name_folder_or_file(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = str(tmp_path / "c"), tmp_path / "c/snn-cnn/fold-2/model.safetensors"
    saved(classifier("cnn", params, spiking=True), file.parent)
    for given in ("snn-cnn", str(tmp_path / "c/snn-cnn"), str(file.parent), str(file), None):
        assert choose_model(given, folder)[0] == file
    installed = shipped.named("snn-tcn-strong")
    assert choose_model(None, folder, task="detection")[0] == installed
    monkeypatch.setattr(shipped, "folder", lambda: None)
    with pytest.raises(SpikesoundError, match=r"no trained detector in .*: name one"):
        choose_model(None, folder, task="detection")
    assert choose_model(str(tmp_path / "snn-cnn"), str(tmp_path))[0] == file, "in a task's folder"
    with pytest.raises(SpikesoundError, match="no model in this folder; models in it: snn-cnn"):
        choose_model(str(tmp_path), folder)
    (tmp_path / "c/ann-cnn").mkdir()
    (tmp_path / "c/ann-cnn/model.safetensors").write_text("")
    assert choose_model(None, folder)[0] == file, "a damaged one beside it is left out"
    file.write_text("")
    with pytest.raises(SpikesoundError, match="not a model file"):
        choose_model(None, folder)
