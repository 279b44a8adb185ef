"""Files of pretrained networks: fetched once by address and hash, or taken from a folder."""

from __future__ import annotations

import os
from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.core.extras import needing
from spikesound.params import RemoteFile

FOLDER = "SPIKESOUND_PRETRAINED"
"""Variable of the environment: a folder with copies of the files under their own names."""


def cache() -> Path:
    """Return the user's folder for what is fetched: of XDG_CACHE_HOME, or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "spikesound"


def local(network: str, file: RemoteFile) -> Path:
    """Return the local path of a file: in the folder that the environment names, or fetched.

    Raises
    ------
    SpikesoundError
        If it is neither there nor to be had, or has another hash; one line that says where it is
        to be had.
    """
    with needing("pretrained"):
        from spikesound.data.sources.remote import obtain

    name = file.url.rpartition("/")[2]
    if folder := os.environ.get(FOLDER):
        copy = Path(folder).expanduser() / name
        if copy.is_file():
            return obtain(RemoteFile(url=str(copy), hash=file.hash), cache())
    try:
        return obtain(file, cache())
    except SpikesoundError as error:
        raise SpikesoundError(
            f"weights of {network}: {error}; or put {name} into a folder, and its path into the "
            f"environment as {FOLDER}"
        ) from error
