"""Made lists of benchmarks/scale: sides share no recording, rows parse, labels are of both."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from project import ROOT

sys.path.append(str(ROOT / "benchmarks/scale"))
from made_list import (
    CLIP_S,
    RECORDING_S,
    TEST,
    TEST_FOLD,
    TRAIN,
    Original,
    make_list,
    read_originals,
    write_events,
    write_weak,
)

from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.merging import merge, read_list
from spikesound.data.ontology import Ontology
from spikesound.data.sources.audioset import AudioSet

ORIGINALS = read_originals(ROOT / "data/esc10")
MIXES = make_list(ORIGINALS, 500, 1)
ONTOLOGY = Ontology.load(ROOT / "data/audioset/ontology.json")


def test_no_recording_is_on_both_sides() -> None:
    used = {
        side: {part.original.recording for mix in MIXES if mix.side == side for part in mix.parts}
        for side in (TRAIN, TEST)
    }
    assert all(len(recordings) > 30 for recordings in used.values())
    assert not used[TRAIN] & used[TEST]
    assert Counter(mix.side for mix in MIXES) == {TRAIN: 400, TEST: 100}, "as ESC-10's folds"


def test_a_recording_in_two_folds_is_refused() -> None:
    folds = (TEST_FOLD, "1")
    twice = [Original(f"{fold}-77-{take}", f"/m/{fold}", fold) for fold in folds for take in "AB"]
    with pytest.raises(SpikesoundError, match="recording '77' is in fold 5 and in another"):
        make_list(twice, 10, 1)


@pytest.mark.parametrize("clips", [0, 1, 2])
def test_a_list_without_a_side_is_refused(clips: int) -> None:
    with pytest.raises(SpikesoundError, match=f"{clips} clips are too few for both sides"):
        make_list(ORIGINALS, clips, 1)


def test_each_mix_is_of_two_recordings_and_labels_within_its_clip() -> None:
    for mix in MIXES:
        first, second = mix.parts
        assert first.original.recording != second.original.recording
        assert set(mix.labels) == {first.original.label, second.original.label}
        assert len(mix.labels) == 2
        assert all(0 <= part.at_s <= CLIP_S - RECORDING_S for part in mix.parts)


@pytest.mark.parametrize("side", [TRAIN, TEST])
def test_every_row_is_read_by_the_filters_own_reader(side: str, tmp_path: Path) -> None:
    of_side = [mix for mix in MIXES if mix.side == side]
    weak, strong = tmp_path / "weak.csv", tmp_path / "strong.tsv"
    write_weak(of_side, weak)
    spans = {each.media_id: (0.25, 4.5) for each in ORIGINALS}
    write_events(of_side, spans, strong)
    for path in (weak, strong):
        merged = merge([read_list(path, known=ONTOLOGY, media_id=AudioSet.media_id)])
        assert not len(merged.rejected), merged.rejected.to_pylist()[:1]
        assert len(merged.clip_ids) == len(of_side)
    segments = read_list(weak, known=ONTOLOGY).segments.to_pylist()
    assert {row["media_id"]: row["labels"] for row in segments} == {
        mix.media_id: mix.labels for mix in of_side
    }
    mix = of_side[0]
    events = strong.read_text(encoding="utf-8").splitlines()[1:3]
    assert [line.split("\t") for line in events] == [
        [
            f"{mix.media_id}_{round(1000 * mix.start_s)}",
            f"{part.at_s + 0.25:.3f}",
            f"{part.at_s + 4.5:.3f}",
            part.original.label,
        ]
        for part in mix.parts
    ]


def test_a_longer_list_has_the_clips_of_a_shorter_one() -> None:
    shorter = make_list(ORIGINALS, 100, 1)
    assert set(shorter) < set(MIXES)
    assert not set(shorter) & set(make_list(ORIGINALS, 100, 2)), "another seed, other clips"
