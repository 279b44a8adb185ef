"""Files that appear whole or not at all, on a local disk or any file system that fsspec knows."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from spikesound.core.errors import SpikesoundError
from spikesound.core.writing import FAILED

if TYPE_CHECKING:
    from upath import UPath


def place(where: Path | str) -> Path:
    """Return the path of a file or folder, here or at an address such as s3://bucket/name."""
    from upath import UPath

    return cast(Path, UPath(where))


def is_local(path: Path) -> bool:
    """Tell a path on this machine's file systems from an address such as s3://bucket/name."""
    return getattr(path, "protocol", "") in ("", "file", "local")


def beside(path: Path) -> Path:
    """Return a name beside a file or folder, of this writer alone, under which to make it.

    Two that make the same at one time must not write into one: neither threads, nor processes, nor
    machines that share a disk, on which processes have equal numbers.
    """
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")


@contextmanager
def written_aside(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes its name when it is complete.

    A local file is written beside its place and renamed; one that a kill leaves behind ends in
    ``.part``, which nothing reads. To another file system it is copied when it is complete.

    Raises
    ------
    SpikesoundError
        If the file cannot be written: the disk is full, or may not be written to.
    """
    if not is_local(path):
        with tempfile.NamedTemporaryFile() as made:
            yield made.file
            made.flush()
            # Not copied into path.open(): closed by an error, that would keep the half it has.
            remote = cast("UPath", path)
            remote.fs.put_file(made.name, remote.path)
        return
    aside = beside(path)
    try:
        with aside.open("wb") as file:
            yield file
        aside.replace(path)
    except OSError as error:
        if error.errno in FAILED and error.filename in (None, str(aside)):
            raise SpikesoundError(f"{path}: {os.strerror(error.errno)}") from error
        raise
    finally:
        with suppress(OSError):  # on a disk that is read only
            aside.unlink(missing_ok=True)
