"""A batch into one table: nothing missing, nothing twice, whatever breaks it off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recorder_files import RATE_HZ, audiomoth, wav
from trained_models import NAMES, RECORDING, detector

from spikesound.apps.api import Model, Prediction
from spikesound.apps.batch.record import Record
from spikesound.apps.cli import app
from spikesound.apps.sound import Samples
from spikesound.audio.reading import blocks
from spikesound.core.errors import SpikesoundError, run

Captured = pytest.CaptureFixture[str]
MODEL = "data/models/detection/snn-tcn-strong/fold-5/model.safetensors"
UNFINISHED = Path(".t.csv.unfinished.jsonl")
DETECT = ("detect", "sounds", "--out", "t.csv")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A detector, and four recordings of a second and a damaged one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIKESOUND_MODEL", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # all in this process
    detector(tmp_path / MODEL)
    for number, name in enumerate(("a", "b", "c", "site/d")):
        wav(tmp_path / f"sounds/{name}_20240131_05300{number}.wav", second(number))
    (tmp_path / "sounds/bad.wav").write_bytes(b"RIFF no sound")
    return tmp_path


def second(number: float) -> np.ndarray:
    """A second of a dog, from one on, with a little noise: silence would be one content."""
    samples = np.concatenate(list(blocks(RECORDING, RATE_HZ)))
    first = round(number * RATE_HZ)
    noise = np.random.default_rng(first).normal(0, 10, RATE_HZ)
    return samples[first : first + RATE_HZ] * 30000 + noise


def spikesound(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        run(lambda: app(list(arguments)))
    printed = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, printed.out, printed.err


def counted(monkeypatch: pytest.MonkeyPatch, stop_after: int = 99) -> list[int]:
    """Return a list that grows with each sound; interrupt after so many."""
    whole = Model.process_samples
    done: list[int] = []

    def process(self: Model, samples: Samples) -> Prediction:
        if len(done) == stop_after:
            raise KeyboardInterrupt
        result = whole(self, samples)
        done.append(1)
        return result

    monkeypatch.setattr(Model, "process_samples", process)
    return done


@pytest.mark.slow
def test_one_table_of_all_events_and_one_of_all_files(capsys: Captured) -> None:
    code, out, err = spikesound(capsys, *DETECT)
    assert (code, out) == (1, "")
    assert "error: 1 of 5 sounds failed: see above" in err
    assert "t.files.csv: the files, 1 of them failed" in err
    files = pd.read_csv("t.files.csv")
    names = ["a_20240131_053000", "b_20240131_053001", "bad", "c_20240131_053002",
             "site/d_20240131_053003"]  # fmt: skip
    assert list(files["filename"]) == [f"sounds/{name}.wav" for name in names]
    assert list(files["state"]) == ["ok", "ok", "failed", "ok", "ok"]
    assert files["reason"].notna().tolist() == [False, False, True, False, False]
    assert files["reason"][2].startswith("no sound can be read from it")
    assert files["seconds"].dropna().tolist() == [1.0] * 4
    assert files["recorder"].tolist() == ["sounds/a", "sounds/b", "sounds", "sounds/c", "site/d"]
    table = pd.read_csv("t.csv")
    assert list(table.columns) == [
        "filename", "onset", "offset", "event_label", "score", "onset_time", "offset_time",
        "recorder",
    ]  # fmt: skip
    assert table["onset_time"].isna().all(), "no time zone is known"
    counts = table.groupby("filename").size().reindex(files["filename"], fill_value=0)
    assert counts.tolist() == files["rows"].tolist()
    assert len(table) > 0
    _, out, _ = spikesound(capsys, "detect", "sounds", "--format", "csv")
    Path("printed.csv").write_text(out)
    assert pd.read_csv("printed.csv").equals(table[list(table.columns[:5])])


@pytest.mark.slow
def test_parquet_holds_what_csv_holds_unrounded(capsys: Captured) -> None:
    given = ("detect", "sounds", "--timezone", "Europe/Berlin")
    assert spikesound(capsys, *given, "--out", "t.csv")[0] == 1
    assert spikesound(capsys, *given, "--out", "o/t.parquet", "--format", "parquet")[0] == 1
    for name in ("t", "t.files"):
        csv, parquet = pd.read_csv(f"{name}.csv"), pd.read_parquet(f"o/{name}.parquet")
        assert list(csv.columns) == list(parquet.columns)
        for column in csv.columns:
            if csv[column].dtype == float and parquet[column].notna().any():
                np.testing.assert_allclose(csv[column], parquet[column].astype(float), atol=5e-7)
            else:
                assert csv[column].fillna("").tolist() == parquet[column].fillna("").tolist()
    assert pd.read_parquet("o/t.files.parquet")["start_time"][0] == "2024-01-31T05:30:00.000+01:00"


@pytest.mark.slow
def test_failed_sounds_alone_are_tried_again(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert spikesound(capsys, *DETECT)[0] == 1
    assert UNFINISHED.exists()
    wav(Path("sounds/bad.wav"), second(2.5))
    done = counted(monkeypatch)
    code, _, err = spikesound(capsys, *DETECT)
    assert (code, len(done)) == (0, 1)
    assert f"going on: 4 outputs are in {UNFINISHED}" in err
    assert pd.read_csv("t.files.csv")["state"].tolist() == ["ok"] * 5
    assert not UNFINISHED.exists()
    code, _, err = spikesound(capsys, *DETECT)
    assert (code, err.count("\n")) == (1, 1)
    assert err == "error: t.csv: already exists (2 such files); use --force to overwrite\n"
    assert not UNFINISHED.exists()
    before = Path("t.csv").read_bytes()
    assert spikesound(capsys, *DETECT, "--force")[0] == 0
    assert (len(done), Path("t.csv").read_bytes()) == (1 + 5, before)


@pytest.mark.slow
def test_other_rules_for_events_need_no_other_computation(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    spikesound(capsys, *DETECT)
    every = pd.read_csv("t.csv")
    done = counted(monkeypatch)
    assert spikesound(capsys, *DETECT, "--top", "1", "--min-duration", "0.01")[0] == 1
    best = pd.read_csv("t.csv")
    expected = every.sort_values("score", ascending=False).groupby("filename", sort=False).head(1)
    assert sorted(best["score"]) == sorted(expected["score"])
    assert done == []
    Path("x.yaml").write_text("\n".join(f"{name}: 1.0" for name in NAMES))
    code, _, err = spikesound(capsys, *DETECT, "--thresholds", "x.yaml")
    assert (code, done) == (1, [])
    assert f"{UNFINISHED}: of an unfinished batch with another thresholds; finish that" in err
    assert spikesound(capsys, *DETECT, "--thresholds", "x.yaml", "--force")[0] == 1
    assert len(done) == 4
    assert len(pd.read_csv("t.csv")) == 0


@pytest.mark.slow
def test_a_table_that_is_not_its_own_is_an_error_before_any_work(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = counted(monkeypatch)
    for name in ("t.csv", "t.files.csv"):
        Path(name).write_text("by hand")
        assert f"error: {name}: already exists; use --force" in spikesound(capsys, *DETECT)[2]
        Path(name).unlink()
    spikesound(capsys, *DETECT)
    done.clear()
    Path("t.csv").write_text("corrected by hand")
    assert "error: t.csv: already exists; use --force" in spikesound(capsys, *DETECT)[2]
    assert (Path("t.csv").read_text(), done) == ("corrected by hand", [])


AT = "Recorded at {} 31/01/2024 (UTC) by AudioMoth {} at medium gain while battery was 4.1V."


@pytest.mark.slow
def test_one_event_of_two_recorders_is_counted_once(capsys: Captured) -> None:
    for number, (device, at) in enumerate((("A" * 16, "05:30:00"), ("B" * 16, "05:29:58"))):
        quiet = np.zeros((2 - 2 * (1 - number)) * RATE_HZ)  # the second began two seconds before
        samples = np.concatenate([quiet, second(0), second(1)])
        wav(Path(f"moths/{number}.WAV"), samples, before=audiomoth(AT.format(at, device), device))
    given = ("detect", "moths", "--out", "m.csv", "--timezone", "Europe/Berlin", "--merge-gap", "9")
    assert spikesound(capsys, *given)[0] == 0
    every = pd.read_csv("m.csv")
    assert set(every["recorder"]) == {f"AudioMoth {'A' * 16}", f"AudioMoth {'B' * 16}"}
    assert every["onset_time"].str.fullmatch(r"2024-01-31T06:(29|30):\d\d\.\d{3}\+01:00").all()
    assert pd.read_csv("m.files.csv")["gain"].tolist() == ["medium", "medium"]
    assert spikesound(capsys, *given, "--merge-recorders", "--force")[0] == 0
    merged = pd.read_csv("m.csv")
    both = merged[merged["recorders"].str.contains(";")]
    assert len(both) > 0
    assert len(merged) == len(every) - len(both)
    for _, row in both.iterrows():
        of_label = every[every["event_label"] == row["event_label"]]
        assert row["score"] == of_label["score"].max()
        assert row["recorders"].split("; ")[0] == row["recorder"]


@pytest.mark.slow
def test_merging_recorders_needs_clock_times(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = counted(monkeypatch)
    code, _, err = spikesound(capsys, *DETECT, "--merge-recorders")
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, len(errors), done) == (1, 1, [])
    assert errors[0].startswith(
        "error: sounds/a_20240131_053000.wav: --merge-recorders needs clock"
    )
    assert errors[0].endswith("without a time zone: --timezone (5 such files)")
    assert not Path("t.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("detect", "sounds", "--timezone", "UTC"), "--timezone: expected --out FILE.csv or"),
        ((*DETECT, "--timezone", "Berlin"), "unknown time zone 'Berlin'"),
        ((*DETECT, "--merge-recorders", "--tolerance", "-1"), "--tolerance: expected at least 0 s"),
        ((*DETECT, "--merge-gap", "nan"), "--merge-gap: expected at least 0 s, got nan"),
        ((*DETECT, "--format", "raven"), "--out t.csv: expected a folder with --format raven"),
        (("detect", "sounds", "--format", "parquet"), "expected --out FILE.parquet"),
        (
            ("predict", *DETECT[1:], "--merge-gap", "1"),
            "--merge-gap needs times of events: expected",
        ),
        ((*DETECT, "--thresholds", "none.csv"), "none.csv: cannot be read"),
        (("detect", "sounds", "--out", f"{MODEL}/t.csv"), "unfinished.jsonl: cannot be written: "),
    ],
)
def test_mistakes_are_one_line_before_any_work(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    done = counted(monkeypatch)
    code, out, err = spikesound(capsys, *arguments)
    assert (code, out, err.count("\n"), done) == (1, "", 1, [])
    assert words in err
    assert not UNFINISHED.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "window", [(), ("--window", "0.5", "--hop", "0.5")], ids=["file", "windows"]
)
def test_probabilities_in_one_table(capsys: Captured, window: tuple[str, ...]) -> None:
    Path("x.csv").write_text("label,threshold\nDog,0\nRooster,0\nSneeze,1\n")
    given = ("predict", "sounds", *window, "--thresholds", "x.csv", "--timezone", "+01:00")
    assert spikesound(capsys, *given, "--out", "t.csv")[0] == 1
    table = pd.read_csv("t.csv")
    if window:
        assert set(table["event_label"]) == {"Dog", "Rooster"}
        assert len(table) == 4 * 2 * 2
        assert table["onset_time"][2] == "2024-01-31T05:30:00.500+01:00"
    else:
        assert list(table.columns) == ["filename", "label", "probability", "start_time", "recorder"]
        assert table["label"].tolist() == ["Dog", "Rooster"] * 4
        assert table["start_time"][7] == "2024-01-31T05:30:03.000+01:00"


@pytest.mark.slow
def test_a_record_is_one_process_s_and_a_line_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Record(path, {"model": "a"}) as record:
        record.announce("1234")
        with pytest.raises(SpikesoundError, match=r"r\.jsonl: another process is at this batch"):
            Record(path, {"model": "a"})
    whole = path.read_bytes()
    for tail in (b'{"table": "56', b'{"table": "56"}'):
        path.write_bytes(whole + tail)
        with Record(path, {"model": "a"}) as record:
            assert record.written == {"1234"}
        assert path.read_bytes() == whole
    with pytest.raises(SpikesoundError, match="of an unfinished batch with another model, windows"):
        Record(path, {"model": "b", "windows": 1})
    assert path.read_bytes() == whole


def killed(arguments: list[str], ready: Callable[[], bool]) -> str:
    """Kill a process as soon as something is so; return what it printed."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while process.poll() is None and not ready():
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    printed, _ = process.communicate(timeout=240)  # ends when its workers have ended too
    assert process.returncode == -signal.SIGKILL, printed
    return printed


