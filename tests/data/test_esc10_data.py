"""The recordings in the repository: whole, credited, labelled, and split by source recording."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from project import ROOT

from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES, Source
from spikesound.params import Params

ESC10 = ROOT / "data/esc10"
AUDIO = {path.stem: path for path in (ESC10 / "audio").iterdir()}
CATEGORIES = {
    "Dog bark": "/m/05tny_",
    "Rain": "/m/06mb1",
    "Sea waves": "/m/034srq",
    "Baby cry": "/t/dd00002",
    "Clock tick": "/m/07qjznl",
    "Person sneeze": "/m/01hsr_",
    "Helicopter": "/m/09ct_",
    "Chainsaw": "/m/01j4z9",
    "Rooster": "/m/07qn5dc",
    "Fire crackling": "/m/07pzfmf",
}


def table(name: str) -> list[dict[str, str]]:
    with (ESC10 / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def source(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Source:
    section = params.sources.esc10
    moved = section.model_copy(
        update={
            "segments": {key: str(ROOT / str(file)) for key, file in section.segments.items()},
            "folds": str(ROOT / str(section.folds)),
        }
    )
    ontology = Ontology.load(ROOT / "data/audioset/ontology.json")
    return SOURCES["esc10"](moved, ontology, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def clips(source: Source) -> pd.DataFrame:
    listing = source.listing()
    assert not len(listing.rejected)
    frame: pd.DataFrame = listing.clips.to_pandas()
    return frame


def test_every_recording_is_listed_and_there(clips: pd.DataFrame, source: Source) -> None:
    assert len(clips) == len(AUDIO) == 400
    assert set(clips["media_id"]) == set(AUDIO)
    assert all((ROOT / source.locate(media_id)).is_file() for media_id in AUDIO)


def test_forty_of_each_label_and_eighty_in_each_fold(clips: pd.DataFrame) -> None:
    labels = Counter(label for row in clips["labels"] for label in row)
    assert labels == dict.fromkeys(CATEGORIES.values(), 40)
    assert Counter(clips["fold"]) == dict.fromkeys("12345", 80)
    per_fold = Counter(zip(clips["fold"], clips["labels"].str[0], strict=True))
    assert set(per_fold.values()) == {8}


def test_no_source_recording_is_in_two_folds(clips: pd.DataFrame) -> None:
    freesound = clips["media_id"].str.split("-").str[1]
    assert clips.groupby(freesound)["fold"].nunique().max() == 1
    assert (clips["recording"] == freesound).all()
    assert (clips["fold"] == clips["media_id"].str[0]).all()


@pytest.mark.slow
def test_a_segment_ends_within_its_recording(clips: pd.DataFrame) -> None:
    assert len(clips) == 400
    for row in clips.itertuples():
        info = soundfile.info(AUDIO[row.media_id])
        whole_ms = info.frames * 1000 // info.samplerate
        assert (row.start_s, row.end_s) == (0.0, min(5000, whole_ms) / 1000), row.media_id


def test_every_recording_is_credited() -> None:
    credits = table("credits.csv")
    assert sorted(row["media_id"] for row in credits) == sorted(AUDIO)
    for row in credits:
        assert all(cell.strip() for cell in row.values()), row
        number = row["media_id"].split("-")[1]
        assert row["source_url"].endswith(f"/sounds/{number}/"), row
    licences = {(row["licence"], row["licence_url"]) for row in credits}
    assert licences == {
        ("CC0 1.0", "http://creativecommons.org/publicdomain/zero/1.0/"),
        ("CC BY 3.0", "http://creativecommons.org/licenses/by/3.0/"),
        ("CC Sampling Plus 1.0", "http://creativecommons.org/licenses/sampling+/1.0/"),
    }


def test_labels_follow_from_the_published_categories(clips: pd.DataFrame) -> None:
    category = {row["media_id"]: row["esc10_category"] for row in table("credits.csv")}
    assert set(category) == set(clips["media_id"]) != set()
    for media_id, labels in zip(clips["media_id"], clips["labels"], strict=True):
        assert list(labels) == [CATEGORIES[category[media_id]]], media_id


def test_the_readme_gives_each_label_its_name() -> None:
    ontology = Ontology.load(ROOT / "data/audioset/ontology.json")
    text = Path(ESC10 / "README.md").read_text(encoding="utf-8")
    for category, label in CATEGORIES.items():
        assert f"| {category} | {ontology.name(label)} | `{label}` |" in text
