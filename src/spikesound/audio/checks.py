"""Checks that the sound of a file is whole, by what ffmpeg reports on decoding it."""

from __future__ import annotations

import re

RATES_HZ = (1000, 1_000_000)
"""Sampling rates that a header may claim. A few samples at 1 Hz would else be hours of sound."""

MAX_GAP_S = 0.1
"""Longest jump of the time stamps that is taken for their rounding."""

CLOCK = (
    "asetpts='st(1,T-N/SR);"
    "if(eq(N,0),print(ld(1),32),"
    f"if(gt(ld(1)-ld(0),{MAX_GAP_S}),print(N/SR,24)+print(ld(1)-ld(0),24)));"
    "st(0,ld(1));"
    "(if(isnan(STARTT),0,STARTT)+N/SR)/TB'"
)
"""Filter that counts the time by samples, and reports where that differs from the time stamps.

In the log stand, at level info (32), by how much the first stamp differs from zero; at warning (24)
where a stamp jumps ahead, and by how much. The stamps that it gives out never go back, as those of
recordings that were joined do.
"""

_WHO = r"^(?:\[[^\]\n]* @ [^\]\n]*\] )*"  # which of ffmpeg's parts speaks
_ERROR = re.compile(rf"{_WHO}\[(?:error|fatal|panic)\] (.+)", re.MULTILINE)
_CORRUPT = re.compile(
    rf"{_WHO}\[warning\] (.*(?:corrupt|duplicated MOOV|misdetection).*)",
    re.MULTILINE | re.IGNORECASE,
)
_START = re.compile(rf"{_WHO}\[info\] (-?\d+\.\d+)$", re.MULTILINE)
_GAP = re.compile(rf"{_WHO}\[warning\] (\d+\.\d+)\n{_WHO}\[warning\] (\d+\.\d+)$", re.MULTILINE)
_DURATION = re.compile(
    r"^\[info\]   Duration: (\d+):(\d\d):(\d\d\.\d+)(?:, start: (-?\d+\.\d+))?", re.MULTILINE
)
_EXACT = re.compile(
    r"^\[info\] Input #0, (?:wav|w64|aiff|flac|mp3|mov|ape|tta|wv|caf|au|matroska),", re.M
)
_GUESSED = re.compile("Estimating duration from bitrate|invalid concatenated file")
_RATE = re.compile(r"^\[info\]   Stream #\d.*: Audio: .*?, (\d+) Hz", re.MULTILINE)
_VIDEO = re.compile(r"^\[info\]   Stream #\d.*: Video: (?!.*\(attached pic\))", re.MULTILINE)


def rate_fault(rates: list[int]) -> str:
    """Return what is wrong with the sampling rates that :func:`stated_rates_hz` gives."""
    low_hz, high_hz = RATES_HZ
    if not rates:
        return "expected a sampling rate from its decoder, got none"
    strange = [rate for rate in rates if not low_hz <= rate <= high_hz]
    return (
        f"expected a sampling rate of {low_hz} to {high_hz} Hz, got {strange[0]} Hz"
        if strange
        else ""
    )


def stated_rates_hz(messages: str) -> list[int]:
    """Return the rates of a file's streams of sound, and last that of the samples given out."""
    return [int(rate) for rate in _RATE.findall(messages)]


def start_s(messages: str) -> float:
    """Return how long after the file's start its sound begins, by :data:`CLOCK`."""
    stated = _START.search(messages)
    return max(0.0, float(stated[1])) if stated else 0.0


def stated_end_s(messages: str) -> float | None:
    """Return where the file ends by its header, counted from its start; None if it does not say."""
    stated = _DURATION.search(messages)
    if stated is None:
        return None
    hours, minutes, seconds, first_s = stated.groups()
    end_s = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    # Matroska counts from the start of the clock.
    return end_s - (float(first_s or 0) if "matroska" in messages[: stated.start()] else 0.0)


def complaint(messages: str, to_the_end: bool = False) -> str:
    """Return the first error that ffmpeg wrote at ``-v level+info``; empty if there is none.

    A packet that is cut short is only warned of, and is an error here; but not in a file whose
    sound goes on ``to_the_end``, where it must be so.
    """
    match = _ERROR.search(messages) or (None if to_the_end else _CORRUPT.search(messages))
    words = "" if match is None else match[1]
    return "".join(c if c.isprintable() else " " for c in words).strip().rstrip(".")


def gap(messages: str) -> str:
    """Return where sound is missing by the time stamps; empty if nowhere."""
    match = _GAP.search(messages)
    if match is None:
        return ""
    return (
        f"{float(match[2]):.2f} s of sound are missing at {float(match[1]):.2f} s, by its time "
        "stamps; ffmpeg -af aresample=async=1 fills them with silence"
    )


def shortfall(messages: str, end_s: float) -> str:
    """Return what is wrong with sound that ends at ``end_s``; empty if the header agrees.

    Only in formats whose header is exact.
    """
    stated_s = stated_end_s(messages)
    guessed = _GUESSED.search(messages) or _VIDEO.search(messages)  # a film's: of its pictures
    exact = _EXACT.search(messages) and not guessed
    if stated_s is None or not exact or end_s >= stated_s * 0.998 - 0.1:
        return ""
    return f"cut off: expected {stated_s:.2f} s by its header, got {end_s:.2f} s"
