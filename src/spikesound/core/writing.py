"""Errors in writing a file, reported with the file's name.

The system names the file only where it cannot be opened: of a disk that is full, which is noticed
in the middle of a file, it says nothing but that. So it is noted which file was opened last.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from errno import EACCES, EDQUOT, EFBIG, EIO, ENOSPC, EPERM, EROFS
from functools import cache
from pathlib import Path
from typing import Any

FULL = (ENOSPC, EDQUOT, EFBIG, EROFS)
"""Errors that only writing has: no space, no quota, too large a file, a disk that is read only."""

ENDED = (*FULL, EIO)
"""Errors in the middle of a file."""

FAILED = (*ENDED, EACCES, EPERM)

_opened: list[str] = [""]


@cache
def note_files() -> None:
    """Note from now on which file this process opened last for writing."""
    sys.addaudithook(_note)


def failed_file(error: BaseException) -> tuple[str, str] | None:
    """Return the file that an error of the system is about, and what it is; None of any other."""
    if isinstance(error, OSError) and (error.filename is not None or error.errno in ENDED):
        named = error.filename2 if error.errno in FULL and error.filename2 else error.filename
        file = os.fsdecode(named) if isinstance(named, str | bytes | Path) else _opened[0]
        return (file or "a file", os.strerror(error.errno or 0))
    if isinstance(error, RuntimeError) and "inline_container.cc" in str(error):
        # torch.save writes by itself, and says only where in its own source it found out.
        frames = (frame.f_locals for frame in _frames(error) if frame.f_code.co_name == "save")
        file = next((str(names["f"]) for names in frames if "f" in names), "a file")
        return file, "cannot be written; is the disk full?"
    return None


def _note(event: str, given: tuple[Any, ...]) -> None:
    if event != "open" or not isinstance(given[0], str | bytes | Path):
        return
    _, mode, flags = given
    writes = set(mode) & set("wax+") if mode else (flags or 0) & (os.O_WRONLY | os.O_RDWR)
    if writes and not (file := os.fsdecode(given[0])).startswith(("/dev/", "/proc/")):
        _opened[0] = file


def _frames(error: BaseException) -> Iterator[Any]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next
