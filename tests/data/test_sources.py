"""Sources by lists keep the contract of all: clips once, folds apart, mirrors, strong labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from loopback import Answer, Loopback
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import CLIPS, EVENTS, REJECTED, read_table, write_table
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES
from spikesound.data.sources.listed import Listed
from spikesound.data.sources.source import Listing
from spikesound.params import File, ListedParams, Params, RemoteFile, Sources

LISTED = [name for name, source in SOURCES.items() if issubclass(source, Listed)]
ONTOLOGY = Ontology({"/m/a": "A", "/m/b": "B", "/t/c": "C"}, {})
VIDEO = "ab_cdef-hi_"  # eleven characters, the last an underscore


def listed(
    name: str,
    segments: Mapping[str, File],
    folds: str | None = None,
    mirror: str | None = "m/{media_id}.ogg",
    **own: object,
) -> ListedParams:
    """Return the section of a source; keys of its own that are not given are null."""
    kind = Sources.model_fields[name].annotation
    assert kind is not None
    assert issubclass(kind, ListedParams)
    given = {"segments": dict(segments), "folds": folds, "mirror": mirror, **own}
    empty = dict.fromkeys(kind.model_fields) | ({"folder": "none"} if name == "esc10" else {})
    return kind.model_validate(empty | given)


def make(name: str, tmp_path: Path, segments: dict[str, str], folds: str | None = None) -> Listed:
    files = {key: str(tmp_path / f"{n}.csv") for n, key in enumerate(segments)}
    for key, text in segments.items():
        Path(files[key]).write_text(text)
    if folds is not None:
        (tmp_path / "folds.csv").write_text(folds)
    table = None if folds is None else str(tmp_path / "folds.csv")
    source = SOURCES[name](listed(name, files, table), ONTOLOGY, tmp_path / "cache")
    assert isinstance(source, Listed)
    return source


def esc10(tmp_path: Path, segments: dict[str, str], folds: str | None = None) -> Listed:
    return make("esc10", tmp_path, segments, folds)


def whole(name: str, params: Params, tmp_path: Path) -> Listing:
    ontology = Ontology.load("data/audioset/ontology.json")
    return SOURCES[name](getattr(params.sources, name), ontology, tmp_path / "cache").listing()


def column(table: pa.Table, name: str) -> list[object]:
    values: list[object] = table[name].to_pylist()
    return values


def test_the_registry_has_the_sources_of_the_parameters() -> None:
    assert set(SOURCES) == set(Sources.model_fields)
    assert all(source.name == name for name, source in SOURCES.items())


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTED)
def test_every_listed_source_gives_the_tables(
    name: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = whole(name, params, tmp_path)
    write_table(found.rejected, REJECTED, tmp_path / "rejected.parquet")
    write_table(found.events, EVENTS, tmp_path / "events.parquet")
    write_table(found.clips, CLIPS, tmp_path / "clips.parquet")
    read = read_table(tmp_path / "clips.parquet", CLIPS)
    assert read["clip_id"].is_unique
    assert read["clip_id"].is_monotonic_increasing
    assert (read["end_s"] > read["start_s"]).all()
    assert read.groupby("media_id")["fold"].nunique().max() == 1
    assert all(row == sorted(set(row)) and row for row in read["labels"])


@pytest.mark.slow
def test_the_folds_of_audioset_are_its_two_lists(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    folds = pd.Series(column(whole("audioset", params, tmp_path).clips, "fold"))
    assert folds.value_counts().to_dict() == {"train": 22160, "eval": 20371}


def test_a_clip_is_named_by_recording_and_millisecond(tmp_path: Path) -> None:
    source = esc10(tmp_path, {"x": "1-2-A,1.5,3,/m/a\n1-2-A,0,1,/m/a\n"})
    clips = source.listing().clips
    assert column(clips, "clip_id") == ["1-2-A_0", "1-2-A_1500"]
    assert column(clips, "fold") == ["x", "x"]


def test_folds_are_looked_up_by_recording(tmp_path: Path) -> None:
    source = esc10(
        tmp_path,
        {"*": "1-2-A,0,1,/m/a\n3-4-B,0,1,/m/a\n"},
        "media_id,fold\n3-4-B,three\n1-2-A,one\n5-5-A,spare\n",
    )
    clips = source.listing().clips
    assert column(clips, "fold") == ["one", "three"]


def test_a_clip_without_a_fold_is_named(tmp_path: Path) -> None:
    source = esc10(tmp_path, {"*": "1-2-A,0,1,/m/a\n3-4-B,0,1,/m/a\n"}, "media_id,fold\n1-2-A,1\n")
    with pytest.raises(SpikesoundError, match=r"folds\.csv: no fold for '3-4-B'.*0\.csv"):
        source.listing()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id,fold\na,1\n", r"expected columns .*got \['id', 'fold'\]"),
        ("media_id,fold\na,1\nb,\n", "line 3"),
        ("media_id,fold\na,1\na,2\n", "line 3"),
        ("media_id,fold\na,1,2,3\nb\n,,,,,\n", "not a CSV|columns"),
        ("", "not a CSV"),
    ],
)
def test_a_damaged_table_of_folds_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    source = esc10(tmp_path, {"*": "1-2-A,0,1,/m/a\n"}, text)
    with pytest.raises(SpikesoundError, match=rf"folds\.csv.*({complaint})"):
        source.listing()


def test_a_recording_is_kept_out_of_a_second_fold(tmp_path: Path) -> None:
    source = esc10(
        tmp_path,
        {"train": "1-2-A,0,1,/m/a\n", "eval": '1-3-A,0,1,/m/a\n1-2-A,5,6,"/m/a,/m/b"\n'},
    )
    clips, rejected = source.listing().clips, source.listing().rejected
    assert column(clips, "clip_id") == ["1-2-A_0", "1-3-A_0"]
    assert rejected.to_pylist() == [
        {
            "file": str(tmp_path / "1.csv"),
            "line": 2,
            "row": '1-2-A,5,6,"/m/a,/m/b"',
            "reason": "in two folds: the recording is in 'train'",
        }
    ]


def test_a_clip_in_two_lists_is_taken_from_the_first(tmp_path: Path) -> None:
    lists = {
        "train": "1-2-A,0,1,/m/a\n1-2-A,7,8,/m/a\n",
        "eval": "2-9-A,0,1,/m/b\n1-2-A,0.0001,2,/m/b\n1-2-A,7,8,/m/a\n2-9-A,0,1,/m/a\n",
    }
    found = esc10(tmp_path, lists).listing()
    assert column(found.clips, "clip_id") == ["1-2-A_0", "1-2-A_7000", "2-9-A_0"]
    assert column(found.clips, "labels") == [["/m/a"], ["/m/a"], ["/m/b"]]
    of = f"of {tmp_path / '0.csv'} already"
    assert [(row["line"], row["reason"]) for row in found.rejected.to_pylist()] == [
        (2, f"duplicate: the clip stands at line 1 {of}"),
        (3, f"duplicate: the clip stands at line 2 {of}"),
        (4, "duplicate: the clip stands at line 1 already"),
    ]
    assert column(found.rejected, "row")[0] == "1-2-A,0.0001,2,/m/b"


def test_an_id_that_is_not_the_sources_is_rejected(tmp_path: Path) -> None:
    text = "1-2-A,0,1,/m/a\n6-2-A,0,1,/m/a\n1-2-A;rm,0,1,/m/a\n../1-2-A,0,1,/m/a\n"
    found = esc10(tmp_path, {"x": text}).listing()
    assert column(found.rejected, "line") == [2, 3, 4]
    assert str(column(found.rejected, "reason")[0]).startswith("not an id: '6-2-A'")
    assert column(found.clips, "clip_id") == ["1-2-A_0"]


def test_labels_that_are_not_in_the_ontology_are_rejected(tmp_path: Path) -> None:
    source = esc10(tmp_path, {"x": '1-2-A,0,1,/m/a\n1-3-A,0,1,"/m/a,/m/z,/m/y"\n'})
    assert column(source.listing().rejected, "reason") == ["unknown label: /m/y, /m/z"]


def test_a_list_on_the_web_is_fetched_and_called_by_its_address(tmp_path: Path) -> None:
    body = b"1-2-A,0,1,/m/a\n1-3-A,0,1,/m/z\n"
    with Loopback(lambda _: Answer(body=body), bytes_per_s=None, latency_s=0) as server:
        url = f"{server.url}/list.csv"
        params = listed("esc10", {"x": url}, mirror=None)
        found = SOURCES["esc10"](params, ONTOLOGY, tmp_path / "cache").listing()
    assert column(found.clips, "clip_id") == ["1-2-A_0"]
    assert column(found.rejected, "file") == [url]


STRONG = f"""\
filename\tevent_label\tonset\toffset
{VIDEO}_30000\t/m/a\t0.000\t10.000
{VIDEO}_30000\t/m/b\t2.5\t3
{VIDEO}_30000\t/m/a\t0\t10
{VIDEO}_30000\t/m/z\t2\t3
{VIDEO}_30000\t/m/a\t9\t10.5
{VIDEO}_30000\t/m/a\t4\t4
{VIDEO}_30000\t/m/a\tsoon\t4
{VIDEO}_30000\t/m/a\t4
{VIDEO}\t/m/a\t1\t2
short_30000\t/m/a\t1\t2

