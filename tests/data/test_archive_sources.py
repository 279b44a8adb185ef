"""The sources that are published as one archive: their labels, official folds and recordings."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from collections_made import MAKERS, change_row, wav
from loopback import Answer, Loopback

from spikesound.core.errors import SpikesoundError
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES, Source
from spikesound.data.sources.fsdd import _drawn
from spikesound.data.sources.source import Listing
from spikesound.params import ArchiveParams, FSDDParams, RemoteFile, SpeechCommandsParams

NOWHERE = RemoteFile(url="http://127.0.0.1:9/x.zip", hash=None)


def source(name: str, folder: Path, archive: RemoteFile = NOWHERE, **more: object) -> Source:
    kinds = {"fsdd": FSDDParams, "speech_commands": SpeechCommandsParams}
    extra = {
        "fsdd": {"split": "recordings"},
        "speech_commands": {"words": [], "split": "lists"},
    }.get(name, {})
    params = kinds.get(name, ArchiveParams)(archive=archive, folder=str(folder), **(extra | more))
    return SOURCES[name](params, Ontology({}, {}), folder.parent / "cache")


def frames(listing: Listing) -> tuple[pd.DataFrame, pd.DataFrame]:
    return listing.clips.to_pandas(), listing.rejected.to_pandas()


@pytest.fixture(params=MAKERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_copy_in_the_folder_is_used_as_it_is(name: str, tmp_path: Path) -> None:
    made = source(name, MAKERS[name](tmp_path / "copy"))
    clips, _ = frames(made.listing())
    assert clips["clip_id"].is_monotonic_increasing
    assert clips["clip_id"].is_unique
    assert (clips["clip_id"] == clips["media_id"] + "_0").all()
    assert clips.groupby("recording")["fold"].nunique().max() == 1
    assert {label for row in clips["labels"] for label in row} == set(made.ontology)
    assert len(clips)
    assert all(Path(made.locate(media_id)).is_file() for media_id in clips["media_id"])
    assert not (tmp_path / "cache").exists()
    assert made.listing().events.num_rows == 0


def test_the_archive_is_fetched_and_unpacked_once(name: str, tmp_path: Path) -> None:
    MAKERS[name](tmp_path / "made" / "top-master")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "made", arcname=".")
    content = (tmp_path / "x.tar.gz").read_bytes()
    shutil.rmtree(tmp_path / "made")
    with Loopback(lambda _: Answer(body=content), bytes_per_s=None, latency_s=0) as server:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        file = RemoteFile(url=f"{server.url}/x.tar.gz", hash=digest)
        first = source(name, tmp_path / "copy", file)
        clips, _ = frames(first.listing())
        again = source(name, tmp_path / "copy", file)
        assert again.locate(clips["media_id"][0]) == first.locate(clips["media_id"][0])
        assert len(server.entries) == 1
    assert Path(first.locate(clips["media_id"][0])).is_file()
    assert len(clips) >= 10
    assert not (tmp_path / "copy").exists()


def test_another_archive_is_not_taken_for_the_collection(name: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(wav(tmp_path / "a.wav"), arcname="other/a.wav")
    made = source(name, tmp_path / "copy", RemoteFile(url=str(tmp_path / "x.tar"), hash=None))
    with pytest.raises(SpikesoundError, match=rf"x\.tar: not {name}: .* missing"):
        made.listing()


@pytest.mark.slow
@pytest.mark.parametrize("media_id", ["../../etc/passwd", "/etc/passwd", "", "a/b", "..", "-x"])
def test_a_media_id_never_leads_elsewhere(name: str, tmp_path: Path, media_id: str) -> None:
    made = source(name, MAKERS[name](tmp_path / "copy"))
    with pytest.raises(SpikesoundError, match="not a media id"):
        made.locate(media_id)


@pytest.mark.slow
def test_a_damaged_recording_is_rejected(name: str, tmp_path: Path) -> None:
    made = source(name, MAKERS[name](tmp_path / "copy"))
    whole, before = frames(made.listing())
    broken = Path(made.locate(whole["media_id"][1]))
    broken.write_bytes(b"no sound")
    clips, rejected = frames(source(name, tmp_path / "copy").listing())
    assert set(whole["media_id"]) - set(clips["media_id"]) == {whole["media_id"][1]}
    reasons = rejected["reason"][~rejected["reason"].isin(before["reason"])].tolist()
    assert len(reasons) == 1
    assert reasons[0].startswith(f"{broken.name}: no sound can be read from it: ")


def test_the_digits_have_the_official_test_set_and_nine_more_folds(tmp_path: Path) -> None:
    made = source("fsdd", MAKERS["fsdd"](tmp_path / "copy"))
    clips, rejected = frames(made.listing())
    row = clips.set_index("media_id").loc["7_theo_49"]
    assert (row["recording"], row["fold"], list(row["labels"])) == ("7_theo_49", "10", ["seven"])
    assert (row["start_s"], row["end_s"]) == (0.0, 0.59)
    folds = dict(zip(clips["media_id"], clips["fold"], strict=True))
    found = [folds[f"0_george_{index}"] for index in (0, 4, 5, 9, 10, 49, 50)]
    assert found == ["1", "1", "2", "2", "3", "10", "2"]
    assert rejected.empty


def test_the_digits_can_be_split_by_speaker(tmp_path: Path) -> None:
    made = source("fsdd", MAKERS["fsdd"](tmp_path / "copy"), split="speakers")
    clips, _ = frames(made.listing())
    pairs = set(zip(clips["recording"], clips["fold"], strict=True))
    assert pairs == {("george", "1"), ("theo", "2")}


def test_the_digits_can_be_drawn_into_five_folds_that_share_their_speakers(tmp_path: Path) -> None:
    made = source("fsdd", MAKERS["fsdd"](tmp_path / "copy"), split="random")
    clips, _ = frames(made.listing())
    assert set(clips["fold"]) <= set("12345")
    assert clips["recording"].tolist() == clips["media_id"].tolist()
    names = [f"{digit}_jackson_{index}" for digit in range(10) for index in range(50)]
    shares = np.bincount([int(_drawn(name)) for name in names], minlength=6)[1:] / len(names)
    assert np.abs(shares - 0.2).max() < 0.05
    assert _drawn("0_jackson_0") == _drawn("0_jackson_0"), "by its name alone"


def test_a_file_that_is_named_otherwise_is_rejected(tmp_path: Path) -> None:
    top = MAKERS["fsdd"](tmp_path / "copy")
    stray = wav(top / "recordings" / "hello.wav")
    _, rejected = frames(source("fsdd", top).listing())
    assert rejected.iloc[0].tolist() == [
        str(stray), 0, "hello.wav", "not named digit_speaker_index"
    ]  # fmt: skip


def test_the_fifty_kinds_have_their_five_folds(tmp_path: Path) -> None:
    made = source("esc50", MAKERS["esc50"](tmp_path / "copy"))
    clips, rejected = frames(made.listing())
    assert sorted(clips["fold"].unique()) == ["1", "2", "3", "4", "5"]
    assert clips["media_id"].tolist()[:2] == ["1-100-A-0", "1-100-B-0"]
    assert clips["recording"].tolist()[:2] == ["100", "100"]
    assert made.ontology.name("crying_baby") == "crying baby"
    assert rejected.empty


def test_the_urban_sounds_have_their_ten_folds(tmp_path: Path) -> None:
    made = source("urbansound8k", MAKERS["urbansound8k"](tmp_path / "copy"))
    clips, rejected = frames(made.listing())
    assert clips["fold"].value_counts().to_dict() == {str(n): 2 for n in range(1, 11)}
    row = clips.set_index("media_id").loc["500-3-0-1"]
    assert (row["recording"], row["end_s"], list(row["labels"])) == ("500", 0.5, ["dog_bark"])
    assert made.locate("500-3-0-1") == str(tmp_path / "copy/audio/fold5/500-3-0-1.wav")
    assert rejected.empty
    with pytest.raises(SpikesoundError, match=r"UrbanSound8K\.csv: has no recording '1'"):
        made.locate("1")


@pytest.mark.parametrize(
    ("name", "file", "cells", "reason"),
    [
        ("esc50", "meta/esc50.csv", {"filename": "../../etc/passwd"}, "not a file name"),
        ("esc50", "meta/esc50.csv", {"category": ""}, "an empty cell"),
        ("esc50", "meta/esc50.csv", {"filename": "9.wav"}, r"9\.wav: no such file"),
        ("esc50", "meta/esc50.csv", {"src_file": "100"}, "in two folds: .* in '1'"),
        (
            "urbansound8k",
            "metadata/UrbanSound8K.csv",
            {"slice_file_name": "/etc/passwd"},
            "not a file name",
        ),
        ("urbansound8k", "metadata/UrbanSound8K.csv", {"fold": "../x"}, r"not a fold: '\.\./x'"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_with_its_line(
    tmp_path: Path, name: str, file: str, cells: dict[str, str], reason: str
) -> None:
    top = MAKERS[name](tmp_path / "copy")
    change_row(top / file, 6, **cells)
    _, rejected = frames(source(name, top).listing())
    assert len(rejected) == 1
    assert rejected["file"][0] == str(top / file)
    assert rejected["line"][0] == 6
    assert rejected["row"][0] == (top / file).read_text().splitlines()[5]
    assert pd.Series(rejected["reason"]).str.match(reason).all()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"filename,fold\n", "no column 'category'; columns: filename, fold"),
        (b"\xff\xfe\x00", "not a CSV in UTF-8"),
        (b"", "no column 'filename'"),
    ],
)
def test_a_damaged_list_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    top = MAKERS["esc50"](tmp_path / "copy")
    (top / "meta/esc50.csv").write_bytes(content)
    with pytest.raises(SpikesoundError, match=rf"esc50\.csv: {complaint}"):
        source("esc50", top).listing()


def test_the_words_have_the_official_three_parts(tmp_path: Path) -> None:
    made = source("speech_commands", MAKERS["speech_commands"](tmp_path / "copy"))
    clips, rejected = frames(made.listing())
    parts = dict(zip(clips["recording"], clips["fold"], strict=True))
    assert parts == {"0a7c2a8d": "train", "1b2c": "validation", "ffff": "test"}
    assert list(made.ontology) == ["bed", "yes"]
    assert made.locate("bed_1b2c_nohash_0").endswith("/copy/bed/1b2c_nohash_0.wav")
    assert rejected["row"].tolist() == ["pink_noise.wav"]
    assert rejected["reason"].tolist() == ["background noise, which is no word"]


def test_only_the_words_asked_for_are_listed(tmp_path: Path) -> None:
    top = MAKERS["speech_commands"](tmp_path / "copy")
    made = source("speech_commands", top, words=["yes"])
    clips, rejected = frames(made.listing())
    assert list(made.ontology) == ["yes"]
    assert len(clips) == 6
    assert rejected["row"].tolist() == ["pink_noise.wav"]
    with pytest.raises(SpikesoundError, match=r"unknown word .*'yess'.*valid: bed, yes"):
        source("speech_commands", top, words=["yess"]).listing()


def test_what_a_list_names_and_is_not_there_is_rejected(tmp_path: Path) -> None:
    top = MAKERS["speech_commands"](tmp_path / "copy")
    with (top / "testing_list.txt").open("a") as file:
        file.write("../../etc/passwd\n")
    wav(top / "yes" / "noname.wav")
    _, rejected = frames(source("speech_commands", top).listing())
    reasons = dict(zip(rejected["row"], rejected["reason"], strict=True))
    assert reasons["../../etc/passwd"] == "no such recording"
    assert rejected["line"].tolist()[0] == 5
    assert reasons["noname.wav"] == "not named speaker_nohash_number"
