"""The lines of a long text file, a block at a time, and the table of those that are set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import REJECTED

_BLOCK_CHARS = 1 << 22


def blocks(path: Path, chars: int = _BLOCK_CHARS) -> Iterator[tuple[int, pa.StringArray]]:
    """Yield the file's lines in blocks: the 1-based number of the first, and the lines.

    A line ends with a newline, a carriage return or both; a byte order mark is skipped.

    Raises
    ------
    SpikesoundError
        If the file is missing or not text in UTF-8.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    first, rest = 1, ""
    try:
        with path.open(encoding="utf-8-sig") as file:
            while text := file.read(chars):
                whole, newline, rest = (rest + text).rpartition("\n")
                if newline:
                    lines = _split(whole)
                    yield first, lines
                    first += len(lines)
    except UnicodeDecodeError as error:
        raise SpikesoundError(f"{path}: invalid UTF-8 ({error.reason})") from error
    if rest:
        yield first, _split(rest)


def lines_at(path: Path, numbers: NDArray[np.int64]) -> pa.ChunkedArray:
    """Return the lines with these 1-based numbers, which are in ascending order."""
    parts = []
    for first, lines in blocks(path):
        start, stop = np.searchsorted(numbers, [first, first + len(lines)])
        parts.append(lines.take(pa.array(numbers[start:stop] - first)))
    return pa.chunked_array(parts, pa.string())


def set_aside(name: str, lines: pa.StringArray, first: int, reasons: Mapping[int, str]) -> pa.Table:
    """Return the table REJECTED of one block: ``reasons`` has its lines by their number."""
    numbers = sorted(reasons)
    return rejected_table(
        name,
        np.array(numbers, np.int64),
        lines.take(pa.array([number - first for number in numbers], pa.int64())),
        pa.array([reasons[number] for number in numbers], pa.string()),
    )


def rejected_table(
    name: str,
    numbers: NDArray[np.int64],
    lines: pa.Array | pa.ChunkedArray,
    reasons: pa.Array | pa.ChunkedArray,
) -> pa.Table:
    """Return the table REJECTED of lines of one file."""
    file = pa.repeat(pa.scalar(name, pa.string()), len(numbers))
    return pa.table([file, pa.array(numbers, pa.int64()), lines, reasons], schema=REJECTED)


def _split(text: str) -> pa.StringArray:
    return pc.split_pattern(pa.array([text], pa.string()), "\n").flatten()
