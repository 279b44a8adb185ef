"""Files of labels, each opened by a reader that is not ours."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesound.apps.annotations import FORMATS, SCORES, Labelled
from spikesound.apps.annotations.labelled import one_line
from spikesound.tasks.detection.decision import Event

EVENTS = [Event("Dog", 0.5, 1.25, 0.9), Event("Sea waves", 0.75, 9.5, 0.625)]
NASTY = ['Dog "x"\t🐕, y\nz', "a\r\nb", "=1+1", "l\u2028m", "C, D"]


def labelled(events: list[Event], file: str = "a b.wav") -> Labelled:
    return Labelled(file, 10.0, "snn-tcn-strong", 11025.0, events, {"Dog": 0.9, "Sea waves": 0.1})


def written(folder: Path, name: str, events: list[Event]) -> Path:
    path = folder / f"a{FORMATS[name].suffix}"
    path.write_bytes(FORMATS[name].write(labelled(events)).encode())
    return path


def named(labels: list[str]) -> list[Event]:
    return [Event(label, 0.5 + n, 1.25 + n, 0.25) for n, label in enumerate(labels)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["csv", "audacity"])
def test_the_tools_of_dcase_read_events(tmp_path: Path, name: str) -> None:
    sed_eval = pytest.importorskip("sed_eval")
    found = sed_eval.io.load_event_list(str(written(tmp_path, name, EVENTS)))
    read = [(e["event_label"], e["onset"], e["offset"]) for e in found]
    assert read == [(e.label, e.onset_s, e.offset_s) for e in EVENTS]


@pytest.mark.slow
@pytest.mark.parametrize("labels", [["Dog", "Sea waves"], NASTY, []], ids=["plain", "nasty", "no"])
def test_raven_tables_are_read_by_crowsetta_or_pandas(tmp_path: Path, labels: list[str]) -> None:
    path = written(tmp_path, "raven", named(labels))
    table = pd.read_csv(path, sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False)
    assert list(table["Annotation"]) == [" ".join(label.split()) for label in labels]
    assert list(table["Selection"]) == list(range(1, len(labels) + 1))
    assert set(table["High Freq (Hz)"]) <= {11025.0}
    crowsetta = pytest.importorskip("crowsetta")
    if labels == ["Dog", "Sea waves"]:
        read = crowsetta.formats.bbox.Raven.from_file(path).to_bbox()
        assert [(b.onset, b.offset, b.label) for b in read] == [
            (0.5, 1.25, "Dog"),
            (1.5, 2.25, "Sea waves"),
        ]


@pytest.mark.parametrize("labels", [["Dog", "Sea waves"], NASTY, []], ids=["plain", "nasty", "no"])
def test_jams_files_are_valid_and_hold_the_events(tmp_path: Path, labels: list[str]) -> None:
    jams = pytest.importorskip("jams")
    found = jams.load(str(written(tmp_path, "jams", named(labels))))
    assert found.validate(strict=True)
    assert found.file_metadata.duration == 10.0
    [annotation] = found.annotations
    read = [(o.time, o.duration, o.value, o.confidence) for o in annotation.data]
    assert read == [(e.onset_s, 0.75, e.label, e.score) for e in named(labels)]


@pytest.mark.slow
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4))
def test_json_keeps_any_label_and_csv_all_but_its_line_breaks(labels: list[str]) -> None:
    events = named(labels)
    rows = list(csv.DictReader(StringIO(FORMATS["csv"].write(labelled(events)), newline="")))
    assert [row["event_label"] for row in rows] == [one_line(label) for label in labels]
    assert [float(row["onset"]) for row in rows] == [event.onset_s for event in events]
    content = json.loads(FORMATS["json"].write(labelled(events)))
    assert [Event(*event.values()) for event in content["events"]] == events


@pytest.mark.slow
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4))
def test_tab_separated_formats_keep_one_line_an_event(labels: list[str]) -> None:
    for name, head, tabs in (("audacity", 0, 2), ("raven", 1, 8)):
        lines = FORMATS[name].write(labelled(named(labels))).splitlines()
        assert len(lines) == head + len(labels)
        assert {line.count("\t") for line in lines} <= {tabs}


def test_several_sounds_are_one_table_or_one_list() -> None:
    sounds = [labelled(EVENTS, "a.wav"), labelled([], "b.wav"), labelled(EVENTS[:1], "c.wav")]
    assert FORMATS["csv"].join is not None
    assert FORMATS["json"].join is not None
    table = pd.read_csv(StringIO("".join(FORMATS["csv"].join(sounds))))
    assert list(table["filename"]) == ["a.wav", "a.wav", "c.wav"]
    content = json.loads("".join(FORMATS["json"].join(sounds)))
    assert [(sound["file"], len(sound["events"])) for sound in content] == [
        ("a.wav", 2),
        ("b.wav", 0),
        ("c.wav", 1),
    ]
    assert FORMATS["raven"].join is None


def test_probabilities_are_written_for_each_label() -> None:
    table = pd.read_csv(StringIO(SCORES["csv"].write(labelled([]))))
    assert table.values.tolist() == [["a b.wav", "Dog", 0.9], ["a b.wav", "Sea waves", 0.1]]
    content = json.loads(SCORES["json"].write(labelled([])))
    assert content["probabilities"] == {"Dog": 0.9, "Sea waves": 0.1}
