"""Finished results in the store: files and folders under the digest of all they depend on."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from spikesound.core.atomic import beside
from spikesound.data.store import digest


def files_digest(paths: Iterable[Path]) -> str:
    """Return the digest of the content of files, and of all files in folders, with their names."""
    parts = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in inside:
            if file.is_file():
                name = str(file.relative_to(path)) if path.is_dir() else file.name
                parts.append(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}")
    return digest(*parts)


def restore_or_compute(
    store: Path, key: str, outputs: Sequence[Path], compute: Callable[[], None]
) -> bool:
    """Copy the outputs from the store, or compute them and keep a copy; return whether known.

    Parameters
    ----------
    store : folder of finished results
    key : digest of all that the outputs depend on
    outputs : files and folders that the computation writes
    """
    finished = store / key
    if finished.is_dir():
        for number, output in enumerate(outputs):
            _copy(finished / str(number), output)
        return True
    compute()
    aside = beside(finished)
    try:
        aside.mkdir(parents=True)
        for number, output in enumerate(outputs):
            _copy(output, aside / str(number))
        try:
            aside.replace(finished)
        except OSError:
            if not finished.is_dir():  # else another run has been quicker
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return False


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
