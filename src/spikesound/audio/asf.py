"""ASF objects (WMA, WMV): whether all of them are there, and of one recording."""

from __future__ import annotations

import struct
from mmap import mmap

MAGIC = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")

_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_HEAD = struct.Struct("<16sQ")
_PIPED = 50  # size of the data by a writer to a pipe, which cannot know: that of their own head


def asf_fault(content: mmap) -> str:
    """Return in words why an ASF file is not whole; empty if it is, or was written to a pipe."""
    at = 0
    while at + _HEAD.size <= len(content):
        name, length = _HEAD.unpack(content[at : at + _HEAD.size])
        if at and name == MAGIC:
            return "damaged: another file begins where its sound ends; split it"
        if length < _HEAD.size or (name == _DATA and length <= _PIPED):
            return ""
        at += length
    missing = at - len(content)
    return f"cut off: {missing} bytes are missing by its header" if missing > 0 else ""