{VIDEO}_0\t/t/c\t1e0\t2
{VIDEO}_50000\t/m/z\t1\t2
{VIDEO}_30000\t/m/b\t-1\t3
{VIDEO}_30000\t\t1\t3
"""
STRONG_REASONS = {
    4: "duplicate: the event stands at line 2 already",
    5: "unknown label: /m/z",
    6: "outside the clip: 9 s to 10.5 s of 10 s",
    7: "offset not after onset: 4 s to 4 s",
    8: "not a time: 'soon' to '4' are not numbers of seconds",
    9: "not 4 columns: they are separated by tabs",
    10: f"not a segment id: '{VIDEO}' is not an id, '_' and milliseconds",
    11: "not an id: 'short' is not of the form [A-Za-z0-9_-]{11}",
    14: "unknown label: /m/z",
    15: "outside the clip: -1 s to 3 s of 10 s",
    16: "no label: its column is empty",
}


def test_strong_labels_give_clips_events_and_reasons(tmp_path: Path) -> None:
    found = make("audioset", tmp_path, {"eval": STRONG}).listing()
    cells = ("clip_id", "media_id", "start_s", "end_s", "labels", "fold")
    assert [tuple(row[cell] for cell in cells) for row in found.clips.to_pylist()] == [
        (f"{VIDEO}_0", VIDEO, 0.0, 10.0, ["/t/c"], "eval"),
        (f"{VIDEO}_30000", VIDEO, 30.0, 40.0, ["/m/a", "/m/b"], "eval"),
    ]
    assert [tuple(row.values()) for row in found.events.to_pylist()] == [
        (f"{VIDEO}_0", "/t/c", 1.0, 2.0),
        (f"{VIDEO}_30000", "/m/a", 0.0, 10.0),
        (f"{VIDEO}_30000", "/m/b", 2.5, 3.0),
    ]
    rejected = {row["line"]: row["reason"] for row in found.rejected.to_pylist()}
    assert rejected == STRONG_REASONS
    lines = STRONG.split("\n")
    assert all(row["row"] == lines[row["line"] - 1] for row in found.rejected.to_pylist())
    # Every line is the header, empty, an event or rejected.
    assert 2 + len(found.events) + len(rejected) == len(lines) - 1


def test_strong_labels_with_audiosets_own_header_read_the_same(tmp_path: Path) -> None:
    header = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel"
    rows = [line.split("\t") for line in STRONG.split("\n")[1:]]
    moved = [[row[0], row[2], row[3], row[1]] if len(row) == 4 else row for row in rows]
    text = "\n".join([header, *map("\t".join, moved)])
    found = make("audioset", tmp_path, {"eval": text}).listing()
    other = make("audioset", tmp_path, {"eval": STRONG}).listing()
    assert found.clips.equals(other.clips)
    assert found.events.equals(other.events)
    assert found.rejected.drop_columns("row").equals(other.rejected.drop_columns("row"))


def test_a_clip_has_the_events_of_the_list_that_it_is_taken_from(tmp_path: Path) -> None:
    header = "filename\tevent_label\tonset\toffset\n"
    lists = {
        "weak": f"{VIDEO},0,10,/m/a\n",
        "strong": f"{header}{VIDEO}_0\t/m/b\t0\t1\nbbbbbbbbbbb_0\t/m/b\t0\t1\n",
        "other": f"{header}bbbbbbbbbbb_0\t/m/b\t5\t6\n{VIDEO}_10000\t/m/b\t0\t1\n",
    }
    found = make("audioset", tmp_path, lists).listing()
    assert column(found.clips, "clip_id") == [f"{VIDEO}_0", "bbbbbbbbbbb_0"]
    assert [tuple(row.values()) for row in found.events.to_pylist()] == [
        ("bbbbbbbbbbb_0", "/m/b", 0.0, 1.0)
    ]
    kinds = [str(reason).partition(":")[0] for reason in column(found.rejected, "reason")]
    assert kinds == ["duplicate", "duplicate", "in two folds"]


def test_strong_labels_that_are_all_damaged_or_none_are_read(tmp_path: Path) -> None:
    header = "filename\tevent_label\tonset\toffset\n"
    found = make("audioset", tmp_path, {"x": f"{header}no\t/m/a\t0\t1\n"}).listing()
    assert (len(found.clips), len(found.events), len(found.rejected)) == (0, 0, 1)
    with pytest.raises(SpikesoundError, match=r"0\.csv: no events"):
        make("audioset", tmp_path, {"x": header}).listing()


def test_a_recording_is_located_in_the_mirror(tmp_path: Path) -> None:
    source = esc10(tmp_path, {"x": "1-2-A,0,1,/m/a\n"})
    assert source.locate("1-2-A") == "m/1-2-A.ogg"
    for media_id in ("../1-2-A", "1-2-A;rm", "9-2-A", ""):
        with pytest.raises(SpikesoundError, match="is not an id of the form"):
            source.locate(media_id)


def test_an_id_is_written_as_the_kind_of_mirror_needs_it(tmp_path: Path) -> None:
    class Odd(Listed):
        name = "odd"
        media_id = re.compile(".+")

    def locate(mirror: str) -> str:
        params = ListedParams(segments={"x": "x.csv"}, folds=None, mirror=mirror)
        return Odd(params, ONTOLOGY, tmp_path).locate("a b&c=1")

    assert locate("https://host/watch?v={media_id}") == "https://host/watch?v=a%20b%26c%3D1"
    assert locate("s3://bucket/{media_id}.flac") == "s3://bucket/a b&c=1.flac"


@pytest.mark.parametrize("header", ["", "mid\tdisplay_name\n"])
def test_labels_of_the_strong_lists_have_names_of_their_own_file(
    header: str, tmp_path: Path
) -> None:
    strong = tmp_path / "strong.tsv"
    strong.write_text(
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
        f"{VIDEO}_0\t0\t1\t/m/a\n{VIDEO}_0\t1\t2\t/m/new\n{VIDEO}_0\t1\t2\t/m/other\n"
    )
    content = f"{header}/m/new\tWind chime, big\n/m/a\tanother A\n\n/m/b\tB\n".encode()
    with Loopback(lambda _: Answer(body=content), bytes_per_s=None, latency_s=0) as server:
        remote = RemoteFile(url=f"{server.url}/names.tsv", hash=None)
        params = listed("audioset", {"train": str(strong)}, names=remote)
        source = SOURCES["audioset"](params, ONTOLOGY, tmp_path / "cache")
        found = source.listing()
    assert column(found.clips, "labels") == [["/m/a", "/m/new"]]
    assert column(found.events, "label") == ["/m/a", "/m/new"]
    assert column(found.rejected, "reason") == ["unknown label: /m/other"]
    assert source.ontology.name("/m/new") == "Wind chime, big"
    assert source.ontology.find("wind chime, BIG") == "/m/new"
    assert source.ontology.name("/m/a") == "A", "the ontology's own"
    assert source.ontology.subtree("/m/new") == {"/m/new"}
    without = SOURCES["audioset"](listed("audioset", {"x": str(strong)}), ONTOLOGY, tmp_path)
    assert column(without.listing().clips, "labels") == [["/m/a"]]


@pytest.mark.parametrize(
    ("content", "line"),
    [("/m/a\tA\nWind\n", 2), ("/m/a\tA\n/m/a\tB\n", 2), ("/m/a\t\n", 1), ("x\ny\tz\n", 2)],
)
def test_a_damaged_file_of_names_is_named(content: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "names.tsv"
    path.write_text(content)
    params = listed("audioset", {"x": "x.csv"}, names=str(path))
    with pytest.raises(SpikesoundError, match=rf"names\.tsv, line {line}: expected an id"):
        _ = SOURCES["audioset"](params, ONTOLOGY, tmp_path).ontology


def test_a_source_without_a_mirror_says_which_key_is_missing(tmp_path: Path) -> None:
    params = listed("audioset", {"a": "x.csv"}, mirror=None)
    with pytest.raises(SpikesoundError, match=r"^sources\.audioset\.mirror: null"):
        SOURCES["audioset"](params, ONTOLOGY, tmp_path).locate("abcdefghijk")


@pytest.mark.parametrize(
    ("segments", "mirror", "complaint"),
    [
        ({}, None, r"sources\.esc10\.segments: empty"),
        ({"*": "a.csv"}, None, r"sources\.esc10\.folds: null"),
        ({"*": "a.csv", "x": "b.csv"}, None, r"sources\.esc10\.segments: '\*'"),
        ({"x": "a.csv"}, "folder/sound.ogg", r"sources\.esc10\.mirror: expected \{media_id\}"),
    ],
)
def test_parameters_that_contradict_themselves_are_named(
    tmp_path: Path, segments: dict[str, str], mirror: str | None, complaint: str
) -> None:
    params = listed("esc10", dict(segments), mirror=mirror)
    with pytest.raises(SpikesoundError, match=complaint):
        SOURCES["esc10"](params, ONTOLOGY, tmp_path).locate("1-2-A")
