"""A sound file by its bytes: what its container says of its sound, before a decoder runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from spikesound.audio import asf, matroska, ogg
from spikesound.audio.chunks import FORMS, chunk_extent
from spikesound.audio.mp3 import mp3_parts

ARCHIVES = (
    b"PK\3\4",
    b"\x1f\x8b",
    b"7z\xbc\xaf",
    b"Rar!",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)
"""First bytes of archives. A decoder of MP3 would find its frames in an archive of several."""


_FAULTS: dict[bytes, Callable[[mmap], str]] = {
    ogg.MAGIC: ogg.ogg_fault,
    matroska.MAGIC: matroska.matroska_fault,
    asf.MAGIC: asf.asf_fault,
}
"""What shows why a file is not whole, by its first bytes."""


@dataclass(frozen=True)
class Container:
    """What the bytes of a file say.

    Attributes
    ----------
    fault : why its sound is not whole; empty if nothing says so
    to_the_end : its sound goes on to the end of the file, whatever its header says
    exact : whether the length in its header is that of its sound
    options : ffmpeg's, of the input
    parts : where each recording begins and ends, if several were joined with tags between
    """

    fault: str = ""
    to_the_end: bool = False
    exact: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[tuple[int, int], ...] = ()


def examine(path: Path) -> Container:
    """Look through a file.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            return Container()
        with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            return _examined(content)


def _examined(content: mmap) -> Container:
    if content[:8].startswith(ARCHIVES):
        return Container("expected a sound file, got an archive; unpack it first")
    if content[:4] in FORMS:
        extent = chunk_extent(content)
        of_wav = extent.to_the_end and content[:1] == b"R"
        options = {"ignore_length": 1} if of_wav else {}
        return Container(extent.fault, extent.to_the_end, not extent.to_the_end, options)
    for magic, fault in _FAULTS.items():
        if content[: len(magic)] == magic:
            return Container(fault(content))
    if parts := mp3_parts(content):
        return Container(options={"format": "mp3"}, parts=tuple(parts) if len(parts) > 1 else ())
    return Container()


@contextmanager
def as_one(path: Path, parts: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """Give the path of a file without what lies between its parts: a copy, if there are any."""
    if not parts:
        yield path
        return
    with path.open("rb") as file, NamedTemporaryFile(prefix="spikesound-") as copy:
        for first, last in parts:
            file.seek(first)
            copy.write(file.read(last - first))
        copy.flush()
        yield Path(copy.name)
