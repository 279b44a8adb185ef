"""Duration of a recording: by its header where that is exact, else by decoding it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile

from spikesound.audio.containers import examine
from spikesound.audio.decoding import NotWholeError, decoded
from spikesound.core.progress import track

_NAMES = (
    "3gp aac ac3 aif aifc aiff amr ape au avi caf flac flv m4a m4v mka mkv mov mp2 mp3 mp4 mpc"
    " mpeg mpg oga ogg ogv opus ra rf64 snd ts tta voc w64 wav wave webm wma wmv wv"
)
SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())
"""Of files that hold sound which libsndfile or ffmpeg reads, in small letters."""


def length_s(path: Path) -> float | str:
    """Return a recording's length in seconds, to the microsecond; or in words why it has none.

    It is counted from the file's start, as clips are cut
    (:func:`spikesound.audio.decoding.decoded`).
    """
    if not path.is_file():
        return "no such file"
    try:
        return round(_header_s(path) or _decoded_s(path), 6)
    except NotWholeError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def lengths_s(paths: Iterable[Path], what: str) -> dict[Path, float | str]:
    """Return what :func:`length_s` gives for each of several recordings, measured side by side."""
    each = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        measured = pool.map(length_s, each)
        shown = track(measured, total=len(each), what=f"{what}: lengths", unit="file")
        return dict(zip(each, shown, strict=True))


def _header_s(path: Path) -> float | None:
    container = examine(path)
    if container.fault or not container.exact:
        return None
    try:
        header = soundfile.info(os.fsencode(path))  # as text, a name must be UTF-8
        return float(header.frames / header.samplerate)
    except (soundfile.SoundFileError, ZeroDivisionError):
        return None


def _decoded_s(path: Path) -> float:
    return sum(len(samples) / rate_hz for rate_hz, samples in decoded(path))
