"""A batch into one table of all its events or probabilities, and a table of its files beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from spikesound.apps.annotations import Labelled
from spikesound.apps.batch.record import Record
from spikesound.apps.batch.recording import Recording, check_clocks, recording_of
from spikesound.apps.batch.run import Batch, Done, run_batch
from spikesound.apps.batch.several_recorders import RecordedEvent, merge_recorders
from spikesound.apps.batch.tables import (
    EVENTS,
    FILES,
    MERGED_EVENTS,
    SCORES,
    TABLES,
    Row,
    Schema,
    check_ours,
    write_bytes,
)
from spikesound.audio.paths import SoundFile
from spikesound.core.extras import needing
from spikesound.core.names import readable
from spikesound.core.progress import track


@dataclass(frozen=True)
class OneTable:
    """The one table that a batch is written to.

    Attributes
    ----------
    path : CSV or Parquet, by its suffix
    timed : whether its rows are events; else the probabilities of whole files
    zone : of recordings that say none, and of all times; None: as each file says
    merge_recorders_s : tolerance within which one event of several recorders is counted once;
        None: it is not
    """

    path: Path
    timed: bool = True
    zone: tzinfo | None = None
    merge_recorders_s: float | None = None

    @property
    def record(self) -> Path:
        """Path of the batch's record (:class:`Record`), which lies there until all is done."""
        return self.path.with_name(f".{self.path.name}.unfinished.jsonl")

    @property
    def files(self) -> Path:
        """Path of the table of files."""
        return self.path.with_name(f"{self.path.stem}.files{self.path.suffix}")

    def check(self, record: Record, *, force: bool) -> None:
        """Raise SpikesoundError if a table exists that this batch has not written.

        Or if it is Parquet, and the package that writes it is not installed.
        """
        if self.path.suffix.lower() == ".parquet":
            with needing("pipeline"):
                import pyarrow  # noqa: F401
        check_ours((self.path, self.files), record, force=force)


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    rows : in the table
    failed : sounds of which nothing is in it
    """

    rows: int
    failed: list[Done]


def write_tables(table: OneTable, batch: Batch, record: Record) -> Written:
    """Run a batch and write its tables, both whole or not at all, when all sounds are done.

    Every file is in the table of files once, those that failed with the reason.

    Raises
    ------
    SpikesoundError
        Before any work, if recorders are to be merged, and the start of a recording is not known.
    """
    recordings = _recordings(batch.sounds, table.zone)
    if table.merge_recorders_s is not None:
        check_clocks(recordings)
    done = dict(run_batch(batch, record))
    rows = _rows(table, batch.sounds, done, recordings)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["filename"]] = counts.get(row["filename"], 0) + 1
    of_files = [_file_row(sound, done[sound], recordings[sound], counts) for sound in batch.sounds]
    _write(table.files, of_files, FILES, record)
    _write(table.path, rows, _schema(table), record)
    failed = [each for each in done.values() if each.error is not None]
    return Written(len(rows), failed)


def _recordings(sounds: Sequence[SoundFile], zone: tzinfo | None) -> dict[SoundFile, Recording]:
    tracked = track(sounds, total=len(sounds), what="metadata", unit="file")
    return {sound: recording_of(sound, zone) for sound in tracked}


def _schema(table: OneTable) -> Schema:
    if not table.timed:
        return SCORES
    return EVENTS if table.merge_recorders_s is None else MERGED_EVENTS


def _write(path: Path, rows: Sequence[Row], schema: Schema, record: Record) -> None:
    content = TABLES[path.suffix.lower()](rows, schema)
    record.announce(hashlib.sha256(content).hexdigest())
    write_bytes(path, content)


def _rows(
    table: OneTable,
    sounds: Sequence[SoundFile],
    done: Mapping[SoundFile, Done],
    recordings: Mapping[SoundFile, Recording],
) -> list[Row]:
    """Return the rows of the table, in the order of the sounds."""
    outputs = [
        (output, recordings[sound])
        for sound in sounds
        if (output := done[sound].output) is not None
    ]
    if not table.timed:
        return [row for output, recording in outputs for row in _scores(output, recording)]
    detections = [
        RecordedEvent(output.file, event, recording, (recording.recorder,))
        for output, recording in outputs
        for event in output.events
    ]
    if table.merge_recorders_s is not None:
        detections = merge_recorders(detections, table.merge_recorders_s)
    return [_event_row(detection) for detection in detections]


def _scores(output: Labelled, recording: Recording) -> Iterator[Row]:
    for label, probability in output.probabilities.items():
        yield {
            "filename": output.file,
            "label": label,
            "probability": probability,
            "start_time": recording.time(0) or None,
            "recorder": recording.recorder,
        }


def _event_row(detection: RecordedEvent) -> Row:
    event, recording = detection.event, detection.recording
    return {
        "filename": detection.file,
        "onset": event.onset_s,
        "offset": event.offset_s,
        "event_label": event.label,
        "score": event.score,
        "onset_time": recording.time(event.onset_s) or None,
        "offset_time": recording.time(event.offset_s) or None,
        "recorder": recording.recorder,
        "recorders": "; ".join(detection.recorders),
    }


def _file_row(
    sound: SoundFile, done: Done, recording: Recording, counts: Mapping[str, int]
) -> dict[str, Any]:
    name = readable(str(sound))
    reason = None
    if done.error is not None:
        reason = str(done.error).removeprefix(f"{sound}: ")
    return {
        "filename": name,
        "state": "ok" if done.error is None else "failed",
        "reason": reason,
        "seconds": None if done.output is None else done.output.seconds,
        "rows": counts.get(name, 0),
        "start_time": recording.time(0) or None,
        "clock": recording.clock or None,
        "note": recording.note or None,
        "recorder": recording.recorder,
        "gain": recording.gain or None,
        "sha256": done.sha256 or None,
    }
