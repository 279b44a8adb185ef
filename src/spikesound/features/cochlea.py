"""Cochlea: band-passes with integrate-and-fire neurons for both polarities, and their events.

A stand-in for a neuromorphic sensor such as the Neuromorphic Auditory Sensor: of each channel an ON
neuron integrates the positive half of the band's signal, and an OFF neuron the negative half. Each
spikes whenever its integral has grown by another threshold,

.. math:: N_{ON}(t) = \\left\\lfloor \\gamma \\sum_{u \\le t} \\max(y_u, 0) \\right\\rfloor,

so that the spikes of a whole sound follow from one cumulative sum.

References
----------
Patterson et al. 1992, "Complex sounds and auditory images" (gammatone filters); Glasberg and Moore
1990, "Derivation of auditory filter shapes from notched-noise data" (equivalent rectangular
bandwidth, ERB); Jiménez-Fernández et al. 2017, "A binaural neuromorphic auditory sensor for FPGA".
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

FULL_SCALE_HZ = 20_000.0
"""Spikes per second and polarity of a sine of amplitude 1 in the middle of a band."""

LOWEST_HZ = 30.0
"""Lowest edge of the bands: below it, a gammatone rings for longer than its filter is long."""

FILTER_S = 0.1
ORDER = 4

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def centres_hz(channels: int, low_hz: float, high_hz: float) -> npt.NDArray[np.float64]:
    """Return the middle of each band, ``(channel,)``, of equal width on the ERB-rate scale.

    .. math:: E(f) = 21.4 \\log_{10}(1 + 0.00437 f)
    """
    edges = [21.4 * math.log10(1 + 0.00437 * hz) for hz in (max(low_hz, LOWEST_HZ), high_hz)]
    at = edges[0] + (np.arange(channels) + 0.5) / channels * (edges[1] - edges[0])
    found: npt.NDArray[np.float64] = (10 ** (at / 21.4) - 1) / 0.00437
    return found


@lru_cache(maxsize=8)
def filters(rate_hz: int, channels: int, low_hz: float, high_hz: float) -> Tensor:
    """Return gammatone filters ``(channel, tap)`` of gain 1 in the middle of their bands.

    .. math:: g(t) = t^3 e^{-2 \\pi b t} \\cos(2 \\pi f t), \\qquad b = 1.019 (24.7 + 0.108 f)
    """
    time = np.arange(round(FILTER_S * rate_hz)) / rate_hz
    hz = centres_hz(channels, low_hz, high_hz)[:, None]
    width = 1.019 * (24.7 + 0.108 * hz)
    taps = time ** (ORDER - 1) * np.exp(-2 * np.pi * width * time) * np.cos(2 * np.pi * hz * time)
    gain = np.abs((taps * np.exp(-2j * np.pi * hz * time)).sum(1, keepdims=True))
    return torch.from_numpy((taps / gain).astype(np.float32))


def spike_counts(wave: Tensor, rate_hz: int, bank: Tensor) -> Tensor:
    """Return how often each neuron has spiked up to each sample.

    Parameters
    ----------
    wave : samples ``(sample,)`` in full scale
    bank : of :func:`filters`

    Returns
    -------
    float64 Tensor ``(2 channel, sample)``: ON and OFF of the first channel, of the second, ...
    """
    size = 1 << (len(wave) + bank.shape[1] - 1).bit_length()
    spectra = torch.fft.rfft(bank, size) * torch.fft.rfft(wave, size)
    bands = torch.fft.irfft(spectra, size)[:, : len(wave)].double()
    halves = torch.stack([bands.clamp(min=0), (-bands).clamp(min=0)], 1).flatten(0, 1)
    # The mean of the positive half of a sine is its amplitude over pi.
    return (halves.cumsum(1) * (math.pi * FULL_SCALE_HZ / rate_hz)).floor()


def frame_counts(waves: Tensor, rate_hz: int, hop: int, bank: Tensor) -> Tensor:
    """Return the spikes of each neuron in the hop around each frame's middle.

    Parameters
    ----------
    waves : samples ``(batch, sample)``

    Returns
    -------
    Tensor ``(batch, frame, 2 channel)``, float32: the frames of all features
    """
    length = waves.shape[1]
    ends = torch.arange(1 + length // hop) * hop + hop // 2
    ends = ends.clamp(min=1)
    ends[-1] = length
    found = []
    for wave in waves:  # one at a time: bands are many times as large
        until = spike_counts(wave, rate_hz, bank)[:, ends.clamp(max=length) - 1]
        found.append(until.diff(dim=1, prepend=torch.zeros(len(until), 1)).T)
    return torch.stack(found).float()


def events(wave: Floats, rate_hz: int, bank: Tensor) -> tuple[Ints, Ints]:
    """Return the spikes of a sound as address events: addresses, and times in microseconds.

    The address is twice the channel, plus one for OFF. Spikes of a neuron within one sample are
    spread over it.
    """
    counts = spike_counts(torch.from_numpy(wave), rate_hz, bank)
    fired = counts.diff(dim=1, prepend=torch.zeros(len(counts), 1)).numpy().astype(np.int64)
    address, sample = np.nonzero(fired)
    number = fired[address, sample]
    first = np.cumsum(number) - number
    within = np.arange(number.sum()) - np.repeat(first, number)
    part = (within + 1) / (np.repeat(number, number) + 1)
    times = np.round((np.repeat(sample, number) + part) * (1e6 / rate_hz)).astype(np.int64)
    addresses = np.repeat(address, number).astype(np.int64)
    order = np.lexsort([addresses, times])
    return addresses[order], times[order]
