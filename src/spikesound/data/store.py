"""A content-addressed store of bytes on disk, which survives being killed at any moment.

It lies outside the outputs of any stage, so that a stage that is stopped and run again, or run on a
longer list, has to make only what is not there yet.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

from spikesound.errors import SpikesoundError


def digest(*parts: str | int | float | bool | None) -> str:
    """Return the key for what these parts determine: 64 hexadecimal digits.

    The key is SHA-256 over the parts as a JSON list, so that ("ab", "c") and ("a", "bc"), or 1 and
    "1", have different keys.
    """
    text = json.dumps(parts, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """Bytes under keys made by :func:`digest`, in two levels of folders below ``root``."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def get(self, key: str) -> Path | None:
        """Return the file that holds the bytes of the key, or None if they are not there."""
        path = self._path(key)
        return path if path.is_file() else None

    def put(self, key: str, content: bytes) -> Path:
        """Keep the bytes under the key, replacing what was there, and return their file.

        They are written aside and moved into place, so no reader ever meets half of them; a kill
        leaves at most a ``.part`` file, which nothing reads.
        """
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two threads or processes that make the same key must not write into one file.
        aside = path.with_name(f"{key}.{os.getpid()}-{threading.get_ident()}.part")
        aside.write_bytes(content)
        aside.replace(path)
        return path

    def _path(self, key: str) -> Path:
        if len(key) < 8 or not set(key) <= set("0123456789abcdef"):
            raise SpikesoundError(f"{self.root}: {key!r} is not a key: not hexadecimal digits")
        return self.root / key[:2] / key[2:4] / key
