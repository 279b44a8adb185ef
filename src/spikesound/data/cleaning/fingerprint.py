"""Fingerprints of sound: 32 bits every 12 ms, most of which noise, codecs and gain leave alone.

Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002, section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spikesound.audio.resampling import resample
from spikesound.data.cleaning.dc import Wave
from spikesound.data.store import digest

VERSION = 1
"""To be raised when fingerprints change: those in the store are then recomputed."""

RATE_HZ = 5000
WINDOW = 1850  # samples: 0.37 s, so long that a shift by half a hop changes little
HOP = 58  # samples: 11.6 ms, a 32nd of the window
FFT = 2048
BANDS = 33  # one more than bits
LOW_HZ, HIGH_HZ = 300.0, 2000.0
QUIET = 1e-6  # of the loudest frame's energy (-60 dB): what is below is not compared
CHUNK_FRAMES = 1024  # worked on at once


@dataclass(frozen=True)
class Fingerprint:
    """A clip's sub-fingerprints, and which of them stem from sound."""

    bits: NDArray[np.uint32]
    audible: NDArray[np.bool_]

    def to_bytes(self) -> bytes:
        """Return the fingerprint as the store keeps it, 5 bytes a frame."""
        return self.bits.tobytes() + self.audible.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Fingerprint:
        """Read what :meth:`to_bytes` made."""
        end = len(content) // 5 * 4
        bits = np.frombuffer(content[:end], np.uint32)
        return cls(bits, np.frombuffer(content[end:], np.bool_))


def fingerprint_key(sha256: str) -> str:
    """Make the store's key for a clip's fingerprint: of its FLAC's hash alone."""
    return digest("fingerprint", VERSION, sha256)


def fingerprint(samples: Wave, rate_hz: int) -> Fingerprint:
    """Compute a clip's fingerprint.

    Bit m of frame n is 1 where ``E(n,m) - E(n,m+1) - (E(n-1,m) - E(n-1,m+1)) > 0``, E being the
    energy in band m of 33 between 300 and 2000 Hz, equally wide in octaves.

    Parameters
    ----------
    samples
        One wave, ``(sample,)``.
    rate_hz
        Its sampling rate.

    Returns
    -------
    Fingerprint
        ``(samples at 5 kHz) // 58`` frames of 32 bits. Windows are centred, the ends padded with
        zeros.
    """
    wave = np.pad(resample(samples, rate_hz, RATE_HZ), WINDOW // 2)
    if len(wave) < WINDOW + HOP:
        return Fingerprint(np.zeros(0, np.uint32), np.zeros(0, np.bool_))
    frames = sliding_window_view(wave, WINDOW)[::HOP]
    starts = range(0, len(frames), CHUNK_FRAMES)
    energy = np.concatenate([_energy(frames[at : at + CHUNK_FRAMES]) for at in starts])
    rise = np.diff(energy[:, :-1] - energy[:, 1:], axis=0)
    bits = np.packbits(rise > 0, axis=1).view(">u4").astype(np.uint32).ravel()
    total = energy.sum(axis=1)
    loud = (total > QUIET * total.max()) & (total > 0)
    return Fingerprint(bits, loud[1:] & loud[:-1])


def _energy(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum the spectrum's energy in each band, ``(frame, band)``."""
    spectrum = scipy.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), FFT)
    energy: NDArray[np.float32] = np.add.reduceat(np.abs(spectrum) ** 2, _edges(), axis=1)
    return energy[:, :BANDS]


@cache
def _edges() -> NDArray[np.intp]:
    """Return the first bin of each band, and the one after the last."""
    corners_hz = np.geomspace(LOW_HZ, HIGH_HZ, BANDS + 1)
    return np.ceil(corners_hz * FFT / RATE_HZ).astype(np.intp)
