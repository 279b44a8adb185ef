"""What recorders write into a file beside its sound: start, recorder, gain."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import BinaryIO

import soundfile

from spikesound.apps.batch.clock import utc_offset

LONGEST = 1 << 20
"""Bytes of a chunk of metadata that are read."""

_MOST = 1000
"""Chunks that are looked through: a file of zeros would be read as a chunk every 8 bytes."""

_COMMENTED = (".wav", ".wave", ".flac")
"""Of files whose comment libsndfile reads without looking through all of the sound."""


@dataclass(frozen=True)
class Header:
    """Metadata of a recording, as far as its file holds them.

    Attributes
    ----------
    source : which of the formats they are in
    local, zone : date and time of the start, and the zone if it says one
    recorder : model and serial number, or the name that it was given
    gain : as the recorder writes it
    expansion : factor by which the sound is slowed down (time expansion of bat recorders)
    """

    source: str
    local: datetime | None = None
    zone: tzinfo | None = None
    recorder: str = ""
    gain: str = ""
    expansion: float = 1.0


def read_headers(path: Path) -> list[Header]:
    """Return what a file's metadata say, the most explicit format first; of a damaged file nothing.

    GUANO, Wildlife Acoustics' ``wamd`` and the comment of AudioMoth are read; the first two from
    WAV files, the last from any that libsndfile opens.
    """
    headers = []
    try:
        chunks = dict(_chunks(path, {b"guan", b"wamd"}))
    except OSError:
        return []
    if b"guan" in chunks:
        headers.append(_guano(chunks[b"guan"]))
    if b"wamd" in chunks:
        headers.append(_wamd(chunks[b"wamd"]))
    if (comment := _comment(path)) is not None:
        headers.append(comment)
    return headers


def _chunks(path: Path, names: set[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks of these names, of a WAV file."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            return
        size, wide = os.fstat(file.fileno()).st_size, 0
        for _ in range(_MOST):
            if len(head := file.read(8)) < 8:
                return
            name, length = head[:4], int.from_bytes(head[4:], "little")
            begin = file.tell()
            if name == b"ds64":  # of RF64: the size that 32 bits cannot hold
                wide = int.from_bytes(_content(file, length)[8:16], "little")
            if name == b"data" and length == 0xFFFFFFFF:
                length = wide
            if name in names:
                yield name, _content(file, length)
            if begin + length > size:
                return
            file.seek(begin + length + length % 2)


def _content(file: BinaryIO, length: int) -> bytes:
    return file.read(min(length, LONGEST))


def _guano(content: bytes) -> Header:
    """Read GUANO: lines of ``key: value`` in UTF-8.

    References
    ----------
    GUANO specification 1.0. Song Meters write offsets of one digit (``+1:00``), which it forbids.
    """
    fields: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").split("\n"):
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(" \t\r\0"), value.strip(" \t\r\0"))
    local, zone = _timestamp(fields.get("Timestamp", ""))
    settings = fields.get("WA|Song Meter|Audio settings", "")
    gain = re.search(r'"gain" *: *(-?[\d.]+)', settings)
    names = (fields.get("Model", ""), fields.get("Serial", ""))
    return Header(
        "GUANO",
        local,
        zone,
        " ".join(filter(None, names)) if names[1] else "",
        gain[1] if gain else "",
        _factor(fields.get("TE", "")),
    )


def _wamd(content: bytes) -> Header:
    """Read Wildlife Acoustics' chunk: pieces of a 16-bit id, a 32-bit length and a text.

    References
    ----------
    Wildlife Acoustics, wa_meta.h, version 1.
    """
    pieces: dict[int, bytes] = {}
    at = 0
    while at + 6 <= len(content):
        identity, length = struct.unpack_from("<HI", content, at)
        pieces.setdefault(identity, content[at + 6 : at + 6 + length])
        at += 6 + length
    if pieces.get(0) != b"\1\0":  # another version, of which nothing may be assumed
        return Header("wamd")
    texts = {key: value.decode("utf-8", "replace").strip(" \0") for key, value in pieces.items()}
    local, zone = _timestamp(texts.get(0x05, ""))
    model, serial, name = (texts.get(key, "") for key in (0x01, 0x02, 0x04))
    expansion = int.from_bytes(pieces.get(0x0F, b"")[:2], "little")
    return Header(
        "wamd",
        local,
        zone,
        " ".join(filter(None, (model, serial))) if serial else name,
        expansion=float(expansion or 1),
    )


_RECORDED = re.compile(
    r"Recorded at (\d\d):(\d\d):(\d\d)(?:\.(\d{3}))? (\d\d)/(\d\d)/(\d{4})"
    r"(?: \((UTC[^)]*)\))?"
)
_GAIN = re.compile(r"at (?:gain setting (\d)|(\S+) gain)")


def _comment(path: Path) -> Header | None:
    """Read the comment of AudioMoth: a sentence, in the zone that it names, or else in UTC.

    References
    ----------
    AudioMoth-Firmware-Basic, ``setHeaderComment``.
    """
    if path.suffix.lower() not in _COMMENTED:
        return None
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            comment, artist = str(file.comment), str(file.artist)
    except (soundfile.SoundFileError, OSError, RuntimeError, UnicodeDecodeError):
        return None
    match = _RECORDED.search(comment)
    if match is None:
        return None
    hour, minute, second, thousandths, day, month, year, zone = match.groups()
    try:
        date = datetime.strptime(year + month + day + hour + minute + second, "%Y%m%d%H%M%S")
    except ValueError:
        return None
    local = date + timedelta(milliseconds=int(thousandths or 0))
    device = re.search(r"AudioMoth [0-9A-F]{16}", f"{artist} {comment}")
    gain = _GAIN.search(comment)
    return Header(
        "AudioMoth comment",
        local,
        utc_offset(zone or "UTC"),
        device[0] if device else "",
        (gain[1] or gain[2]) if gain else "",
    )


_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)? ?(\S*)"
)


def _timestamp(text: str) -> tuple[datetime | None, tzinfo | None]:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None, None
    *numbers, second, fraction, offset = match.groups()
    zone = utc_offset(offset)
    if offset and zone is None:
        return None, None
    try:
        date = datetime.strptime("".join(numbers) + (second or "00"), "%Y%m%d%H%M%S")
    except ValueError:  # digits that are no date
        return None, None
    return date + timedelta(seconds=float(f"0.{fraction or 0}")), zone


def _factor(text: str) -> float:
    try:
        return value if 1 <= (value := float(text)) < 1000 else 1.0
    except ValueError:
        return 1.0