@pytest.mark.slow
def test_killed_twice_and_yet_one_table_of_all(capsys: Captured) -> None:
    """By SIGKILL, which nothing can catch, in the midst of two processes' work."""
    for number in range(40):
        wav(Path(f"many/n{number:02d}.wav"), second(number / 10))
    for name, content in (("x", b"no sound"), ("y", b""), ("z", b"RIFF\0\0\0\0WAVEfmt ")):
        Path(f"many/{name}.wav").write_bytes(content)
    command = [str(Path(sys.executable).parent / "spikesound"), "detect", "many", "--jobs", "2"]
    assert spikesound(capsys, "detect", "many", "--out", "whole.csv")[0] == 1

    def outputs() -> int:
        return UNFINISHED.read_text().count('"sound"') if UNFINISHED.exists() else 0

    printed = killed([*command, "--out", "t.csv"], lambda: outputs() >= 8)
    assert "going on" not in printed
    first = outputs()
    printed = killed([*command, "--out", "t.csv"], lambda: outputs() >= first + 8)
    assert f"going on: {first} outputs" in printed
    assert 16 <= outputs() < 40
    assert not Path("t.csv").exists()
    done = subprocess.run([*command, "--out", "t.csv"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: 3 of 43 sounds failed" in done.stderr
    files = pd.read_csv("t.files.csv")
    assert files["filename"].is_unique
    assert files["state"].value_counts().to_dict() == {"ok": 40, "failed": 3}
    assert files.loc[files["state"] == "failed", "reason"].notna().all()
    lines = [json.loads(line) for line in UNFINISHED.read_text().splitlines()]
    sounds = [line["sound"] for line in lines if "sound" in line]
    assert len(sounds) == len(set(sounds)) == 40, "no sound was computed twice"
    for name in ("", ".files"):
        assert Path(f"t{name}.csv").read_bytes() == Path(f"whole{name}.csv").read_bytes()
