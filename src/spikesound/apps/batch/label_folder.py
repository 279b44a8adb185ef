"""A folder with one file of labels for each sound of a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from spikesound.apps.annotations import Format, Labelled
from spikesound.apps.batch.record import Record
from spikesound.apps.batch.tables import check_ours, write_bytes
from spikesound.audio.paths import SoundFile
from spikesound.core.errors import SpikesoundError

RECORD = ".spikesound-unfinished.jsonl"
"""Record of the batch (:class:`Record`); lies in the folder until all is written."""


class LabelFolder:
    """Files to be written, one a sound.

    Parameters
    ----------
    folder : to write to
    sounds, format : the sounds, and the format of the files

    Raises
    ------
    SpikesoundError
        If the folder is a file, or two sounds would be written to one file.
    """

    def __init__(self, folder: Path, sounds: Sequence[SoundFile], format: Format) -> None:
        if folder.exists() and not folder.is_dir():
            raise SpikesoundError(f"{folder}: --out: expected a folder, got a file")
        self.record = folder / RECORD
        self._format = format
        self._targets = {sound: folder / (sound.name + format.suffix) for sound in sounds}
        by_target: dict[Path, SoundFile] = {}
        for sound, target in self._targets.items():
            if (other := by_target.setdefault(target, sound)) is not sound:
                raise SpikesoundError(f"{target}: both {other} and {sound} would be written to it")

    def check(self, record: Record, *, force: bool) -> None:
        """Raise SpikesoundError if a file exists that this batch has not written."""
        check_ours(self._targets.values(), record, force=force)

    def write(self, sound: SoundFile, output: Labelled, record: Record) -> None:
        """Write a sound's file, unless it is there."""
        target = self._targets[sound]
        content = self._format.write(output).encode()
        sha256 = hashlib.sha256(content).hexdigest()
        if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() == sha256:
            return
        record.announce(sha256)
        write_bytes(target, content)
