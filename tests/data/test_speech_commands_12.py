"""Google Speech Commands: the rule of the hash, and the twelve classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from collections_made import wav

from spikesound.core.errors import SpikesoundError
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES, Source
from spikesound.data.sources.speech_commands import fold_by_hash
from spikesound.data.sources.speech_commands_12 import COMMANDS
from spikesound.params import (
    RemoteFile,
    SpeechCommands12Params,
    SpeechCommandsParams,
)

NOWHERE = RemoteFile(url="http://127.0.0.1:9/x.zip", hash=None)


def slow_rule(name: str) -> str:
    """The rule as its description has it: a hash of the speaker, in percent of 2^27 - 1."""
    import hashlib
    import re

    speaker = re.sub(r"_nohash_.*$", "", name.split("/")[-1])
    number = int(hashlib.sha1(speaker.encode("utf-8")).hexdigest(), 16)
    percent = (number % (2**27)) * 100.0 / (2**27 - 1)
    return "validation" if percent < 10 else "test" if percent < 20 else "train"


def test_the_rule_of_the_hash_divides_by_speaker() -> None:
    names = [f"yes/{number:08x}_nohash_0.wav" for number in range(0, 2**32, 2**32 // 3000)]
    folds = [fold_by_hash(name) for name in names]
    assert folds == [slow_rule(name) for name in names]
    assert folds.count("validation") / len(folds) == pytest.approx(0.1, abs=0.02)
    assert folds.count("test") / len(folds) == pytest.approx(0.1, abs=0.02)
    assert [
        fold_by_hash(name.replace("yes", "no").replace("_0.", "_4.")) for name in names
    ] == folds
    assert fold_by_hash(names[0], validation=0, test=0) == "train"
    assert fold_by_hash(names[0], validation=101, test=0) == "validation"


def made(top: Path) -> Path:
    """Write two recordings of each command and of three other words for each of six speakers."""
    for word in (*COMMANDS, "bed", "cat", "dog"):
        for speaker in ("a1", "b2", "c3", "d4", "e5", "f6"):
            wav(top / word / f"{speaker}_nohash_0.wav", 1.0)
    wav(top / "_background_noise_" / "pink_noise.wav", 20.5)
    for name, speaker in {"validation_list.txt": "b2", "testing_list.txt": "c3"}.items():
        words = (*COMMANDS, "bed", "cat", "dog")
        (top / name).write_text("".join(f"{word}/{speaker}_nohash_0.wav\n" for word in words))
    return top


def twelve(tmp_path: Path, **changes: object) -> Source:
    values = {
        "archive": NOWHERE, "folder": str(tmp_path / "copy"), "words": [], "split": "lists",
        "unknown_share": 0.2, "silence_share": 0.1, "test_archive": None,
        "test_folder": str(tmp_path / "none"),
    }  # fmt: skip
    params = SpeechCommands12Params.model_validate(values | changes)
    return SOURCES["speech_commands_12"](params, Ontology({}, {}), tmp_path / "cache")


@pytest.mark.slow
def test_twelve_classes_in_three_folds(tmp_path: Path) -> None:
    made(tmp_path / "copy")
    source = twelve(tmp_path)
    listing = source.listing()
    clips = listing.clips.to_pandas()
    labels = clips["labels"].str[0]
    assert set(labels) == {*COMMANDS, "unknown", "silence"}
    counts = clips.groupby(["fold", labels]).size()
    assert counts["train", "yes"] == 4
    assert counts["train", "unknown"] == 8  # a fifth of 40
    assert counts["train", "silence"] == 4  # a tenth
    assert counts["test", "unknown"] == 2
    assert counts["test", "silence"] == 1
    silence = clips[labels == "silence"]
    assert (silence["end_s"] - silence["start_s"] == 1).all()
    spans = dict(tuple(silence.groupby("fold")))
    assert spans["train"]["end_s"].max() <= 0.8 * 20.5
    assert spans["test"]["start_s"].min() >= 0.9 * 20.5
    assert not len(listing.rejected)
    assert all(Path(source.locate(media_id)).is_file() for media_id in clips["media_id"])
    assert twelve(tmp_path).listing().clips.equals(listing.clips)


@pytest.mark.slow
def test_the_published_test_set_is_the_fold_of_the_test(tmp_path: Path) -> None:
    made(tmp_path / "copy")
    test = tmp_path / "official"
    for folder in (*COMMANDS, "_unknown_", "_silence_"):
        wav(test / folder / "77aa_nohash_0.wav", 1.0)
    wav(test / "_unknown_" / "marvin_88bb_nohash_1.wav", 1.0)
    source = twelve(tmp_path, test_folder=str(test))
    clips = source.listing().clips.to_pandas()
    tested = clips[clips["fold"] == "test"]
    assert len(tested) == 13
    assert tested["labels"].str[0].value_counts()["unknown"] == 2
    assert set(tested["recording"]) == {"77aa", "88bb"}
    assert all(source.locate(media_id).startswith(str(test)) for media_id in tested["media_id"])


@pytest.mark.slow
def test_a_copy_without_silence_is_no_test_set(tmp_path: Path) -> None:
    import zipfile

    made(tmp_path / "copy")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("yes/a.wav", b"")
    file = RemoteFile(url=str(tmp_path / "x.zip"), hash=None)
    with pytest.raises(SpikesoundError, match=r"x\.zip: not a test set of twelve classes"):
        twelve(tmp_path, test_archive=file).listing()


@pytest.mark.slow
def test_the_words_can_be_split_by_the_rule(tmp_path: Path) -> None:
    made(tmp_path / "copy")
    params = SpeechCommandsParams(
        archive=NOWHERE, folder=str(tmp_path / "copy"), words=["yes"], split="hash"
    )
    clips = (
        SOURCES["speech_commands"](params, Ontology({}, {}), tmp_path).listing().clips.to_pandas()
    )
    for media_id, fold in zip(clips["media_id"], clips["fold"], strict=True):
        assert fold == fold_by_hash(media_id.removeprefix("yes_"))
