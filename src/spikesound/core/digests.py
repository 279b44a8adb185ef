"""Digests of a folder's files, as comments of a YAML file."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path


def digests(folder: Path) -> str:
    """Return a line ``# <file>: <SHA-256>`` for each file of a folder, in the order of names.

    Folders in it and hidden files are left out; of a folder that is not there it is empty.
    """
    files = sorted(path for path in folder.glob("[!.]*") if path.is_file())
    return "".join(f"# {file}: {sha256(file.read_bytes()).hexdigest()}\n" for file in files)
