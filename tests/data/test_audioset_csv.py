"""Segment lists: all dialects are read alike, and every damaged row is named with its reason."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import REJECTED, read_table, write_table
from spikesound.data.lists.audioset import read_segments, refuse, write_segments
from spikesound.data.lists.merging import merge, read_list
from spikesound.data.lists.segment_rows import SEGMENTS, _parse_odd, parse
from spikesound.data.lists.text_lines import blocks
from spikesound.data.ontology import Ontology

AUDIOSET = ROOT / "data/audioset"
KNOWN = {"/m/a", "/m/b", "/t/c"}

DAMAGED = """\
# YTID, start_seconds, end_seconds, positive_labels,,,
#NAME?,30,40,  /m/a,/m/b ,,
-0DLPzsiXXE,30,40,  /m/b,/m/a ,,
-0DdlOuIFUI,,60,  /m/a ,,,
-0FHUc78Gqo,half,40,/m/a,,,
-0O3e95y4gE,100,100,/m/a,,,
-0SdAVK79lg,30,40,,,,
-0Vl4HyWRk8,410,420,/m/a,i,,
,10,20,/m/a,,,
-0DLPzsiXXE,30,41,/m/b,,,
,,,,,,
-3IGxVTJvgI,-5,5,/m/a,,,
-4IGxVTJvgI,0,10,"/m/a
-5IGxVTJvgI,0,inf,/m/a,,,
-6IGxVTJvgI,5
"""
REASONS = {
    2: "id lost in a spreadsheet: '#NAME?'",
    4: "no start time: '' is not a number of seconds",
    5: "no start time: 'half' is not a number of seconds",
    6: "end not after start: 100 s to 100 s",
    7: "no label: the fourth column is empty",
    8: "unknown label: i",
    9: "no id: the first column is empty",
    12: "not a time: -5 s to 5 s",
    13: "not CSV: unexpected end of data",
    14: "not a time: 0 s to inf s",
    15: "no end time: '' is not a number of seconds",
}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "segments.csv"
    path.write_text(text, encoding="utf-8")
    return path


def rows(table: pa.Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


def reasons(rejected: pa.Table) -> dict[int, str]:
    return dict(zip(rejected["line"].to_pylist(), rejected["reason"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "# made on a Sunday\n# num_ytids=2\n# YTID, start_seconds, end_seconds, positive_labels\n"
        'v_1, 30.000, 40.000, "/m/a,/t/c"\nv2, 0.500, 9.000, "/m/b"\n',
        "# YTID, start_seconds, end_seconds, positive_labels\n"
        'v_1,30,40,"/m/a,/t/c"\nv2,0.5,9,/m/b\n',
        "YTID,start_seconds,end_seconds,positive_labels\r\n"
        'v_1,30,40,"/t/c,/m/a"\r\nv2,.5,9,/m/b\r\n',
        '"v_1",30,40,"/t/c, /m/a,/m/a"\n\nv2, 5e-1, 9, "/m/b" ',
        "\ufeff# YTID,start_seconds,,,,\nv_1,30,40,  /m/a,/t/c ,,\nv2,0.50,9,  /m/b ,,,\n",
        "# YTID\rv_1,30,40,/m/a,/t/c\rv2,0.50,9,/m/b,,,\r",
    ],
    ids=["first", "second", "header", "odd but clear", "spreadsheet", "old line ends"],
)
def test_every_dialect_reads_the_same(tmp_path: Path, text: str) -> None:
    segments, rejected = read_segments(write(tmp_path, text), known=KNOWN)
    assert rows(segments.drop_columns("line")) == [
        ("v_1", 30.0, 40.0, ["/m/a", "/t/c"]),
        ("v2", 0.5, 9.0, ["/m/b"]),
    ]
    assert not len(rejected)


def test_each_damaged_row_is_named_with_line_row_and_reason(tmp_path: Path) -> None:
    path = write(tmp_path, DAMAGED)
    segments, rejected = read_segments(path, known=KNOWN)
    assert rows(segments) == [
        ("-0DLPzsiXXE", 30.0, 40.0, ["/m/a", "/m/b"], 3),
        ("-0DLPzsiXXE", 30.0, 41.0, ["/m/b"], 10),
    ]
    assert reasons(rejected) == REASONS
    assert set(rejected["file"].to_pylist()) == {str(path)}
    lines = DAMAGED.split("\n")
    assert [lines[line - 1] for line in REASONS] == rejected["row"].to_pylist()


def test_a_clip_that_stands_twice_is_taken_once(tmp_path: Path) -> None:
    merged = merge([read_list(write(tmp_path, DAMAGED), known=KNOWN)])
    assert merged.clip_ids.to_pylist() == ["-0DLPzsiXXE_30000"]
    assert reasons(merged.rejected) == {10: "duplicate: the clip stands at line 3 already"}
    assert merged.rejected["row"].to_pylist() == ["-0DLPzsiXXE,30,41,/m/b,,,"]


def test_every_line_is_a_segment_or_rejected_or_says_nothing(tmp_path: Path) -> None:
    segments, rejected = read_segments(write(tmp_path, DAMAGED), known=KNOWN)
    covered = {*segments["line"].to_pylist(), *rejected["line"].to_pylist()}
    silent = set(range(1, DAMAGED.count("\n") + 1)) - covered
    assert silent == {1, 11}  # the comment and the row of empty cells


@pytest.mark.parametrize("chars", [1, 7, 40, 1000])
def test_lines_are_the_same_in_blocks_of_any_size(tmp_path: Path, chars: int) -> None:
    text = DAMAGED.replace("\n", "\r\n", 5) + "last\u00e9"
    path = tmp_path / "segments.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = {
        first + number: line
        for first, lines in blocks(path, chars)
        for number, line in enumerate(lines.to_pylist())
    }
    assert found == dict(enumerate(text.replace("\r", "").split("\n"), 1))


def test_the_rejected_rows_fit_their_table(tmp_path: Path) -> None:
    for text in (DAMAGED, "v,0,1,/m/a\n"):
        _, rejected = read_segments(write(tmp_path, text), known=KNOWN)
        write_table(rejected, REJECTED, tmp_path / "rejected.parquet")
        read = read_table(tmp_path / "rejected.parquet", REJECTED)
        assert read.to_dict("records") == rejected.to_pylist()


def test_an_id_of_another_form_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, "abcdefghijk,0,1,/m/a\nabc,0,1,/m/a\n../../../ab,0,1,/m/a\n")
    segments, rejected = read_segments(path, media_id=re.compile("[a-z]{11}"))
    assert segments["media_id"].to_pylist() == ["abcdefghijk"]
    assert rejected["line"].to_pylist() == [2, 3]
    assert all(reason.startswith("not an id: ") for reason in reasons(rejected).values())


def test_strict_stops_at_the_first_bad_row_and_counts_them(tmp_path: Path) -> None:
    path = write(tmp_path, DAMAGED)
    _, rejected = read_segments(path, known=KNOWN)
    with pytest.raises(SpikesoundError) as error:
        refuse(rejected)
    message = str(error.value)
    assert message.startswith(f"{path}, line 2: id lost in a spreadsheet")
    assert f"{len(REASONS)} damaged rows in all" in message
    assert "\n" not in message


def test_strict_has_nothing_against_whole_rows(tmp_path: Path) -> None:
    _, rejected = read_segments(write(tmp_path, "v,0,1,/m/a\n"), known=KNOWN)
    refuse(rejected)
    assert rejected.schema == REJECTED


@pytest.mark.parametrize("text", ["", "# YTID, start_seconds\n", "\n\n"])
def test_a_file_without_rows_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpikesoundError, match=r"segments\.csv: no segments"):
        read_segments(write(tmp_path, text))


def test_a_file_in_which_every_row_is_damaged_is_read(tmp_path: Path) -> None:
    segments, rejected = read_segments(write(tmp_path, "#NAME?,0,1,/m/a\n"), known=KNOWN)
    assert (len(segments), len(rejected)) == (0, 1)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"none\.csv: no such file"):
        read_segments(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"v,0,1,\xff\xfe\n")
    with pytest.raises(SpikesoundError, match=r"binary\.csv: invalid UTF-8"):
        read_segments(tmp_path / "binary.csv")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "clips", "labels"),
    [("balanced_train_segments.csv", 22160, 52882), ("eval_segments.csv", 20371, None)],
)
def test_audiosets_own_lists_are_read_whole(name: str, clips: int, labels: int | None) -> None:
    ontology = Ontology.load(AUDIOSET / "ontology.json")
    segments, rejected = read_segments(AUDIOSET / name, known=ontology)
    assert (len(segments), len(rejected)) == (clips, 0)
    # The first file states its own counts.
    assert labels is None or sum(map(len, segments["labels"].to_pylist())) == labels


@pytest.mark.slow
def test_the_fast_way_reads_what_the_slow_way_reads() -> None:
    lines = (AUDIOSET / "balanced_train_segments.csv").read_text().split("\n")[:1500]
    lines += (AUDIOSET / "eval_segments.csv").read_text().split("\n")[:1500]
    fast, damaged = parse(pa.array(lines, pa.string()))
    slow = [(n, row) for n, line in enumerate(lines, 1) if (row := _parse_odd(line)) is not None]
    assert not damaged
    assert [(row[4], (*row[:3], row[3])) for row in rows(fast)] == [
        (line, (*row[:3], sorted(row[3].split(",")))) for line, row in slow
    ]


media_ids = st.text("abcXYZ019_-", min_size=1, max_size=11)
times = st.floats(0, 1e5).map(lambda value: round(value, 3))
lengths = st.floats(0.01, 100)
label_lists = st.sets(st.sampled_from(sorted(KNOWN)), min_size=1).map(sorted)


@pytest.mark.slow
@given(st.lists(st.tuples(media_ids, times, lengths, label_lists), min_size=1, max_size=5))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    clips: list[tuple[str, float, float, list[str]]],
) -> None:
    distinct = {(media_id, start): (length, row) for media_id, start, length, row in clips}
    written = [(media_id, s, s + length, row) for (media_id, s), (length, row) in distinct.items()]
    path = tmp_path_factory.mktemp("written") / "segments.csv"
    write_segments(table(written), path)
    segments, rejected = read_segments(path, known=KNOWN)
    assert not len(rejected)
    assert rows(segments.drop_columns("line")) == [(*row[:3], sorted(row[3])) for row in written]


def table(segments: list[tuple[str, float, float, list[str]]]) -> pa.Table:
    names = ["media_id", "start_s", "end_s", "labels"]
    schema = pa.schema([*(SEGMENTS.field(name) for name in names[:3]),
                        pa.field("labels", pa.list_(pa.string()))])  # fmt: skip
    return pa.table([list(column) for column in zip(*segments, strict=True)], schema=schema)


def test_the_first_dialect_is_written(tmp_path: Path) -> None:
    frame = table([("-a_b", 1.5, 10.0, ["/m/a", "/m/b"])])
    write_segments(frame, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == (
        "# num_ytids=1, num_segs=1, num_unique_labels=2, num_positive_labels=2\n"
        "# YTID, start_seconds, end_seconds, positive_labels\n"
        '-a_b, 1.500, 10.000, "/m/a,/m/b"\n'
    )


@pytest.mark.parametrize(("media_id", "labels"), [("a,b", ["x"]), ("a", ['x"']), ("a", [])])
def test_what_the_format_cannot_hold_is_not_written(
    tmp_path: Path, media_id: str, labels: list[str]
) -> None:
    frame = table([(media_id, 0.0, 1.0, labels)])
    with pytest.raises(
        SpikesoundError, match=r"(is not allowed in AudioSet's format|has no segment without)"
    ):
        write_segments(frame, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


SPREADSHEET = """\
# YTID, start_seconds, end_seconds, positive_labels,,,,,
#NAME?,30,40,  /m/a,/t/c ,,,,
-1abcdefghi,30,40,  /m/a,/t/c ,,,,
-2.5E+07,0,10,  /m/b ,,,,,
_3abcdefghi,30.5,40,  /m/b,/m/a,/t/c ,,,
#REF!,0,10,  /m/a ,,,,,
4abcdefghij,1900-01-30,40,  /m/b ,,,,,
-5abcdefghi,30,40,  /m/a ,i,,,,
-1abcdefghi,30.000,40.000,  /m/a ,,,,,
,,,,,,,,
"""


def test_every_row_that_a_spreadsheet_went_through_is_accounted_for(tmp_path: Path) -> None:
    path = write(tmp_path, SPREADSHEET)
    found = read_list(path, known=KNOWN, media_id=re.compile("[A-Za-z0-9_-]{11}"))
    merged = merge([found])
    assert merged.clip_ids.to_pylist() == ["-1abcdefghi_30000", "_3abcdefghi_30500"]
    assert found.segments["labels"].to_pylist() == [
        ["/m/a", "/t/c"],
        ["/m/a", "/m/b", "/t/c"],
        ["/m/a"],
    ]
    kinds = {
        line: reason.partition(":")[0]
        for line, reason in (reasons(found.rejected) | reasons(merged.rejected)).items()
    }
    assert kinds == {
        2: "id lost in a spreadsheet",
        4: "not an id",
        6: "id lost in a spreadsheet",
        7: "no start time",
        8: "unknown label",
        9: "duplicate",
    }
    # Eight rows have something in them.
    assert len(merged.clip_ids) + len(kinds) == 8


@pytest.mark.parametrize("end", ["1e300", "1000000000.1", "9" * 400])
def test_a_time_beyond_any_recording_is_rejected(tmp_path: Path, end: str) -> None:
    _, rejected = read_segments(write(tmp_path, f"v,0,{end},/m/a\nw,0,1e9,/m/a\n"), known=KNOWN)
    assert {line: text[:11] for line, text in reasons(rejected).items()} == {1: "not a time:"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        "{good}, 0, 10, {long}\n",
        "{good}, 0, {long}, /m/a\n",
        "{long}, 0, x, /m/a\n",
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n{good}_0\t0\t1\t{long}\n",
    ],
)
def test_a_damaged_row_of_megabytes_is_named_in_a_line(content: str, tmp_path: Path) -> None:
    path = write(tmp_path, content.format(good="ab_cdef-hi_", long="x" * 10_000_000))
    listed = read_list(path, known=KNOWN)
    with pytest.raises(SpikesoundError, match=r"segments\.csv, line [12]: ") as caught:
        refuse(listed.rejected)
    assert len(str(caught.value)) < 1000
    assert len(listed.rejected["row"][0].as_py()) > 10_000_000, "as it stands there"
