"""FLAC streams of 16-bit samples: the form in which clips are stored."""

from __future__ import annotations

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError


def to_flac(samples: NDArray[np.int16], rate_hz: int) -> bytes:
    """Encode 16-bit samples, losslessly."""
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return stream.getvalue()


def from_flac(content: bytes) -> tuple[NDArray[np.float32], int]:
    """Decode a FLAC stream to samples in [-1, 1) and their sampling rate in Hz.

    Raises
    ------
    SpikesoundError
        If it is not one.
    """
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="float32")
    except soundfile.LibsndfileError as error:
        raise SpikesoundError(f"not a FLAC stream: {error}") from error
    return samples, int(rate_hz)
