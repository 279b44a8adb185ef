"""Filters of sound, on any device: Butterworth low-pass and high-pass, and a room's response."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torchaudio.functional as F

ORDER = 8

_HEADROOM = 6  # bits that a resonant section may need above the peak of the sound

Biquad = Callable[[torch.Tensor, int, float, float], torch.Tensor]
"""From samples, their rate, a cutoff and a quality factor to samples."""


def low_pass(samples: torch.Tensor, rate_hz: int, cutoff_hz: float) -> torch.Tensor:
    """Return the sound below a frequency, by a Butterworth filter: -3 dB at the cutoff.

    Parameters
    ----------
    samples
        Shape (..., sample).
    """
    return _butterworth(samples, rate_hz, cutoff_hz, F.lowpass_biquad)


def high_pass(samples: torch.Tensor, rate_hz: int, cutoff_hz: float) -> torch.Tensor:
    """Return the sound above a frequency; see :func:`low_pass`."""
    return _butterworth(samples, rate_hz, cutoff_hz, F.highpass_biquad)


def convolve(samples: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """Return the sound after a linear system, as long as it was.

    Parameters
    ----------
    samples
        Shape (..., sample).
    response
        The system's impulse response, as many dimensions.
    """
    filtered: torch.Tensor = F.fftconvolve(samples, response)[..., : samples.shape[-1]]
    return filtered


def _butterworth(
    samples: torch.Tensor, rate_hz: int, cutoff_hz: float, section: Biquad
) -> torch.Tensor:
    r"""Return the output of a Butterworth filter of order :data:`ORDER`, in double precision.

    The analogue prototype of order n has its poles evenly on the unit circle, so that section k
    of n/2 has the quality factor

    .. math:: Q_k = \frac{1}{2 \cos \theta_k}, \qquad \theta_k = \frac{\pi (2k - 1)}{2n}

    and torchaudio's biquads are its bilinear transform, warped to be exact at the cutoff.
    """
    if not samples.numel():
        return samples
    # torchaudio clamps each section's output to [-1, 1]. A power of two changes no digit.
    peak = max(float(samples.abs().amax()), 1e-30)
    scale = 2.0 ** (math.ceil(math.log2(peak)) + _HEADROOM)
    filtered = samples.double() / scale
    for k in range(1, ORDER // 2 + 1):
        quality = 0.5 / math.cos(math.pi * (2 * k - 1) / (2 * ORDER))
        filtered = section(filtered, rate_hz, cutoff_hz, quality)
    return (filtered * scale).to(samples.dtype)
