"""Log-mel spectrograms of three window lengths, side by side, for networks that take images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from spikesound.features.framing import frame_count
from spikesound.features.mel import log_mel, mel_filters
from spikesound.features.mel_scale import mel_frequencies_hz
from spikesound.params import FeatureParams

WINDOWS_MS = ((25, 10), (50, 25), (100, 50))
"""Length of the window and hop of each spectrogram, ms."""


def samples(milliseconds: int, rate_hz: int) -> int:
    """Return the number of samples nearest to a time."""
    return round(milliseconds * rate_hz / 1000)


def fft_size(rate_hz: int) -> int:
    """Return the samples of every Fourier transform: those of the longest window."""
    return samples(WINDOWS_MS[-1][0], rate_hz)


def mel_windows(waves: Tensor, params: FeatureParams) -> Tensor:
    """Compute the levels in dB of each pair of window and hop, resized to the frames of ``hop``.

    Each spectrogram is that of kind ``mel`` with its own Hann window and hop, centred, the window
    zero-padded to :func:`fft_size`. Its frames are resized by bilinear interpolation; where they
    become fewer, it averages over those that go (as an image is scaled down).

    Parameters
    ----------
    waves : samples in full scale, (batch, sample)

    Returns
    -------
    Tensor
        Levels in dB, (batch, frame, 3 mel): all bands of the shortest window, then of the others.

    References
    ----------
    Palanisamy, Singhania & Yao 2020, "Rethinking CNN models for audio classification", section 3.1.
    """
    rate_hz, size = params.rate_hz, fft_size(params.rate_hz)
    count = frame_count(waves.shape[-1], params.window, params.hop)
    filters = mel_filters(rate_hz, size, params.mels, params.low_hz, params.high_hz)
    found = []
    for window_ms, hop_ms in WINDOWS_MS:
        window, hop = samples(window_ms, rate_hz), samples(hop_ms, rate_hz)
        hann = torch.hann_window(window).to(waves)
        spectra = torch.stft(
            waves, size, hop, window, hann, pad_mode="constant", return_complex=True
        )
        power = torch.view_as_real(spectra).square().sum(-1).transpose(1, 2)
        found.append(resized(log_mel(power, filters), count))
    return torch.cat(found, -1)


def resized(levels: Tensor, count: int) -> Tensor:
    """Return levels (batch, frame, mel) with ``count`` frames."""
    shape = (count, levels.shape[2])
    image = functional.interpolate(levels[:, None], shape, mode="bilinear", antialias=True)
    return image[:, 0]


def window_names(params: FeatureParams) -> list[str]:
    """Name each band by its window and its middle."""
    middles = mel_frequencies_hz(params.mels + 2, params.low_hz, params.high_hz)[1:-1]
    return [f"mel {hz:.1f} Hz, {window_ms} ms" for window_ms, _ in WINDOWS_MS for hz in middles]
