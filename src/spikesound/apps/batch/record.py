"""What an unfinished batch has done: the outputs of its sounds, by the content of their files."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from spikesound.apps.annotations import Labelled
from spikesound.core.errors import SpikesoundError
from spikesound.inference.learnt.file import learnt_path
from spikesound.tasks.detection.decision import Event


def made_by(model: Path, options: Mapping[str, Any], learnt: Path | None = None) -> dict[str, Any]:
    """Return all that outputs depend on beside the sounds: version, model's content, options.

    Parameters
    ----------
    learnt : file of sounds that the model has learnt; None: the one beside it, if there is one
    """
    files = {"model": model, "learnt": learnt or learnt_path(model)}
    digests = {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for name, file in files.items()
        if file.exists()
    }
    return {"spikesound": metadata.version("spikesound"), **digests, **options}


class Record:
    """A file of lines beside the table that is to be made; to be used as a context manager.

    The first line says what the outputs are made by; each further one is an output, or the digest
    of a table that is about to be written. A line that a kill cut off is dropped. While it is open
    no other process can open it.

    Parameters
    ----------
    path : of the record
    made_by : see :func:`made_by`
    force : drop what was done before

    Attributes
    ----------
    outputs : by the digest of the sound's content
    written : digests of the tables that this batch has written

    Raises
    ------
    SpikesoundError
        If another process has it open, or it is of a batch with another model or other options.
    """

    def __init__(self, path: Path, made_by: Mapping[str, Any], *, force: bool = False) -> None:
        self.path = path
        self.outputs: dict[str, Labelled] = {}
        self.written: set[str] = set()
        self._made_by = json.loads(json.dumps(made_by))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise SpikesoundError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            self._lock()
            self._read(force)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self.outputs and not self.written:  # nothing to go on with
            self.remove()
        self._file.close()

    def add(self, sha256: str, output: Labelled) -> None:
        """Note the output of a sound."""
        self.outputs[sha256] = output
        self._write({"sound": sha256, **_packed(output)})

    def announce(self, sha256: str) -> None:
        """Note the digest of a table before it is written, so that it is known for the batch's."""
        self.written.add(sha256)
        self._write({"table": sha256})

    def remove(self) -> None:
        """Remove the file: the batch is done."""
        self.path.unlink(missing_ok=True)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SpikesoundError(f"{self.path}: another process is at this batch") from error

    def _read(self, force: bool) -> None:
        end = 0
        content = b"" if force else self.path.read_bytes()
        for number, line in enumerate(content.splitlines(keepends=True)):
            entry = _parsed(line)
            if entry is None:
                break
            if number == 0:
                self._check(entry)
            elif "table" in entry:
                self.written.add(entry["table"])
            else:
                self.outputs[entry["sound"]] = _unpacked(entry)
            end += len(line)
        self._file.truncate(end)
        if end == 0:
            self._write(self._made_by)

    def _check(self, before: Mapping[str, Any]) -> None:
        now = self._made_by
        keys = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
        if keys:
            changes = ", ".join(keys)
            raise SpikesoundError(
                f"{self.path}: of an unfinished batch with another {changes}; finish that one, "
                "choose another --out, or drop it with --force"
            )

    def _write(self, entry: Mapping[str, Any]) -> None:
        line = (json.dumps(entry, ensure_ascii=True) + "\n").encode()
        try:
            whole = self._file.write(line) == len(line)
            reason = os.strerror(errno.ENOSPC)
        except OSError as error:
            whole, reason = False, error.strerror or str(error)
        if not whole:
            raise SpikesoundError(
                f"{self.path}: cannot be written: {reason}; the same command goes on"
            )


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return what a line says; None of one that was cut off."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _packed(output: Labelled) -> dict[str, Any]:
    return {
        "model": output.model,
        "seconds": output.seconds,
        "high_hz": output.high_hz,
        "events": [list(event) for event in output.events],
        "probabilities": dict(output.probabilities),
    }


def _unpacked(content: Mapping[str, Any]) -> Labelled:
    return Labelled(
        "",
        content["seconds"],
        content["model"],
        content["high_hz"],
        [Event(*event) for event in content["events"]],
        content["probabilities"],
    )
