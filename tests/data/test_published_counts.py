"""Counts of lists by label, beside published tables; clips obtained by label."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from project import ROOT
from typer.testing import CliRunner

from spikesound.apps.cli import app
from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.label_counts import compare, count_list, read_published
from spikesound.data.lists.merging import read_list
from spikesound.data.obtained import obtained_by_label

WEAK = '--abc, 0.000, 10.000, "/m/a,/m/b"\nxyz, 30.000, 40.000, "/m/a"\n'
STRONG = (
    "filename\tevent_label\tonset\toffset\n"
    "a_b_0\t/m/a\t0.0\t1.0\n"
    "a_b_0\t/m/a\t2.0\t3.0\n"
    "a_b_0\t/m/a\t2.0\t3.0\n"  # the row before, once more
    "c_0\t/m/b\t0.0\t1.0\n"
)


def test_files_and_events_are_counted(tmp_path: Path) -> None:
    (tmp_path / "weak.csv").write_text(WEAK)
    (tmp_path / "strong.tsv").write_text(STRONG)
    weak, strong = (count_list(read_list(tmp_path / name)) for name in ("weak.csv", "strong.tsv"))
    assert (weak.files, weak.events) == ({"/m/a": 2, "/m/b": 1}, None)
    assert strong.files == {"/m/a": 1, "/m/b": 1}, "ids have underscores of their own"
    assert strong.events == {"/m/a": 2, "/m/b": 1}
    assert strong.repeated == {"/m/a": 1}


def test_lists_are_compared_cell_by_cell(tmp_path: Path) -> None:
    (tmp_path / "weak.csv").write_text(WEAK)
    (tmp_path / "strong.tsv").write_text(STRONG)
    published = tmp_path / "published.tsv"
    published.write_text(
        "class_id\tweak_eval_count\teval_event_count\teval_event_count_downloaded\t"
        "eval_file_count\teval_file_count_downloaded\ttrain_file_count\n"
        "/m/a\t2\t4\t3\t2\t1\t9\n/m/c\t7\t0\t0\t0\t0\t8\n"
    )
    lists = [f"weak_eval={tmp_path}/weak.csv", f"eval_downloaded={tmp_path}/strong.tsv"]
    out = tmp_path / "ours.tsv"
    done = CliRunner().invoke(
        app,
        [
            "counts",
            *lists,
            "--against",
            str(published),
            "--out",
            str(out),
            "--report",
            f"{tmp_path}/report.json",
        ],
    )
    assert done.exit_code == 0, done.output
    said = done.output
    assert "strong.tsv: 2 files, 3 events, 1 rows that repeat one, 2 labels" in said
    assert "weak_eval_count: 1 of 2 cells equal; 1 labels of the list are not in it" in said
    assert "/m/c: 7 there, 0 here" in said
    assert "eval_event_count_downloaded: 2 of 2 cells equal" in said
    assert "eval_file_count_downloaded: 2 of 2 cells equal" in said
    assert "train_file_count: no list given" in said
    assert "eval_file_count: 50.0% obtained, mean over labels" in said
    assert json.loads((tmp_path / "report.json").read_text())["equal"] == 5
    ours = pd.read_csv(out, sep="\t").set_index("class_id")
    assert ours.loc["/m/a"].to_dict() == {
        "weak_eval_count": 2, "eval_event_count_downloaded": 3, "eval_file_count_downloaded": 1,
    }  # fmt: skip


@pytest.mark.slow
def test_the_balanced_list_has_what_google_says_of_it() -> None:
    counts = count_list(read_list(ROOT / "data/audioset/balanced_train_segments.csv"))
    assert len(counts.files) == 527
    assert sum(counts.files.values()) == 52_882, "positive labels, in the list's own header"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["weak.csv", "--out", "x"], "'weak.csv': expected NAME=FILE"),
        (["a=weak.csv", "a=weak.csv", "--out", "x"], "a: column 'a_count' was counted from a list"),
        (["a=none.csv", "--out", "x"], "none.csv: no such file"),
        (["a=weak.csv"], "give --against TABLE, --out FILE, or both"),
        (["a=weak.csv", "--against", "weak.csv"], "weak.csv: not a table of counts"),
        (["a=weak.csv", "--against", "twice.tsv"], "twice.tsv: label '/m/a' stands there twice"),
    ],
)
def test_what_cannot_be_counted_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weak.csv").write_text(WEAK)
    Path("twice.tsv").write_text("class_id\ta_count\n/m/a\t1\n/m/a\t1\n")
    done = CliRunner().invoke(app, ["counts", *arguments])
    assert isinstance(done.exception, SpikesoundError)
    assert message in str(done.exception)


def test_a_differing_cell_is_told_from_an_equal_one(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("class_id\tx_count\n/m/a\t1\n/m/b\t2\n")
    (found,) = compare(read_published(path), {"x_count": {"/m/a": 1, "/m/b": 3}})
    assert (found.equal, found.different) == (1, {"/m/b": (2, 3)})


def test_clips_obtained_by_label(tmp_path: Path) -> None:
    clips = pd.DataFrame({"clip_id": ["a", "b", "c"], "labels": [["x", "y"], ["x"], ["y"]]})
    status = pd.DataFrame({"clip_id": ["a", "b"], "state": ["ok", "unavailable"]})
    found = obtained_by_label(clips, status)
    assert found.to_dict("list") == {
        "label": ["x", "y"], "asked": [2, 2], "obtained": [1, 1], "share": [0.5, 0.5],
    }  # fmt: skip
    with pytest.raises(SpikesoundError, match="no clip in common"):
        obtained_by_label(clips, status.assign(clip_id=["d", "e"]))
    made = clips.assign(media_id="m", recording="r", start_s=0.0, end_s=1.0, fold="1")
    schema.write_table(made[schema.CLIPS.names], schema.CLIPS, tmp_path / "clips.parquet")
    more = {"reason": "", "attempts": 1, "seconds": 1.0, "bytes": 1, "sha256": "", "path": ""}
    schema.write_table(status.assign(**more), schema.STATUS, tmp_path / "status.parquet")
    arguments = [
        "status",
        str(tmp_path / "status.parquet"),
        "--clips",
        str(tmp_path / "clips.parquet"),
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.output.splitlines() == [
        "label\tasked\tobtained\tshare",
        "x\t2\t1\t0.5",
        "y\t2\t1\t0.5",
    ]
