"""How long a recording is: from its header where libsndfile reads the format, else by ffmpeg."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import soundfile

from spikesound.audio.ffmpeg import ffmpeg_binary

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
        header = soundfile.info(str(path))
        seconds = header.frames / header.samplerate
    except (soundfile.SoundFileError, ZeroDivisionError):
        return _decoded_s(path)
    return round(seconds, 6) if header.frames > 0 else "no sound in it"


def _decoded_s(path: Path) -> float | str:
    # The length in a header is often missing or wrong in the formats that come here; and
    # imageio-ffmpeg has no ffprobe. Decoding an hour takes some seconds.
    command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-i", f"file:{path}", "-map", "0:a:0"]
    done = subprocess.run(
        [*command, "-f", "null", "-progress", "pipe:1", "-"], capture_output=True, check=False
    )
    times = re.findall(rb"^out_time_us=(\d+)", done.stdout, re.MULTILINE)
    if done.returncode == 0 and times and int(times[-1]) > 0:
        return int(times[-1]) / 1e6
    complaint = done.stderr.decode("utf-8", errors="replace").strip().rpartition("\n")[2]
    return f"no sound can be read from it: {complaint or 'it is empty'}"
