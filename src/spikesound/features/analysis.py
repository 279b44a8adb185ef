"""Intermediate results of features, each computed once, at its first use."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from spikesound.features.framing import cut_frames, frequencies_hz, power_spectrum
from spikesound.features.mel import log_mel, mel_filters
from spikesound.params import FeatureParams


class Analysis:
    """Waves ``(batch, sample)`` at ``params.rate_hz``, and their frames, spectra and levels.

    Several kinds of feature share them, so that each is computed once for all.
    """

    def __init__(self, waves: Tensor, params: FeatureParams) -> None:
        self.waves = waves
        self.params = params

    @cached_property
    def frames(self) -> Tensor:
        """The waves cut into frames, ``(batch, frame, window)``."""
        return cut_frames(self.waves, self.params.window, self.params.hop)

    @cached_property
    def power(self) -> Tensor:
        """Power spectra, ``(batch, frame, bin)``."""
        return power_spectrum(self.frames)

    @cached_property
    def magnitude(self) -> Tensor:
        """Magnitude spectra, ``(batch, frame, bin)``."""
        return self.power.sqrt()

    @cached_property
    def frequencies_hz(self) -> Tensor:
        """Frequency of each bin of the spectra, ``(bin,)``."""
        return frequencies_hz(self.params.window, self.params.rate_hz)

    @cached_property
    def log_mel(self) -> Tensor:
        """Levels in dB in each mel band, ``(batch, frame, mel)``."""
        p = self.params
        filters = mel_filters(p.rate_hz, p.window, p.mels, p.low_hz, p.high_hz)
        return log_mel(self.power, filters)
