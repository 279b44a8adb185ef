"""A batch of sounds into a folder: one that was broken off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from spikesound.apps.annotations import Format
from spikesound.audio.paths import SoundFile
from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError

RECORD = ".spikesound-unfinished.jsonl"
"""Lies in the folder until all is written: in its first line what the files are made by, in each
further one a file and the size and time of its sound, before it is written."""


class Batch:
    """Files to be written, one a sound. A file of the record is whole, since it appears whole.

    Parameters
    ----------
    folder : to write to
    sounds, format : the sounds, and the format of the files
    options : that the outputs depend on, beside the model
    model : its file

    Raises
    ------
    SpikesoundError
        If the folder is a file, or two sounds would be written to one file.
    """

    def __init__(
        self,
        folder: Path,
        sounds: Sequence[SoundFile],
        format: Format,
        options: Mapping[str, Any],
        model: Path,
    ) -> None:
        if folder.exists() and not folder.is_dir():
            raise SpikesoundError(f"{folder}: --out: expected a folder, got a file")
        self._record = folder / RECORD
        self._targets = {sound: folder / (sound.name + format.suffix) for sound in sounds}
        by_target: dict[Path, SoundFile] = {}
        for sound, target in self._targets.items():
            if (other := by_target.setdefault(target, sound)) is not sound:
                raise SpikesoundError(f"{target}: both {other} and {sound} would be written to it")
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        made_by = {"spikesound": metadata.version("spikesound"), "model": digest, **options}
        self._head = json.dumps(made_by)

    def begin(self, force: bool) -> list[SoundFile]:
        """Return the sounds that are left to do.

        Parameters
        ----------
        force : do all again, and overwrite existing files

        Raises
        ------
        SpikesoundError
            If a file exists that this batch has not written.
        """
        recorded = set() if force else self._recorded()
        done = {
            sound: entry
            for sound, target in self._targets.items()
            if (entry := self._entry(sound)) in recorded and target.exists()
        }
        left = {sound: self._targets[sound] for sound in self._targets if sound not in done}
        existing = [target for target in left.values() if target.exists()]
        if existing and not force:
            others = f" ({len(existing)} such files)" if len(existing) > 1 else ""
            raise SpikesoundError(
                f"{existing[0]}: already exists{others}; use --force to overwrite"
            )
        with _naming(self._record):
            self._record.parent.mkdir(parents=True, exist_ok=True)
            with written_aside(self._record) as file:
                file.write("".join(f"{line}\n" for line in (self._head, *done.values())).encode())
        return list(left)

    def write(self, sound: SoundFile, text: str) -> None:
        """Write a sound's file."""
        target = self._targets[sound]
        with _naming(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            with self._record.open("a", encoding="utf-8") as record:
                record.write(self._entry(sound) + "\n")
            with written_aside(target) as file:
                file.write(text.encode())

    def end(self, *, failed: bool) -> None:
        """End the batch; if sounds failed, the same command tries those alone again."""
        if not failed:
            self._record.unlink(missing_ok=True)

    def _recorded(self) -> set[str]:
        try:
            head, *entries = self._record.read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, ValueError):
            return set()
        return set(entries) if head == self._head else set()

    def _entry(self, sound: SoundFile) -> str:
        if sound.path is None:  # stdin: another sound each time
            return json.dumps([sound.name, time.time_ns()])
        facts = sound.path.stat()
        return json.dumps([sound.name, facts.st_size, facts.st_mtime_ns])


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpikesoundError(f"{path}: cannot be written: {error.strerror}") from error
