"""Location of a recording, and its copy to a local file."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from upath import UPath

from spikesound.audio.ffmpeg import MediaError
from spikesound.core.atomic import is_local, place
from spikesound.core.errors import SpikesoundError
from spikesound.core.writing import FULL


def is_web(location: str) -> bool:
    """Tell a web address, which may refuse or be gone, from a path or an fsspec address."""
    return urlsplit(location).scheme in ("http", "https")


def is_here(location: str) -> bool:
    """Tell the path of a file on this machine's file systems from any address."""
    return not is_web(location) and is_local(place(location))


def identity(location: str) -> str:
    """Return what changes with a recording: a hash of a file's content, a version of an object.

    A recording on the web is taken to stay the same; it is known by its address.

    Raises
    ------
    MediaError
        ``unavailable`` if there is no such file or object.
    """
    if is_web(location):
        return location
    path = UPath(location)
    try:
        if is_here(location):
            with Path(str(path)).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        return f"{location} {path.fs.ukey(path.path)}"
    except OSError as error:
        raise MediaError("unavailable", f"{location}: {error.strerror or error}") from error


@contextmanager
def local_file(location: str, scratch: Path) -> Iterator[Path]:
    """Give a local path of a recording on a disk or an fsspec file system, copied if need be."""
    path = UPath(location)
    if is_here(location):
        yield Path(str(path))
        return
    scratch.parent.mkdir(parents=True, exist_ok=True)
    try:
        try:
            with path.open("rb") as there, scratch.open("wb") as here:
                shutil.copyfileobj(there, here)
        except OSError as error:
            if error.errno in FULL:
                raise SpikesoundError(f"{scratch}: {os.strerror(error.errno)}") from error
            raise MediaError("failed", f"{location}: {error}", retry=True) from error
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)
