"""Label files of recordings: each format as its program writes it, and what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from own_sounds import audacity, bursts, labelled, raven, write

from spikesound.apps.annotations import FORMATS, Labelled
from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.event_files import (
    LabelledEvent,
    label_files,
    read_event_table,
    read_events,
)
from spikesound.data.ontology import Ontology
from spikesound.data.sources.cutting import events_within, pieces
from spikesound.data.sources.folder import Folder
from spikesound.params import FolderParams
from spikesound.tasks.detection.decision import Event

SPANS = [(0.25, 1.0), (2.0, 2.5)]
EVENTS = tuple(LabelledEvent("Great tit", a, b) for a, b in SPANS)


def file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["csv", "audacity", "raven", "jams"])
def test_what_detect_writes_is_read(name: str, tmp_path: Path) -> None:
    made = FORMATS[name]
    events = [Event("Great tit", a, b, 0.5) for a, b in SPANS]
    written = made.write(Labelled("a.wav", 3.0, "model", 8000.0, events))
    assert read_events(file(tmp_path / f"a{made.suffix}", written)) == EVENTS


def test_raven_repeats_a_selection_in_each_view(tmp_path: Path) -> None:
    assert read_events(file(tmp_path / "a.txt", raven(SPANS, "Great tit"))) == EVENTS


def test_audacity_puts_frequencies_on_lines_of_their_own(tmp_path: Path) -> None:
    first, second = audacity(SPANS, "Great tit").splitlines(keepends=True)
    text = f"{first}\\\t100.0\t200.0\n{second}"
    assert read_events(file(tmp_path / "a.txt", text)) == EVENTS


def test_scaper_puts_labels_into_values(tmp_path: Path) -> None:
    data = [{"time": a, "duration": b - a, "value": {"label": "Great tit"}} for a, b in SPANS]
    content = json.dumps({"annotations": [{"namespace": "scaper", "data": data}]})
    assert read_events(file(tmp_path / "a.jams", content)) == EVENTS


def test_an_empty_file_says_that_nothing_sounds(tmp_path: Path) -> None:
    assert read_events(file(tmp_path / "a.txt", "")) == ()
    assert read_events(file(tmp_path / "b.csv", "onset,offset,label\n")) == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "1.0 2.0 dog\n", r"a\.txt, line 1: neither Audacity's labels"),
        ("a.txt", "1.0\t2.0\tdog\n3\t2\tdog\n", "line 2: offset not after onset: 3 s to 2 s"),
        ("a.txt", "1.0\t1.0\tdog\n", "line 1: offset not after onset"),
        ("a.txt", "one\t2.0\tdog\n", "line 1: 'one' to '2.0' are not numbers of seconds"),
        ("a.txt", "-1\t2.0\tdog\n", "line 1: not a stretch of time: -1 to 2.0"),
        ("a.txt", "1\tnan\tdog\n", "line 1: not a stretch of time"),
        ("a.txt", "1\t2\t \n", "line 1: no label"),
        ("a.csv", "start,label\n1,dog\n", "no column 'offset'.*columns: start, label"),
        ("a.csv", "onset,offset,label\n1,2\n", "line 2: 2 cells, not 3"),
        ("a.jams", "{}", "not a JAMS file"),
        ("a.jams", '{"annotations": [{"data": [{"time": 0, "duration": 1, "value": 3}]}]}', "3 is"),
        ("a.TextGrid", "", r"unknown label format .*valid: \.csv, \.jams, \.tsv, \.txt"),
    ],
)
def test_what_is_wrong_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=message):
        read_events(file(tmp_path / name, text))


def test_names_of_label_files() -> None:
    names = (
        *("a.txt", "a.wav.txt", "a.selections.txt", "a.Table.1.selections.txt", "a.jams"),
        *("ab.txt", "a.b.txt", "a.wav", "a.TextGrid", "a.Table.x.selections.txt"),
    )
    own = [path.name for path in label_files(Path("a.wav"), map(Path, names))]
    assert own == list(names[:5])


def test_a_table_of_all_recordings(tmp_path: Path) -> None:
    text = "filename,onset,offset,event_label\na.wav,1,2,dog\nb.wav,,,\na.wav,0,1,cat\n"
    assert read_event_table(file(tmp_path / "all.csv", text)) == {
        "a.wav": (2, (LabelledEvent("cat", 0.0, 1.0), LabelledEvent("dog", 1.0, 2.0))),
        "b.wav": (3, ()),
    }


def test_cuts_lose_nothing_but_slivers() -> None:
    assert pieces(0.0, 9.0, 10.0) == [(0.0, 9.0)]
    assert pieces(0.0, 21.0, 10.0) == [(0.0, 7.0), (7.0, 14.0), (14.0, 21.0)]
    assert pieces(0.0, 20.0, 10.0) == [(0.0, 10.0), (10.0, 20.0)]
    event = LabelledEvent("dog", 6.95, 8.0)
    assert events_within((event,), 0.0, 7.0) == (), "0.05 s of it"
    assert events_within((event,), 7.0, 14.0) == (LabelledEvent("dog", 0.0, 1.0),)
    short = LabelledEvent("click", 3.0, 3.02)
    assert events_within((short,), 0.0, 7.0) == (short,), "short, and not cut"


def source(folder: Path, events: str = "beside", **changes: object) -> Folder:
    values = {"folder": str(folder), "table": None, "folds": 4, "events": events, "cut_s": 10.0}
    return Folder(FolderParams.model_validate(values | changes), Ontology({}, {}), folder)


def test_a_folder_with_label_files_is_clips_with_events(tmp_path: Path) -> None:
    own = labelled(tmp_path / "takes")
    listing = source(own).listing()
    clips, events = listing.clips.to_pandas(), listing.events.to_pandas()
    assert listing.rejected.num_rows == 0
    assert len(clips) == 3 + 3
    assert clips["recording"].nunique() == clips["fold"].nunique() == 4
    long = clips[clips["recording"] == "take 0.wav"].sort_values("start_s")
    assert list(zip(long["start_s"], long["end_s"], strict=True)) == pieces(0.0, 21.0, 10.0)
    assert long["fold"].nunique() == 1, "clips of a recording share a fold"
    assert [len(labels) for labels in long["labels"]] == [1, 0, 0]
    assert len(events) == 2 * 4
    assert set(events["label"]) == {"beep"}
    assert events["onset_s"].min() == 0.5


def test_recordings_whose_labels_cannot_be_used_are_rejected_whole(tmp_path: Path) -> None:
    own = labelled(tmp_path / "takes", 2)
    file(own / "take 0.txt", audacity([(0.5, 25.0)], "beep"))
    for name in ("none", "other", "twice", "torn"):
        write(own / f"{name}.wav", bursts(1.0, [], 1000, 1))
    file(own / "other.TextGrid", "")
    file(own / "twice.txt", "")
    file(own / "twice.csv", "onset,offset,label\n")
    file(own / "torn.txt", "0.1\t0.2\n")
    listing = source(own, folds=2, cut_s=None)
    with pytest.raises(SpikesoundError, match="2 folds for 1 recordings"):
        listing.listing()
    write(own / "quiet.wav", bursts(1.0, [], 1000, 1))
    file(own / "quiet.txt", "")
    listed = source(own, folds=2, cut_s=None).listing()
    assert len(listed.clips) == 2
    reasons = dict(
        zip(
            (Path(name).name for name in listed.rejected["file"].to_pylist()),
            listed.rejected["reason"].to_pylist(),
            strict=True,
        )
    )
    assert reasons["take 0.wav"].endswith("0.5 s to 25 s: outside the recording of 21 s")
    assert reasons["none.wav"].startswith("none.wav: no label file beside it; expected one of")
    assert "other.TextGrid is of no known label format; valid: other.txt" in reasons["other.wav"]
    assert reasons["twice.wav"] == "twice.wav: several label files: twice.csv, twice.txt"
    assert "torn.txt, line 1: neither" in reasons["torn.wav"]
    assert len(reasons) == 5


def test_a_csv_of_events_names_the_recordings(tmp_path: Path) -> None:
    own = labelled(tmp_path / "takes", 2)
    rows = ["take 0.wav,0.5,1.0,beep", "take 1.wav,,,", "../x.wav,0,1,beep", "gone.wav,0,1,beep"]
    table = file(tmp_path / "all.csv", "\n".join(["file,onset,offset,label", *rows]))
    listing = source(own, str(table), folds=2).listing()
    assert listing.clips.num_rows == 3 + 1
    assert listing.events.num_rows == 1
    lines = {row["line"]: row["reason"] for row in listing.rejected.to_pylist()}
    assert lines == {4: "refused: '../x.wav' leads outside the folder", 5: "gone.wav: no such file"}
    with pytest.raises(SpikesoundError, match="table and events are both given"):
        source(own, str(table), table=str(table)).listing()
