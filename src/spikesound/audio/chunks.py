"""Chunks of WAV, AIFF, CAF and W64 files: whether the header states all the sound in the file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap


@dataclass(frozen=True)
class Form:
    """Where a format's first chunk begins, and what the head of each is.

    Attributes
    ----------
    head : of name and size
    sound : name of the chunk with the samples
    counted : whether a size includes the head
    even : sizes are rounded up to a multiple of it
    """

    first: int
    head: struct.Struct
    sound: bytes
    counted: bool = False
    even: int = 2


_W64 = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_RIFF = Form(12, struct.Struct("<4sI"), b"data")
FORMS = {
    b"RIFF": _RIFF,
    b"RF64": _RIFF,
    b"BW64": _RIFF,
    b"FORM": Form(12, struct.Struct(">4sI"), b"SSND"),
    b"caff": Form(8, struct.Struct(">4sq"), b"data", even=1),
    b"riff": Form(40, struct.Struct("<16sQ"), b"data" + _W64, counted=True, even=8),
}
"""By a file's first four bytes."""

_PIPED = (range(0x7FF00000, 0x80000100), range(0xFFFFFF00, 1 << 32))
"""Sizes that a writer to a pipe states: some 2 or 4 GiB (SoX, arecord, ffmpeg)."""

_LOOSE = 1024
"""Bytes after the last chunk that are let pass."""

_STEP = 1 << 20

_KNOWN = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"axml", b"_PMX", b"cue ", b"JUNK", b"afsp")
"""Chunks behind the sound that may be cut off themselves."""

_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS")


@dataclass(frozen=True)
class Extent:
    """Whether the sound goes on to the end of the file, whatever the header says; or the fault."""

    to_the_end: bool = False
    fault: str = ""


def chunk_extent(content: mmap) -> Extent:
    """Return where the samples end, of a file that begins with one of :data:`FORMS`.

    A size of 0 or of some 2 or 4 GiB is that of a writer that could not go back; one that is
    too small by 4 GiB has wrapped. Any other that is too small is a fault: what follows may be
    sound, or not.
    """
    form = FORMS[content[:4]]
    size, wide, found = len(content), None, None
    for name, first, length in _chunks(content, form.first, form):
        if name == b"fmt " and _contradicts(content[first : first + 16]):
            return Extent(fault="damaged: the rates in its header contradict each other")
        if name == b"ds64":  # of RF64: the sizes that 32 bits cannot hold
            wide = int.from_bytes(content[first + 8 : first + 16], "little")
        if name == form.sound:
            found = first, length if wide is None or length != 0xFFFFFFFF else wide
            break
    if found is None or found[1] < 0:  # -1: a CAF whose sound is all that follows
        return Extent(to_the_end=found is not None and found[1] == -1)
    stated, end = found[1], sum(found)
    if end > size:
        return Extent(to_the_end=form is _RIFF and any(stated in sizes for sizes in _PIPED))
    rest = _rest(content, end, stated, form)
    if rest < 0:
        return Extent(fault="damaged: another file begins where its sound ends; split it")
    if rest and form is _RIFF and (stated == 0 or (size - end) >> 32):
        return Extent(to_the_end=True)
    if rest <= _LOOSE:
        return Extent()
    mend = "; rewrite the header, as ffmpeg -ignore_length 1 does" if form is _RIFF else ""
    return Extent(
        fault=f"damaged: its header states {stated} bytes of sound, and {size - end} follow that"
        f" are in none of its chunks{mend}"
    )


def _contradicts(head: bytes) -> bool:
    """Tell whether the bytes in a second of a WAV file of PCM are not those of its samples."""
    if len(head) < 16:
        return False
    kind, channels, rate_hz, bytes_per_s, frame, bits = struct.unpack("<HHIIHH", head)
    whole = frame == channels * -(-bits // 8)
    return kind in (1, 3) and bytes_per_s > 0 and not (whole and bytes_per_s == rate_hz * frame)


def _chunks(content: mmap, at: int, form: Form) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk, where its content begins, and how long it says that is."""
    head = form.head.size
    while at + head <= len(content):
        name, length = form.head.unpack(content[at : at + head])
        length -= head if form.counted else 0
        yield name, at + head, length
        if length < 0:
            return
        at += head + length + -length % form.even


def _rest(content: mmap, end: int, length: int, form: Form) -> int:
    """Return how many bytes are left after the last chunk; -1 if another file begins there.

    ``end`` is where the chunk before ends, of ``length`` bytes. Not all writers round that up.
    """
    at = end + -length % form.even
    while True:
        places = dict.fromkeys((end + -length % form.even, end))
        heads = (next(_chunks(content, place, form), None) for place in places)
        head = next((head for head in heads if head and _is_chunk(content, *head)), None)
        if head is None:
            break
        name, at, length = head
        if name[:4] in FORMS:
            return -1
        end = at + length
        at = end + -length % form.even
    if content[at : at + 8].startswith(_TAGS):
        return 0
    padding = all(
        not content[first : first + _STEP].strip(b"\0") for first in range(at, len(content), _STEP)
    )
    return 0 if padding else max(0, len(content) - at)


def _is_chunk(content: mmap, name: bytes, first: int, length: int) -> bool:
    named = name[:4].isascii() and name[:4].decode().isprintable()
    fits = 0 <= length <= len(content) - first
    return named and (fits or name in _KNOWN or name[:4] in FORMS)
