"""Start times in the names that recorders give to files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import PurePath

from spikesound.apps.batch.clock import utc_offset

_TIME = re.compile(
    r"(?<!\d)(\d{4})([-_]?)(\d{2})\2(\d{2})"
    r"(?:_T|[T_ $-])"
    r"(\d{2})([-_.:]?)(\d{2})\6(\d{2})(?!\d)"
    r"(?:_?(Z|UTC|[+-]\d{2}:?\d{2}(?!\d)|\+\d{2}(?!\d)))?"
)
"""Date and time, with or without separators, and behind it an offset. Two digits behind a dash are
no offset: they may be the number of a part."""

_AUDIOMOTH = re.compile(r"\d{8}_\d{6}\.WAV")
_AUDIOMOTH_HEX = re.compile(r"[0-9A-F]{8}\.WAV")
_HEX_YEARS = range(2016, 2041)
"""Of names in hexadecimal digits, which the first AudioMoths wrote: seconds since 1970."""


@dataclass(frozen=True)
class NamedStart:
    """Start of a recording by its file's name.

    Attributes
    ----------
    local : date and time, without a zone
    zone : that the name says, or that its form implies; None: not said
    prefix : what stands before the date, without separators at its end
    implied : whether the zone is implied, by AudioMoth's form of a name
    """

    local: datetime
    zone: tzinfo | None
    prefix: str
    implied: bool = False


def start_in_name(name: str) -> NamedStart | None:
    """Return the start in a file's name, or None if there is no valid date and time in it.

    - ``20240131_053000.WAV``: AudioMoth, in UTC
    - ``65B9DAD8.WAV``: AudioMoth's first firmware, in UTC
    - ``SM4_20240131_053000.wav``: Song Meter, in the zone that it was set to, which is not said
    - ``SwiftOne_20240131_053000_-0400.wav``: SWIFT
    - ``2024-01-31T05-30-00+0200.flac``: ISO 8601, with the signs that file systems allow
    - ``20240131T053000+1000_REC.flac``: BAR
    - ``OWL_123_2024-01-31_T05-30-00.WAV``: OwlSense, in a zone that is not said
    """
    file = PurePath(name).name
    if _AUDIOMOTH_HEX.fullmatch(file):
        moment = datetime.fromtimestamp(int(file[:8], 16), UTC)
        if moment.year in _HEX_YEARS:
            return NamedStart(moment.replace(tzinfo=None), UTC, "")
    start = next(_starts(PurePath(file).stem), None)
    if start is not None and _AUDIOMOTH.fullmatch(file):
        return NamedStart(start.local, UTC, "", implied=True)
    return start


def _starts(stem: str) -> Iterator[NamedStart]:
    for match in _TIME.finditer(stem):
        year, _, month, day, hour, _, minute, second, offset = match.groups()
        try:
            digits = year + month + day + hour + minute + second
            local = datetime.strptime(digits, "%Y%m%d%H%M%S")
        except ValueError:  # digits that are no date
            continue
        yield NamedStart(local, utc_offset(offset or ""), stem[: match.start()].rstrip("_- ."))
