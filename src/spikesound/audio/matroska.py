"""Matroska elements (RFC 9559): whether those that have a checksum are undamaged."""

from __future__ import annotations

import zlib
from mmap import mmap

MAGIC = b"\x1a\x45\xdf\xa3"

_SEGMENT = b"\x18\x53\x80\x67"
_CRC_32 = b"\xbf\x84"


def matroska_fault(content: mmap) -> str:
    """Return in words why a Matroska file is not whole; empty if it is, or has no checksums."""
    at = 0
    while at < len(content):
        name, body, length = _element(content, at)
        if length is None and name != _SEGMENT:  # a live stream's, without checksums
            return ""
        if name == _SEGMENT:
            at = body
            continue
        end = body + (length or 0)
        if content[body : body + 2] == _CRC_32 and end <= len(content):
            stated = int.from_bytes(content[body + 2 : body + 6], "little")
            if zlib.crc32(content[body + 6 : end]) != stated:
                return f"damaged: wrong checksum of the Matroska element at byte {at}"
        at = end
    return ""


def _element(content: mmap, at: int) -> tuple[bytes, int, int | None]:
    """Return an element's name, where its content begins, and how long that is, if it says so."""
    name = content[at : at + _width(content[at])]
    at += len(name)
    width = _width(content[at]) if at < len(content) else 9
    if width > 8:
        return name, at, None
    digits = 7 * width
    value = int.from_bytes(content[at : at + width], "big") & ((1 << digits) - 1)
    return name, at + width, None if value == (1 << digits) - 1 else value


def _width(first: int) -> int:
    """Return how many bytes a number has, by its first one."""
    return 9 - first.bit_length()
