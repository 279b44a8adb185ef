"""Log-mel spectrogram as YAMNet and VGGish were trained on: of magnitudes, by HTK's mel scale."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from spikesound.features.framing import frame_count
from spikesound.params import FeatureParams

OFFSET = 0.001
"""Added to a band's magnitude before its logarithm is taken."""

LOW = math.log(OFFSET)
"""Value of silence, which becomes 0 in a network's input."""

SPAN = 13.0
"""From silence to the value that becomes 1: e^(LOW + 13) = 442, more than a sine, noise or a
square wave of full scale reach in a band."""


def yamnet_mel(waves: Tensor, params: FeatureParams) -> Tensor:
    r"""Compute the logarithm of the magnitude in each mel band.

    .. math:: v_m = \ln \Big(\sum_k w_{mk} |X_k| + 0.001\Big)

    with a Hann window of ``window`` samples, a Fourier transform of the next power of two, and the
    filters of :func:`mel_weights`. Frame i begins at sample i ``hop``; the last ones are padded
    with zeros, so that there are as many as of the other kinds, whose frames are centred.

    Parameters
    ----------
    waves : samples in full scale, (batch, sample)

    Returns
    -------
    Tensor
        Natural logarithms, (batch, frame, mel).

    References
    ----------
    Hershey et al. 2017, "CNN architectures for large-scale audio classification", section 3.1;
    the release of YAMNet in TensorFlow Model Garden, ``research/audioset/yamnet``.
    """
    count = frame_count(waves.shape[-1], params.window, params.hop)
    wanted = (count - 1) * params.hop + params.window
    padded = torch.nn.functional.pad(waves, (0, max(0, wanted - waves.shape[-1])))
    frames = padded.unfold(-1, params.window, params.hop)[:, :count]
    hann = torch.hann_window(params.window).to(frames)
    magnitude = torch.fft.rfft(frames * hann, n=fft_size(params.window)).abs()
    weights = mel_weights(params.rate_hz, params.window, params.mels, params.low_hz, params.high_hz)
    logarithms: torch.Tensor = (magnitude @ weights.to(magnitude) + OFFSET).log()
    return logarithms


def fft_size(window: int) -> int:
    """Return the size of the Fourier transform: the next power of two."""
    return 1 << (window - 1).bit_length()


@lru_cache(maxsize=8)
def mel_weights(rate_hz: int, window: int, mels: int, low_hz: float, high_hz: float) -> Tensor:
    r"""Return the filters (bin of the spectrum, mel): triangles of height 1 over the mel axis.

    .. math:: m(f) = 1127 \ln (1 + f / 700)

    Their corners are at equal distances in mel; the bin of 0 Hz is in none of them.
    """
    bins_hz = np.arange(fft_size(window) // 2 + 1) * (rate_hz / fft_size(window))
    places = mel_of(bins_hz)[:, None]
    corners = np.linspace(mel_of(low_hz), mel_of(high_hz), mels + 2)
    lower, middle, upper = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (places - lower) / (middle - lower), (upper - places) / (upper - middle)
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return torch.from_numpy(weights.astype(np.float32))


def mel_of(hz: np.ndarray | float) -> np.ndarray:
    """Return frequencies in mel, by HTK's formula."""
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))


def mel_names(params: FeatureParams) -> list[str]:
    """Name each band by its middle."""
    corners = np.linspace(mel_of(params.low_hz), mel_of(params.high_hz), params.mels + 2)
    return [f"yamnet mel {700 * math.expm1(mel / 1127):.1f} Hz" for mel in corners[1:-1]]
