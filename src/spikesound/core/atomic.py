"""Files that appear whole or not at all, on a local disk or any file system that fsspec knows."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from upath import UPath


def place(where: Path | str) -> Path:
    """Return the path of a file or folder, here or at an address such as s3://bucket/name."""
    return cast(Path, UPath(where))


def is_local(path: Path) -> bool:
    """Tell a path on this machine's file systems from an address such as s3://bucket/name."""
    return not isinstance(path, UPath) or path.protocol in ("", "file", "local")


@contextmanager
def written_aside(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes its name when it is complete.

    A local file is written beside its place and renamed; one that a kill leaves behind ends in
    ``.part``, which nothing reads. To another file system it is copied when it is complete.
    """
    if not is_local(path):
        with tempfile.NamedTemporaryFile() as made:
            yield made.file
            made.flush()
            # Not copied into path.open(): closed by an error, that would keep the half it has.
            remote = cast(UPath, path)
            remote.fs.put_file(made.name, remote.path)
        return
    # Two threads or processes that make the same file must not write into one.
    aside = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with aside.open("wb") as file:
            yield file
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
