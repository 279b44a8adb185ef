"""Features of the shape of the spectrum: where its energy lies, and how fast it changes."""

from __future__ import annotations

import torch
from torch import Tensor

from spikesound.core.errors import SpikesoundError
from spikesound.features.framing import decibels


def band_energy_ratio(power: Tensor, frequencies_hz: Tensor, split_hz: float) -> Tensor:
    """Compare the energy below a frequency with the energy from it upwards, in dB.

    ``10 log10(max(sum_{f < split} power, 1e-10)) - 10 log10(max(sum_{f >= split} power, 1e-10))``:
    positive where the low side is stronger, 0 in silence.

    Parameters
    ----------
    power
        Power spectra, ``(batch, frame, bin)``.
    frequencies_hz
        Frequency of each bin, ``(bin,)``.
    split_hz
        The frequency between the two sides.

    Returns
    -------
    Tensor
        Ratio in dB, ``(batch, frame, 1)``.

    Raises
    ------
    SpikesoundError
        If the split lies outside the spectrum.
    """
    low = int((frequencies_hz < split_hz).sum())
    if low == len(frequencies_hz):
        raise SpikesoundError(
            f"features.split_hz {split_hz:g} is above the spectrum's last bin, "
            f"{float(frequencies_hz[-1]):g} Hz"
        )
    below = power[..., :low].sum(-1, keepdim=True)
    above = power[..., low:].sum(-1, keepdim=True)
    return decibels(below) - decibels(above)


def spectral_flux(magnitude: Tensor) -> Tensor:
    """Measure how much the spectrum grew since the frame before: half-wave rectified flux.

    ``flux[n] = mean_k max(|X[n, k]| - |X[n - 1, k]|, 0)``, and 0 for the first frame: Dixon 2006,
    "Onset detection revisited", section 2.1, with the mean over bins for the sum, so that it does
    not grow with the window and stays within float16. It is what ``librosa.onset.onset_strength``
    computes of a magnitude spectrogram.

    Parameters
    ----------
    magnitude
        Magnitude spectra, ``(batch, frame, bin)``.

    Returns
    -------
    Tensor
        Flux in units of magnitude, ``(batch, frame, 1)``.
    """
    growth = torch.diff(magnitude, dim=-2, prepend=magnitude[..., :1, :])
    return growth.clamp_(min=0).mean(-1, keepdim=True)


def spectral_bandwidth(magnitude: Tensor, frequencies_hz: Tensor) -> Tensor:
    """Measure how widely the spectrum spreads around its centroid, as librosa with ``p=2``.

    ``sqrt(sum_k w[k] (f[k] - c)^2)``, with ``w = |X| / sum |X|`` and the centroid
    ``c = sum_k w[k] f[k]`` (Klapuri and Davy 2006, "Signal processing methods for music
    transcription", chapter 5).

    Parameters
    ----------
    magnitude
        Magnitude spectra, ``(batch, frame, bin)``.
    frequencies_hz
        Frequency of each bin, ``(bin,)``.

    Returns
    -------
    Tensor
        Bandwidth in Hz, ``(batch, frame, 1)``; 0 in silence.
    """
    total = magnitude.sum(-1, keepdim=True)
    share = magnitude / total.clamp(min=torch.finfo(magnitude.dtype).tiny)
    centroid_hz = share @ frequencies_hz[:, None].to(share)
    variance = (share * (frequencies_hz.to(share) - centroid_hz).square()).sum(-1, keepdim=True)
    return variance.sqrt()
