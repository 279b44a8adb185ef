"""Checks that a sound file is complete: by its bytes, and by ffmpeg's messages on decoding."""

from __future__ import annotations

import re
from pathlib import Path

from spikesound.core.errors import SpikesoundError

RATES_HZ = (1000, 1_000_000)
"""Sampling rates that a header may claim. A few samples at 1 Hz would else be hours of sound."""

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

_MIDDLE = r"(?:\[[^\]\n]* @ [^\]\n]*\] )*"  # who of ffmpeg's parts speaks
_ERROR = re.compile(rf"^{_MIDDLE}\[(?:error|fatal|panic)\] (.+)", re.MULTILINE)
_CORRUPT = re.compile(rf"^{_MIDDLE}\[warning\] (.*corrupt.*)", re.MULTILINE | re.IGNORECASE)
_DURATION = re.compile(r"^\[info\]   Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_EXACT = re.compile(
    r"^\[info\] Input #0, (?:wav|w64|aiff|flac|mp3|mov|ape|tta|wv|caf|au|matroska),", re.M
)
_GUESSED = "Estimating duration from bitrate"
_RATE = re.compile(r"^\[info\]   Stream #\d.*: Audio: .*?, (\d+) Hz", re.MULTILINE)
_VIDEO = re.compile(r"^\[info\]   Stream #\d.*: Video: (?!.*\(attached pic\))", re.MULTILINE)


def refuse_archives(path: Path, name: str) -> None:
    """Refuse a packed file.

    Raises
    ------
    SpikesoundError
        Also if the file may not be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise SpikesoundError(f"{name}: cannot be read: {error.strerror}") from error
    if head.startswith(ARCHIVES):
        raise SpikesoundError(f"{name}: expected a sound file, got an archive; unpack it first")


def stated_rate_hz(messages: str, name: str) -> int:
    """Return the rate of the samples that ffmpeg gives out, in Hz.

    Parameters
    ----------
    messages : what ffmpeg wrote before its first sample, at ``-v level+info``

    Raises
    ------
    SpikesoundError
        If it is not within :data:`RATES_HZ`.
    """
    rates = _RATE.findall(messages)
    if not rates:
        raise SpikesoundError(f"{name}: expected a sampling rate from its decoder, got none")
    low_hz, high_hz = RATES_HZ
    if not low_hz <= int(rates[-1]) <= high_hz:
        raise SpikesoundError(
            f"{name}: expected a sampling rate of {low_hz} to {high_hz} Hz, got {rates[-1]} Hz"
        )
    return int(rates[-1])


def is_endless(path: Path) -> bool:
    """Tell whether a WAV file was written to a pipe: its writer could not know the length.

    Such a header says some 2 or 4 GiB, by what writes it (ffmpeg, SoX, arecord).
    """
    with path.open("rb") as file:
        head = file.read(8)
    stated = int.from_bytes(head[4:], "little")
    by_a_pipe = 0x7FF00000 <= stated <= 0x80000100 or stated >= 0xFFFFFF00
    return head[:4] == b"RIFF" and by_a_pipe and path.stat().st_size < stated


def complaint(messages: str, endless: bool = False) -> str:
    """Return the first error that ffmpeg wrote at ``-v level+info``; empty if there is none.

    A packet that is cut short is only warned of, and is an error here; but not at the end of an
    ``endless`` file (:func:`is_endless`), where it must be so.
    """
    match = _ERROR.search(messages) or (None if endless else _CORRUPT.search(messages))
    words = "" if match is None else match[1]
    return "".join(c if c.isprintable() else " " for c in words).strip().rstrip(".")


def check_end(path: Path, name: str, messages: str, seconds: float) -> None:
    """Refuse a file that was cut off, which decoders pass over where a packet ends.

    Parameters
    ----------
    messages : all that ffmpeg wrote at ``-v level+info``
    seconds : what it decoded

    Raises
    ------
    SpikesoundError
        If that is shorter than the header says, in a format whose header is exact; or if an Ogg
        file ends inside a page, or before its stream's end.
    """
    declared = _DURATION.search(messages)
    # A film's length is that of its pictures.
    exact = _EXACT.search(messages) and _GUESSED not in messages and not _VIDEO.search(messages)
    if declared is not None and exact:
        hours, minutes, rest = declared.groups()
        header_s = 3600 * int(hours) + 60 * int(minutes) + float(rest)
        if seconds < header_s * 0.998 - 0.1:
            raise SpikesoundError(
                f"{name}: cut off: expected {header_s:.2f} s by its header, got {seconds:.2f} s"
            )
    if _in_a_page(path):
        raise SpikesoundError(
            f"{name}: cut off: its last Ogg page is incomplete, or not the last of its stream"
        )


def _in_a_page(path: Path) -> bool:
    """Tell whether an Ogg file ends inside a page or before its stream's end (RFC 3533, 6)."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        size = file.seek(0, 2)
        first = file.seek(max(0, size - (1 << 17)))  # a page has at most 65,307 bytes
        end = file.read()
    at = end.rfind(b"OggS\0")
    head, lacing = end[at : at + 27], end[at + 27 :]
    if at < 0 or len(head) < 27 or len(lacing) < head[26]:
        return True
    if not head[5] & 4:  # the flag of a stream's end
        return True
    return first + at + 27 + head[26] + sum(lacing[: head[26]]) > size
