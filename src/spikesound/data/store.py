"""A content-addressed store of bytes, which survives being killed at any moment.

It lies outside the outputs of any stage, so that a stage that is stopped and run again, or run on a
longer list, has to make only what is not there yet.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from spikesound.core.atomic import is_local, place, written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.core.projects import shared


def digest(*parts: str | int | float | bool | None) -> str:
    """Return the key for what these parts determine: 64 hexadecimal digits.

    The key is SHA-256 over the parts as a JSON list, so that ("ab", "c") and ("a", "bc"), or 1 and
    "1", have different keys.
    """
    text = json.dumps(parts, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """Bytes under keys made by :func:`digest`, in two levels of folders below ``root``.

    Parameters
    ----------
    root
        A folder, or an address on a file system that fsspec knows, such as ``s3://bucket/store``.
        A copy of a project, in which DVC runs an experiment, has its project's.
    """

    def __init__(self, root: Path | str) -> None:
        where = place(root)
        self.root = shared(where) if is_local(where) else where

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        # A worker of a cluster has another working directory: what is sent there is absolute.
        return type(self), (self.root.absolute(),)

    def get(self, key: str) -> Path | None:
        """Return the file that holds the bytes of the key, or None if they are not there."""
        path = self._path(key)
        return path if path.is_file() else None

    def size(self, key: str) -> int | None:
        """Return how many bytes are under the key, or None if it is not there."""
        try:
            return int(self._path(key).stat().st_size)
        except FileNotFoundError:
            return None

    def read(self, key: str) -> bytes | None:
        """Return the bytes of the key, or None if they are not there."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, key: str, content: bytes) -> Path:
        """Keep the bytes under the key, replacing what was there, and return their file.

        No reader ever meets half of them: see :func:`spikesound.core.atomic.written_aside`.
        """
        path = self._path(key)
        if is_local(path):  # elsewhere there are no folders to make
            path.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(path) as file:
            file.write(content)
        return path

    def _path(self, key: str) -> Path:
        if len(key) < 8 or not set(key) <= set("0123456789abcdef"):
            raise SpikesoundError(f"{self.root}: {key!r} is not a key: not hexadecimal digits")
        return self.root / key[:2] / key[2:4] / key
