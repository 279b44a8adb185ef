"""Features of sound: the registry of kinds, and their joint computation on batches of waves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spikesound.core.errors import SpikesoundError
from spikesound.features.analysis import Analysis
from spikesound.features.cochlea import centres_hz, filters, frame_counts
from spikesound.features.framing import decibels, frame_count, frequencies_hz
from spikesound.features.mel import mfcc
from spikesound.features.mel_scale import mel_frequencies_hz
from spikesound.features.mel_windows import mel_windows, window_names
from spikesound.features.spectral import band_energy_ratio, spectral_bandwidth, spectral_flux
from spikesound.features.temporal import amplitude_envelope, rms
from spikesound.features.yamnet_mel import LOW, SPAN, mel_names, yamnet_mel
from spikesound.params import FeatureParams

CHUNK_SAMPLES = 700_000
"""Samples in the frames worked on at once (2.8 MB): what fits the cache is twice as fast."""


@dataclass(frozen=True)
class Feature:
    """One kind of feature."""

    compute: Callable[[Analysis], Tensor]  # (batch, frame, bin)
    bin_names: Callable[[FeatureParams], list[str]]
    uses: tuple[str, ...] = ()  # parameters that change it, beyond those of every kind
    levels: bool = False  # dB of one reference: its bins share one range (see normalise.py)
    fixed: tuple[float, float] | None = None  # range that becomes [0, 1]; None: fitted


def _mel_names(params: FeatureParams) -> list[str]:
    # The filters' corners: one below, the centres, one above.
    corners_hz = mel_frequencies_hz(params.mels + 2, params.low_hz, params.high_hz)
    return [f"mel {hz:.1f} Hz" for hz in corners_hz[1:-1]]


def _spectrogram_names(params: FeatureParams) -> list[str]:
    bins_hz = frequencies_hz(params.window, params.rate_hz).tolist()
    return [f"spectrogram {hz:.1f} Hz" for hz in bins_hz]


def _mfcc_names(params: FeatureParams) -> list[str]:
    return [f"mfcc {number}" for number in range(params.mfccs)]


def _cochlea(analysis: Analysis) -> Tensor:
    p = analysis.params
    bank = filters(p.rate_hz, _channels(p), p.low_hz, p.high_hz)
    return frame_counts(analysis.waves, p.rate_hz, p.hop, bank)


def _channels(params: FeatureParams) -> int:
    """Return the channels of a cochlea: two neurons of each are two bins."""
    return max(1, params.mels // 2)


def _cochlea_names(params: FeatureParams) -> list[str]:
    centres = centres_hz(_channels(params), params.low_hz, params.high_hz)
    return [f"cochlea {hz:.1f} Hz {polarity}" for hz in centres for polarity in ("ON", "OFF")]


def _named(name: str) -> Callable[[FeatureParams], list[str]]:
    return lambda params: [name]


def _count_names(params: FeatureParams) -> list[str]:
    return [f"spikes {number}" for number in range(params.mels)]


def _not_of_sound(analysis: Analysis) -> Tensor:
    raise SpikesoundError(
        "feature 'spike_counts' is of a source of spike trains (shd, ssc); sound has no such"
    )


MEL_USES = ("mels", "low_hz", "high_hz")

FEATURES: dict[str, Feature] = {
    "mel": Feature(lambda a: a.log_mel, _mel_names, uses=MEL_USES, levels=True),
    "mfcc": Feature(
        lambda a: mfcc(a.log_mel, a.params.mfccs), _mfcc_names, uses=(*MEL_USES, "mfccs")
    ),
    "spectrogram": Feature(lambda a: decibels(a.power), _spectrogram_names, levels=True),
    "amplitude_envelope": Feature(
        lambda a: amplitude_envelope(a.frames), _named("amplitude_envelope")
    ),
    "rms": Feature(lambda a: rms(a.frames), _named("rms")),
    "band_energy_ratio": Feature(
        lambda a: band_energy_ratio(a.power, a.frequencies_hz, a.params.split_hz),
        _named("band_energy_ratio"),
        uses=("split_hz",),
    ),
    "spectral_flux": Feature(lambda a: spectral_flux(a.magnitude), _named("spectral_flux")),
    "spectral_bandwidth": Feature(
        lambda a: spectral_bandwidth(a.magnitude, a.frequencies_hz), _named("spectral_bandwidth")
    ),
    "cochlea": Feature(_cochlea, _cochlea_names, uses=MEL_USES),
    "yamnet_mel": Feature(
        lambda a: yamnet_mel(a.waves, a.params), mel_names, uses=MEL_USES, fixed=(LOW, LOW + SPAN)
    ),
    "mel_windows": Feature(
        lambda a: mel_windows(a.waves, a.params), window_names, uses=MEL_USES, levels=True
    ),
    "spike_counts": Feature(_not_of_sound, _count_names, uses=("mels",)),
}
"""Every kind of feature, by the name it has in params.yaml."""


def compute(waves: Tensor, params: FeatureParams) -> Tensor:
    """Compute the kinds of ``params.kinds``, side by side along the last axis.

    Parameters
    ----------
    waves
        Samples in full scale (-1 to 1) at ``params.rate_hz``, ``(batch, sample)``, float32.
    params
        Kinds, framing and bands.

    Returns
    -------
    Tensor
        Physical values (dB, Hz or amplitude), ``(batch, frame, bin)``, float32. A clip's values do
        not depend on the clips beside it.

    Raises
    ------
    SpikesoundError
        If a parameter does not fit the others (a mel filter without a bin, a split outside the
        spectrum).
    """
    frames = frame_count(waves.shape[-1], params.window, params.hop)
    clips = max(1, CHUNK_SAMPLES // (frames * params.window))
    with torch.no_grad():
        return torch.cat([_chunk(chunk, params) for chunk in torch.split(waves, clips)])


def _chunk(waves: Tensor, params: FeatureParams) -> Tensor:
    analysis = Analysis(waves, params)
    return torch.cat([FEATURES[kind].compute(analysis) for kind in params.kinds], dim=-1)


def bin_names(params: FeatureParams) -> list[str]:
    """Name each bin of the last axis of :func:`compute`."""
    return [name for kind in params.kinds for name in FEATURES[kind].bin_names(params)]


def clip_samples(params: FeatureParams) -> int:
    """Return the samples of a clip, cut or padded to ``params.clip_s``, which must be given."""
    assert params.clip_s is not None, "see extract.fitted"
    return round(params.clip_s * params.rate_hz)


def feature_shape(params: FeatureParams) -> tuple[int, int]:
    """Return the shape ``(frame, bin)`` of one clip's features."""
    frames = frame_count(clip_samples(params), params.window, params.hop)
    return frames, len(bin_names(params))


def stored(values: Tensor) -> np.ndarray:
    """Round to what is kept on disk: float16 (at -60 dB a step is 0.03 dB, at 5 kHz 4 Hz)."""
    return values.to(torch.float16).numpy()
