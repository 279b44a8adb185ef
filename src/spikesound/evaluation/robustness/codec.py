"""Lossy coding: waves encoded by Opus at a low bit rate, and decoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikesound.audio.ffmpeg import Job, JobError, given_bytes, run
from spikesound.audio.resampling import Wave
from spikesound.core.errors import SpikesoundError

GAP_S = 0.2
LIMIT_S = 300.0


def opus(waves: Sequence[Wave], rate_hz: int, kbit_s: float) -> list[Wave]:
    """Return waves after coding by Opus at a bit rate in kbit/s, lengths unchanged.

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
        If ffmpeg cannot code them; the message has its last line.
    """
    gap = np.zeros(round(GAP_S * rate_hz), np.float32)
    joined = np.concatenate([part for wave in waves for part in (wave, gap)])
    raw = (np.clip(joined, -1, 32767 / 32768) * 32768).round().astype("<i2").tobytes()
    form = {"format": "s16le", "ar": rate_hz, "ac": 1}
    coding = {"c:a": "libopus", "b:a": f"{kbit_s:g}k", "compression_level": 5}
    stream = _run(given_bytes(**form).output("pipe:", format="ogg", **coding), raw)
    back = _run(given_bytes(format="ogg").output("pipe:", **form), stream)
    decoded: Wave = np.frombuffer(back, "<i2").astype(np.float32)
    decoded = decoded / np.float32(32768)
    decoded = np.pad(decoded, (0, max(0, len(joined) - len(decoded))))
    ends = np.cumsum([len(wave) + len(gap) for wave in waves]) - len(gap)
    return [decoded[end - len(wave) : end] for wave, end in zip(waves, ends, strict=True)]


def _run(job: Job, given: bytes) -> bytes:
    try:
        return run(job, given, LIMIT_S)
    except TimeoutError as error:
        raise SpikesoundError(f"ffmpeg: timed out after {LIMIT_S:g} s") from error
    except JobError as error:
        raise SpikesoundError(f"ffmpeg cannot code Opus: {error.reason}") from error
