"""Frames of a wave and their power spectra: what every feature starts from.

The framing is librosa's with ``center=True`` and ``pad_mode='constant'``: half a window of zeros on
both sides, so that frame ``i`` is centred on sample ``i * hop``. All features share it, and so have
the same number of frames.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

FLOOR_POWER = 1e-10
"""Power at or below which a level is -100 dB; librosa's ``amin``."""


def frame_count(samples: int, window: int, hop: int) -> int:
    """Return the number of frames: ``1 + samples // hop`` for an even window."""
    return 1 + (samples + 2 * (window // 2) - window) // hop


def cut_frames(waves: Tensor, window: int, hop: int) -> Tensor:
    """Cut waves into overlapping frames, without copying them.

    Parameters
    ----------
    waves
        Samples, ``(batch, sample)``.
    window, hop
        Length of a frame, and distance between two, in samples.

    Returns
    -------
    Tensor
        A view ``(batch, frame, window)`` on the padded waves.
    """
    half = window // 2
    # Quicker than pad(), which writes zeros everywhere before it copies the waves over them.
    padded = waves.new_empty(*waves.shape[:-1], waves.shape[-1] + 2 * half)
    padded[..., :half] = 0
    padded[..., padded.shape[-1] - half :] = 0
    padded[..., half : padded.shape[-1] - half] = waves
    return padded.unfold(-1, window, hop)


@lru_cache(maxsize=8)
def _hann(window: int) -> Tensor:
    return torch.hann_window(window)


def power_spectrum(frames: Tensor) -> Tensor:
    """Compute ``|DFT(hann * frame)|^2`` of each frame.

    Parameters
    ----------
    frames
        ``(batch, frame, window)``.

    Returns
    -------
    Tensor
        Power, ``(batch, frame, window // 2 + 1)``, not scaled: a sine of amplitude 1 in the middle
        of a bin has ``(window / 4) ** 2``.
    """
    hann = _hann(frames.shape[-1]).to(frames)
    # The sum of the two squares is several times faster than abs(), which guards against overflow,
    # and than sum(-1), which reduces along an axis of two.
    squares = torch.view_as_real(torch.fft.rfft(frames * hann)).square_()
    return squares[..., 0] + squares[..., 1]


def frequencies_hz(window: int, rate_hz: int) -> Tensor:
    """Return the centre frequency of each bin of the spectrum, ``(window // 2 + 1,)``."""
    return torch.arange(window // 2 + 1, dtype=torch.float32) * (rate_hz / window)


def decibels(power: Tensor) -> Tensor:
    """Compute the level ``10 log10(max(power, 1e-10))`` in dB, relative to a power of 1."""
    return power.clamp(min=FLOOR_POWER).log10_().mul_(10)
