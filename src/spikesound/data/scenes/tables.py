"""The lists of a folder of scenes: what AudioSet's formats hold, and what they cannot."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pyarrow as pa

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import EVENTS, MIXTURES
from spikesound.data.lists.audioset import write_segments
from spikesound.data.lists.strong_labels import CLIP_S
from spikesound.data.lists.strong_writing import write_strong
from spikesound.data.scenes.drawing import Drawn

SEGMENTS_FILE = "segments.csv"
STRONG_FILE = "strong.tsv"
FOLDS_FILE = "folds.csv"
MIXED_FILE = "mixed.csv"


@dataclass(frozen=True)
class MixedRow:
    """One row of ``mixed.csv``: an event and its scene's background.

    A scene without events has one row, whose cells on the event are empty.
    """

    media_id: str
    label: str
    recording: str
    onset_s: str
    offset_s: str
    source_onset_s: str
    snr_db: str
    background: str
    background_dbfs: str

    @classmethod
    def of_event(
        cls, media_id: str, event: Drawn, snr_db: float, background: str, dbfs: float
    ) -> MixedRow:
        """Return the row of an event, with its level and its background's as they came out."""
        times_ms = (event.onset_ms, event.offset_ms, event.source_onset_ms)
        onset, offset, source_onset = (f"{time_ms / 1000:.3f}" for time_ms in times_ms)
        what = (event.recording.label, event.recording.media_id, onset, offset, source_onset)
        return cls(media_id, *what, f"{snr_db:.3f}", background, f"{dbfs:.3f}")

    @classmethod
    def of_nothing(cls, media_id: str, background: str, dbfs: float) -> MixedRow:
        """Return the row of a scene in which nothing happens."""
        return cls(media_id, "", "", "", "", "", "", background, f"{dbfs:.3f}")


def write_lists(rows: Mapping[str, list[MixedRow]], folder: Path) -> None:
    """Write the four lists of a folder of scenes.

    ``segments.csv`` and ``strong.tsv`` are AudioSet's weak and strong formats: scenes with events.
    ``folds.csv`` (media_id, fold) names every scene: one that is in no other has no events.
    ``mixed.csv`` says what each was mixed of.

    Parameters
    ----------
    rows
        Of ``mixed.csv``, by fold.
    folder
        Where the lists go.
    """
    everything = [row for of_fold in rows.values() for row in of_fold]
    events = [row for row in everything if row.label]
    labels: dict[str, set[str]] = {}
    for row in events:
        labels.setdefault(row.media_id, set()).add(row.label)
    segments = {
        "media_id": list(labels),
        "start_s": [0.0] * len(labels),
        "end_s": [CLIP_S] * len(labels),
        "labels": pa.array(map(sorted, labels.values()), pa.list_(pa.string())),
    }
    write_segments(pa.table(segments), folder / SEGMENTS_FILE)
    strong = {
        "clip_id": [f"{row.media_id}_0" for row in events],
        "label": [row.label for row in events],
        "onset_s": [float(row.onset_s) for row in events],
        "offset_s": [float(row.offset_s) for row in events],
    }
    write_strong(pa.table(strong, schema=EVENTS), folder / STRONG_FILE)
    folds = {row.media_id: fold for fold, of_fold in rows.items() for row in of_fold}
    _write_csv(folder / FOLDS_FILE, [("media_id", "fold"), *folds.items()])
    header = tuple(field.name for field in fields(MixedRow))
    _write_csv(folder / MIXED_FILE, [header, *map(astuple, everything)])


def _write_csv(path: Path, rows: list[tuple[str, ...]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    with written_aside(path) as file:
        file.write(text.getvalue().encode())


def read_mixtures(path: Path) -> pa.Table:
    """Return the table MIXTURES of ``mixed.csv``: background and events' recordings of each scene.

    Raises
    ------
    SpikesoundError
        If the file is missing or damaged.
    """
    mixed: set[tuple[str, str]] = set()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                clip = f"{row['media_id']}_0"
                mixed |= {(clip, row[part]) for part in ("recording", "background") if row[part]}
    except (OSError, KeyError, csv.Error) as error:
        raise SpikesoundError(
            f"{path}: missing or damaged ({error}); delete the folder to make the scenes again"
        ) from error
    clips, recordings = zip(*sorted(mixed), strict=True) if mixed else ((), ())
    return pa.table({"clip_id": list(clips), "recording": list(recordings)}, schema=MIXTURES)
