"""Lossy coding: Opus at a low rate, to and fro."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import numpy as np

from spikesound.audio.ffmpeg import ffmpeg_binary
from spikesound.audio.resampling import Wave
from spikesound.core.errors import SpikesoundError

GAP_S = 0.2
LIMIT_S = 300.0


def opus(waves: Sequence[Wave], rate_hz: int, kbit_s: float) -> list[Wave]:
    """Return waves as they come out of Opus at so many kbit/s, each as long as it went in.

    They go through one encoder, in one stream, with gaps of 0.2 s of silence: an encoder a clip
    would take longer to start than to work. The rate is the stream's target; a part of it is spent
    on other clips' easier or harder passages (Opus's variable rate). The encoder's delay is written
    in the stream, and taken off by the decoder.

    Parameters
    ----------
    waves
        In full scale, at ``rate_hz``; what is beyond is clipped.
    kbit_s
        6 or more.

    Raises
    ------
    SpikesoundError
        If ffmpeg cannot code them; its last line is told.
    """
    gap = np.zeros(round(GAP_S * rate_hz), np.float32)
    joined = np.concatenate([part for wave in waves for part in (wave, gap)])
    raw = (np.clip(joined, -1, 32767 / 32768) * 32768).round().astype("<i2").tobytes()
    sound = ["-f", "s16le", "-ar", f"{rate_hz}", "-ac", "1", "-i", "pipe:"]
    coding = ["-c:a", "libopus", "-b:a", f"{kbit_s:g}k", "-compression_level", "5"]
    stream = _ffmpeg(*sound, *coding, "-f", "ogg", "pipe:", given=raw)
    plain = ["-f", "s16le", "-ar", f"{rate_hz}", "-ac", "1"]
    back = _ffmpeg("-f", "ogg", "-i", "pipe:", *plain, "pipe:", given=stream)
    heard: Wave = np.frombuffer(back, "<i2").astype(np.float32)
    heard = heard / np.float32(32768)
    heard = np.pad(heard, (0, max(0, len(joined) - len(heard))))
    ends = np.cumsum([len(wave) + len(gap) for wave in waves]) - len(gap)
    return [heard[end - len(wave) : end] for wave, end in zip(waves, ends, strict=True)]


def _ffmpeg(*arguments: str, given: bytes) -> bytes:
    command = [ffmpeg_binary(), "-v", "error", "-threads", "1", *arguments]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise SpikesoundError(f"ffmpeg: coding was not done after {LIMIT_S:g} s") from error
    if done.returncode:
        line = done.stderr.decode("utf-8", errors="replace").strip().rpartition("\n")[2]
        raise SpikesoundError(f"ffmpeg cannot code Opus: {line}")
    return done.stdout
