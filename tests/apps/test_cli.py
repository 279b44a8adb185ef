"""The command line: what it prints, and one line and exit 1 for a mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from project import ROOT

from spikesound.core.schema import STATUS, write_table

ONTOLOGY = str(ROOT / "data/audioset/ontology.json")


def spikesound(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "spikesound"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_check_says_what_would_run() -> None:
    done = spikesound("check")
    assert done.returncode == 0
    assert "5 folds of ann-cnn, ann-lstm, ann-gru, ann-rnn, ann-cnn-int8, ann-cnn" in done.stdout


@pytest.mark.slow
def test_check_names_the_mistake_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text().replace("beta: 0.5", "beta: 1.5"))
    done = spikesound("check", str(path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {path}: neurons.lif.beta: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_labels_are_found_by_part_of_their_name() -> None:
    done = spikesound("labels", "chainsaw", "--ontology", ONTOLOGY)
    assert done.stdout.split()[:2] == ["/m/01j4z9", "Chainsaw"]
    assert spikesound("labels", "xyzzy", "--ontology", ONTOLOGY).returncode == 1


@pytest.mark.slow
def test_segments_takes_the_names_of_the_strong_lists(tmp_path: Path) -> None:
    path, names = tmp_path / "strong.tsv", tmp_path / "mid_to_display_name.tsv"
    path.write_text(
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\nx_0\t0\t1\t/m/not-there\n"
    )
    names.write_text("/m/not-there\tNew\n")
    done = spikesound("segments", str(path), "--ontology", ONTOLOGY, "--names", str(names))
    assert done.stdout == f"{path}: 1 events good, 0 rejected\n"


@pytest.mark.slow
def test_segments_names_the_damaged_rows(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("# YTID, start_seconds, end_seconds, positive_labels\n#NAME?,30,40,/m/09x0r\n"
                    "abcdefghijk, 30.000, 40.000, \"/m/09x0r\"\n")  # fmt: skip
    done = spikesound("segments", str(path), "--ontology", ONTOLOGY)
    assert f"{path}:2: " in done.stdout
    assert done.stdout.endswith("1 rows good, 1 rejected\n")


@pytest.mark.slow
def test_status_counts_states_and_gives_reasons(tmp_path: Path) -> None:
    states = ["ok", "silent", "ok"]
    frame = pd.DataFrame(
        {
            "clip_id": ["a", "b", "c"],
            "state": states,
            "reason": ["", "peak -70.0 dB", ""],
            "attempts": 1,
            "seconds": 5.0,
            "bytes": 9,
            "sha256": "",
            "path": "",
        }
    )
    write_table(frame, STATUS, tmp_path / "status.parquet")
    done = spikesound("status", str(tmp_path / "status.parquet"))
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["2", "66.7%", "ok"]
    assert lines[1].split()[:3] == ["1", "33.3%", "silent"]
    assert lines[2].split() == ["1", "peak", "-70.0", "dB"]
    assert lines[3].split()[:2] == ["3", "clips;"]
    listed = spikesound("status", str(tmp_path / "status.parquet"), "--state", "silent")
    assert listed.stdout == "b\tpeak -70.0 dB\n"
    wrong = spikesound("status", str(tmp_path / "status.parquet"), "--state", "quiet")
    assert "unknown state 'quiet'" in wrong.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("status", "none.parquet"), ("table", "none.json"), ("check", "none.yaml")]
)
def test_a_missing_file_is_one_line(arguments: tuple[str, ...]) -> None:
    done = spikesound(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {arguments[1]}: no such")
    assert done.stderr.count("\n") == 1
