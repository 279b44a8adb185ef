"""A list of clips like AudioSet's: real recordings mixed two by two, each clip with both labels.

The recordings are ESC-10's. Those of one official fold are mixed for evaluation only, all others
for training only; the folds keep whatever was cut from one recording together. A mix depends on
the seed, its side and its number alone, so that a longer list begins with a shorter one.
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import EVENTS
from spikesound.data.lists.audioset import read_segments, write_segments
from spikesound.data.lists.segment_rows import SEGMENTS
from spikesound.data.lists.strong_writing import write_strong

TRAIN, TEST = "train", "eval"
TEST_FOLD = "5"
"""Of ESC-10: a fifth of the recordings."""

CLIP_S = 10.0
RECORDING_S = 5.0
STARTS_S = (0.0, 5.0, 10.0)
"""Where a clip begins in its recording; before it the recording holds the end of the same mix."""

GAINS_DB = (-12.0, 0.0)
"""Of the peak of a mix's second recording over that of its first."""


@dataclass(frozen=True)
class Original:
    """A recording of ESC-10; ``recording`` is what it was cut from."""

    media_id: str
    label: str
    fold: str

    @property
    def recording(self) -> str:
        return self.media_id.split("-")[1]


@dataclass(frozen=True)
class Part:
    """An original within a mix: where it begins in the clip, and its gain."""

    original: Original
    at_s: float
    gain_db: float


@dataclass(frozen=True)
class Mix:
    """A clip of two originals, under an id of AudioSet's form, within a longer recording."""

    media_id: str
    side: str
    start_s: float
    parts: tuple[Part, Part]

    @property
    def labels(self) -> list[str]:
        return sorted({part.original.label for part in self.parts})


def read_originals(folder: Path) -> list[Original]:
    """Return the recordings of ``segments.csv`` with the folds of ``folds.csv``.

    Raises
    ------
    SpikesoundError
        If a recording has no fold.
    """
    segments, _ = read_segments(folder / "segments.csv")
    folds = pd.read_csv(folder / "folds.csv", dtype=str).set_index("media_id")["fold"].to_dict()
    found = []
    for row in segments.to_pylist():
        if row["media_id"] not in folds:
            raise SpikesoundError(f"{folder / 'folds.csv'}: no fold of {row['media_id']!r}")
        found.append(Original(row["media_id"], row["labels"][0], folds[row["media_id"]]))
    return found


def make_list(originals: Sequence[Original], clips: int, seed: int) -> list[Mix]:
    """Return so many mixes of both sides, as many of each as the originals' shares say.

    Raises
    ------
    SpikesoundError
        If a recording would be on both sides, or a side would have no clip.
    """
    sides = {
        TRAIN: [each for each in originals if each.fold != TEST_FOLD],
        TEST: [each for each in originals if each.fold == TEST_FOLD],
    }
    both = {each.recording for each in sides[TRAIN]} & {each.recording for each in sides[TEST]}
    if both:
        raise SpikesoundError(
            f"recording {min(both)!r} is in fold {TEST_FOLD} and in another: it would be trained "
            "and tested on"
        )
    tested = round(clips * len(sides[TEST]) / max(1, len(originals)))
    if not 0 < tested < clips:
        raise SpikesoundError(f"{clips} clips are too few for both sides; give more")
    counts = {TRAIN: clips - tested, TEST: tested}
    return [
        make_mix(sides[side], side, number, seed)
        for side, count in counts.items()
        for number in range(count)
    ]


def make_mix(originals: Sequence[Original], side: str, number: int, seed: int) -> Mix:
    """Return the mix of this number: two originals of different recordings and labels."""
    name = f"{seed} {side} {number}"
    generator = random.Random(name)
    first = generator.choice(originals)
    others = [
        each
        for each in originals
        if each.recording != first.recording and each.label != first.label
    ]
    if not others:
        raise SpikesoundError(f"side {side!r}: no recording of another label to mix with")
    digest = hashlib.sha256(name.encode()).digest()
    latest = CLIP_S - RECORDING_S
    return Mix(
        base64.urlsafe_b64encode(digest).decode()[:11],
        side,
        generator.choice(STARTS_S),
        (
            Part(first, round(generator.uniform(0, latest), 3), 0.0),
            Part(
                generator.choice(others),
                round(generator.uniform(0, latest), 3),
                round(generator.uniform(*GAINS_DB), 1),
            ),
        ),
    )


def write_weak(mixes: Iterable[Mix], path: Path) -> None:
    """Write the mixes as AudioSet's CSV with one row a clip."""
    rows = [
        {
            "media_id": mix.media_id,
            "start_s": mix.start_s,
            "end_s": mix.start_s + CLIP_S,
            "labels": mix.labels,
        }
        for mix in mixes
    ]
    schema = pa.schema([SEGMENTS.field(name).with_nullable(True) for name in rows[0]])
    write_segments(pa.Table.from_pylist(rows, schema=schema), path)


def write_events(
    mixes: Iterable[Mix], spans: Mapping[str, tuple[float, float]], path: Path
) -> None:
    """Write the mixes as AudioSet's TSV with one row a sound event.

    Parameters
    ----------
    spans
        First and last second of the sound of each original, by its media id.
    """
    rows = []
    for mix in mixes:
        for part in mix.parts:
            first_s, last_s = spans[part.original.media_id]
            rows.append(
                {
                    "clip_id": f"{mix.media_id}_{round(1000 * mix.start_s)}",
                    "label": part.original.label,
                    "onset_s": round(part.at_s + first_s, 3),
                    "offset_s": round(part.at_s + last_s, 3),
                }
            )
    write_strong(pa.Table.from_pylist(rows, schema=EVENTS), path)
