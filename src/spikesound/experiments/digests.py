"""Digests of what lies in folders."""

from __future__ import annotations

import hashlib
from pathlib import Path


def folder_digest(*folders: Path) -> str:
    """Return the digest of the names and contents of the files in folders, not of those below."""
    content = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.iterdir()):
            if file.is_file():
                content.update(f"{file.name} {file.stat().st_size} ".encode())
                content.update(file.read_bytes())
    return content.hexdigest()
