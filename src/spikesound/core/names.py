"""Names of files as text: a file system keeps bytes, which need not be UTF-8."""

from __future__ import annotations

import os
from pathlib import Path

from spikesound.core.errors import SpikesoundError


def readable(name: str) -> str:
    """Return a file's name with the bytes that are not UTF-8 as ``\\xfc``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def check_names(folder: Path) -> None:
    """Check that DVC can track a folder.

    Raises
    ------
    SpikesoundError
        If a name in it is not UTF-8; DVC stops there, and does not say where.
    """
    for path in folder.rglob("*"):
        if readable(str(path)) != str(path):
            raise SpikesoundError(
                f"{readable(str(path))}: a name that is not UTF-8, which DVC cannot track: rename"
                " it (convmv -f latin1 -t utf8), or keep the folder outside the project and set"
                " sources.folder.folder"
            )
