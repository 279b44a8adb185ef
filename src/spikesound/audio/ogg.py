"""Ogg pages (RFC 3533): whether all of them are there, and undamaged."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

MAGIC = b"OggS\0"

_LAST = 4  # flag of the last page of a stream
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Page:
    """A page: where it begins, its header's fields, and whether its last packet is complete."""

    at: int
    flags: int
    position: int
    stream: int
    number: int
    complete: bool


def ogg_fault(content: mmap) -> str:
    """Return in words why a file of Ogg pages is not whole; empty if it is.

    A decoder passes over a page that is damaged or missing, and all that follows comes too early.
    The flag of a stream's end is no proof of it: recorders of voice messages do not set it.
    """
    last: dict[int, Page] = {}
    try:
        for page in _pages(content):
            before = last.get(page.stream)
            # Headers are followed by any number in the recording of a broadcast.
            if before and before.position and page.number != (before.number + 1) % 2**32:
                return f"damaged: Ogg pages are missing before byte {page.at}"
            last[page.stream] = page
            if page.flags & _LAST:  # its number may come again, in the next stream of a chain
                del last[page.stream]
    except ValueError as error:
        return str(error)
    if not all(page.complete for page in last.values()):
        return "cut off: its last Ogg page is incomplete, or not the last of its stream"
    return ""


def _pages(content: mmap) -> Iterator[Page]:
    """Yield the pages; raise a ValueError that says where they are damaged."""
    at, size, ended = 0, len(content), False
    while at < size:
        head = content[at : at + 27]
        if head[:5] != MAGIC[: len(head)]:
            if ended and content.find(MAGIC, at) < 0:  # a tag of another format, or padding
                return
            raise ValueError(f"damaged: no Ogg page at byte {at}")
        lacing = content[at + 27 : at + 27 + (head[26] if len(head) == 27 else 0)]
        end = at + 27 + len(lacing) + sum(lacing)
        if len(head) < 27 or len(lacing) < head[26] or end > size:
            raise ValueError(
                "cut off: its last Ogg page is incomplete, or not the last of its stream"
            )
        stated = int.from_bytes(head[22:26], "little")
        if checksum(head[:22] + bytes(4) + head[26:] + content[at + 27 : end]) != stated:
            raise ValueError(f"damaged: wrong checksum of the Ogg page at byte {at}")
        position, stream, number = struct.unpack("<QII", head[6:22])
        ended = bool(head[5] & _LAST)
        yield Page(at, head[5], position, stream, number, not lacing or lacing[-1] < 255)
        at = end


def checksum(page: bytes) -> int:
    """Return the CRC-32 of Ogg: that of zlib with all bits in the other order, from 0."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
