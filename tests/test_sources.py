"""Every source keeps the same contract; folds, mirrors and recordings in two folds."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import ROOT

from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES, Source
from spikesound.errors import SpikesoundError
from spikesound.params import Params, SourceParams, Sources
from spikesound.schema import CLIPS, REJECTED, read_table, write_table


def esc10(tmp_path: Path, segments: dict[str, str], folds: str | None = None) -> Source:
    files = {key: str(tmp_path / f"{n}.csv") for n, key in enumerate(segments)}
    for key, text in segments.items():
        Path(files[key]).write_text(text)
    if folds is not None:
        (tmp_path / "folds.csv").write_text(folds)
    table = None if folds is None else str(tmp_path / "folds.csv")
    return SOURCES["esc10"](SourceParams(segments=files, folds=table, mirror="m/{media_id}.ogg"))


def test_the_registry_has_the_sources_of_the_parameters() -> None:
    assert set(SOURCES) == set(Sources.model_fields)
    assert all(source.name == name for name, source in SOURCES.items())


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_gives_the_tables(
    name: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    ontology = Ontology.load("data/audioset/ontology.json")
    clips, rejected = SOURCES[name](getattr(params.sources, name)).clips(ontology)
    write_table(clips, CLIPS, tmp_path / "clips.parquet")
    write_table(rejected, REJECTED, tmp_path / "rejected.parquet")
    read = read_table(tmp_path / "clips.parquet", CLIPS)
    assert read["clip_id"].is_unique
    assert read["clip_id"].is_monotonic_increasing
    assert (read["end_s"] > read["start_s"]).all()
    assert read.groupby("media_id")["fold"].nunique().max() == 1
    assert all(row == sorted(set(row)) and row for row in read["labels"])


def test_the_folds_of_audioset_are_its_two_lists(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    clips, _ = SOURCES["audioset"](params.sources.audioset).clips()
    assert clips["fold"].value_counts().to_dict() == {"train": 22160, "eval": 20371}


def test_a_clip_is_named_by_recording_and_millisecond(tmp_path: Path) -> None:
    source = esc10(tmp_path, {"x": "1-2-A,1.5,3,/m/a\n1-2-A,0,1,/m/a\n"})
    clips, _ = source.clips()
    assert clips["clip_id"].tolist() == ["1-2-A_0", "1-2-A_1500"]
    assert clips["fold"].tolist() == ["x", "x"]


def test_folds_are_looked_up_by_recording(tmp_path: Path) -> None:
    source = esc10(
        tmp_path,
        {"*": "1-2-A,0,1,/m/a\n3-4-B,0,1,/m/a\n"},
        "media_id,fold\n3-4-B,three\n1-2-A,one\n5-5-A,spare\n",
    )
    clips, _ = source.clips()
    assert clips["fold"].tolist() == ["one", "three"]


def test_a_clip_without_a_fold_is_named(tmp_path: Path) -> None:
    source = esc10(tmp_path, {"*": "1-2-A,0,1,/m/a\n3-4-B,0,1,/m/a\n"}, "media_id,fold\n1-2-A,1\n")
    with pytest.raises(SpikesoundError, match=r"folds\.csv: no fold for '3-4-B'.*0\.csv"):
        source.clips()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id,fold\na,1\n", r"columns \['id', 'fold'\]"),
        ("media_id,fold\na,1\nb,\n", "line 3"),
        ("media_id,fold\na,1\na,2\n", "line 3"),
        ("media_id,fold\na,1,2,3\nb\n,,,,,\n", "not a CSV|columns"),
        ("", "not a CSV"),
    ],
)
def test_a_damaged_table_of_folds_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    source = esc10(tmp_path, {"*": "1-2-A,0,1,/m/a\n"}, text)
    with pytest.raises(SpikesoundError, match=rf"folds\.csv.*({complaint})"):
        source.clips()


def test_a_recording_is_kept_out_of_a_second_fold(tmp_path: Path) -> None:
    source = esc10(
        tmp_path,
        {"train": "1-2-A,0,1,/m/a\n", "eval": '1-3-A,0,1,/m/a\n1-2-A,5,6,"/m/a,/m/b"\n'},
    )
    clips, rejected = source.clips()
    assert clips["clip_id"].tolist() == ["1-2-A_0", "1-3-A_0"]
    row = rejected.iloc[0]
    assert (row["file"], row["line"]) == (str(tmp_path / "1.csv"), 2)
    assert row["row"] == '1-2-A,5.0,6.0,"/m/a,/m/b"'
    assert row["reason"] == "in two folds: the recording is in 'train'"


def test_an_id_that_is_not_the_sources_is_rejected(tmp_path: Path) -> None:
    _, rejected = esc10(tmp_path, {"x": "1-2-A,0,1,/m/a\n6-2-A,0,1,/m/a\n"}).clips()
    assert rejected["line"].tolist() == [2]
    assert rejected["reason"].iloc[0].startswith("not an id: '6-2-A'")


def test_unknown_labels_are_rejected_when_the_known_are_given(tmp_path: Path) -> None:
    source = esc10(tmp_path, {"x": "1-2-A,0,1,/m/a\n1-3-A,0,1,/m/b\n"})
    assert source.clips({"/m/a"})[1]["reason"].tolist() == ["unknown label: /m/b"]


def test_a_recording_is_located_in_the_mirror(tmp_path: Path) -> None:
    assert esc10(tmp_path, {"x": "1-2-A,0,1,/m/a\n"}).locate("1-2-A") == Path("m/1-2-A.ogg")


def test_a_source_without_a_mirror_says_which_key_is_missing() -> None:
    source = SOURCES["audioset"](SourceParams(segments={"a": "x.csv"}, folds=None, mirror=None))
    with pytest.raises(SpikesoundError, match=r"^sources\.audioset\.mirror: null"):
        source.locate("abc")


@pytest.mark.parametrize(
    ("segments", "mirror", "complaint"),
    [
        ({}, None, r"sources\.esc10\.segments: empty"),
        ({"*": "a.csv"}, None, r"sources\.esc10\.folds: null"),
        ({"*": "a.csv", "x": "b.csv"}, None, r"sources\.esc10\.segments: '\*'"),
        ({"x": "a.csv"}, "folder/sound.ogg", r"sources\.esc10\.mirror: .*no \{media_id\}"),
    ],
)
def test_parameters_that_contradict_themselves_are_named(
    segments: dict[str, str], mirror: str | None, complaint: str
) -> None:
    with pytest.raises(SpikesoundError, match=complaint):
        SOURCES["esc10"](SourceParams(segments=segments, folds=None, mirror=mirror)).locate("a")
