"""Duration of a recording: from its header where libsndfile reads the format, else by ffmpeg."""

from __future__ import annotations

import os
import re
from pathlib import Path

import soundfile

from spikesound.audio.ffmpeg import JobError, local_sound, run

_NAMES = (
    "3gp aac ac3 aif aifc aiff amr ape au avi caf flac flv m4a m4v mka mkv mov mp2 mp3 mp4 mpc"
    " mpeg mpg oga ogg ogv opus ra rf64 snd ts tta voc w64 wav wave webm wma wmv wv"
)
SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())
"""Of files that hold sound which libsndfile or ffmpeg reads, in small letters."""


def length_s(path: Path) -> float | str:
    """Return a recording's length in seconds, to the microsecond; or in words why it has none."""
    if not path.is_file():
        return "no such file"
    try:
        header = soundfile.info(os.fsencode(path))  # as text, a name must be UTF-8
        seconds = header.frames / header.samplerate
    except (soundfile.SoundFileError, ZeroDivisionError):
        return _decoded_s(path)
    return round(seconds, 6) if header.frames > 0 else "no sound in it"


def _decoded_s(path: Path) -> float | str:
    # The length in a header is often missing or wrong in the formats that come here; and
    # imageio-ffmpeg has no ffprobe. Decoding an hour takes some seconds.
    job = local_sound(path).output("-", format="null").global_args("-progress", "pipe:1")
    try:
        report = run(job)
    except JobError as error:
        return f"no sound can be read from it: {error.reason}"
    times = re.findall(rb"^out_time_us=(\d+)", report, re.MULTILINE)
    if not times or int(times[-1]) == 0:
        return "no sound can be read from it: it is empty"
    return int(times[-1]) / 1e6
