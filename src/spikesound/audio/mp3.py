"""MP3 frames: recordings that were joined, with tags between them that are no sound."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

_KBITS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # ISO 11172-3 and 13818-3, by version (2 is also 2.5) and layer
_RATES_HZ = (44100, 48000, 32000)
_ABOUT = (b"Xing", b"Info", b"VBRI")  # in a first frame, which describes the others


def mp3_parts(content: mmap) -> list[tuple[int, int]]:
    """Return where the sound of an MP3 begins and ends; several, where recordings were joined.

    Empty for what is not made of frames and tags only: no MP3, or a damaged one.
    """
    parts: list[tuple[int, int]] = []
    between = True
    for at, end, is_sound in _pieces(content):
        if at < 0:
            return []
        if is_sound and between:
            parts.append((at, end))
        elif is_sound:
            parts[-1] = (parts[-1][0], end)
        between = not is_sound
    return parts


def _pieces(content: mmap) -> Iterator[tuple[int, int, bool]]:
    """Yield where each frame or tag begins and ends; -1 for what is neither."""
    at, size, frames = 0, len(content), 0
    while at < size:
        tag = _tag(content, at)
        length = tag or _frame(content[at : at + 4])
        if not length or at + length > size:
            yield -1, size, False
            return
        about = bool(frames) and any(name in content[at : at + 48] for name in _ABOUT)
        yield at, at + length, not tag and not about
        frames += not tag
        at += length


def _tag(content: mmap, at: int) -> int:
    """Return the length of the tag that begins here; 0 if none does."""
    head = content[at : at + 32]
    if head[:3] == b"ID3" and len(head) > 10:
        return 10 + sum((byte & 127) << 7 * (3 - n) for n, byte in enumerate(head[6:10]))
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        return int.from_bytes(head[12:16], "little") + (32 if head[23] & 32 else 0)
    return 0


def _frame(head: bytes) -> int:
    """Return the length of a frame by its header, in bytes; 0 if it is none."""
    if len(head) < 4 or head[0] != 255 or head[1] < 224:
        return 0
    version, layer = (head[1] >> 3) & 3, 4 - ((head[1] >> 1) & 3)  # version: 3 is 1, 0 is 2.5
    bits, rate = head[2] >> 4, (head[2] >> 2) & 3
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3:
        return 0
    first = 1 if version == 3 else 2
    kbits = _KBITS[first, layer if first == 1 else min(layer, 2)][bits - 1]
    rate_hz = _RATES_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = (head[2] >> 1) & 1
    if layer == 1:
        return 4 * (12000 * kbits // rate_hz + padding)
    samples = 1152 if first == 1 or layer == 2 else 576
    return samples * 125 * kbits // rate_hz + padding
