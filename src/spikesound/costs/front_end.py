"""Energy of the front end: from samples to normalised features, by operations and buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spikesound.costs.memory import ACCESS_BITS, access_pj
from spikesound.features import bin_names
from spikesound.features.framing import frame_count
from spikesound.features.mel import mel_filters
from spikesound.features.mel_windows import WINDOWS_MS
from spikesound.features.mel_windows import fft_size as longest_window
from spikesound.features.mel_windows import samples as samples_in
from spikesound.features.yamnet_mel import fft_size, mel_weights
from spikesound.params import FeatureParams, MemoryParams, ProfileParams

_BYTES = 4


@dataclass(frozen=True)
class SoundInput:
    """Sound that an inference takes in.

    Attributes
    ----------
    features : of the front end
    seconds : length of the sound
    """

    features: FeatureParams
    seconds: float


@dataclass(frozen=True)
class FrontEndWork:
    """Work on one frame.

    Attributes
    ----------
    macs, acs : operations
    bits : read from and written to buffers and tables
    held : bytes of buffers and tables
    """

    macs: float
    acs: float
    bits: float
    held: float


Work = tuple[float, float]

KINDS: Mapping[str, Callable[[FeatureParams, int], Work]] = {
    "mel": lambda params, bins: (params.mels, 0),
    "mfcc": lambda params, bins: (params.mels * (1 + params.mfccs), 0),
    "spectrogram": lambda params, bins: (bins, 0),
    "amplitude_envelope": lambda params, bins: (0, params.window),
    "rms": lambda params, bins: (params.window + 1, 0),
    "band_energy_ratio": lambda params, bins: (2, bins),
    "spectral_flux": lambda params, bins: (bins, 2 * bins),
    "spectral_bandwidth": lambda params, bins: (4 * bins, 2 * bins),
    # Four second-order filters a channel and sample; then a sum and a comparison.
    "cochlea": lambda params, bins: (
        params.mels // 2 * params.hop * 20,
        params.mels // 2 * params.hop * 2,
    ),
    "yamnet_mel": lambda params, bins: (bins + params.mels, params.mels),  # roots; logarithms
    "mel_windows": lambda params, bins: (9 * params.mels, 0),  # logarithms; weights of resizing
    "spike_counts": lambda params, bins: (0, bins),  # of a sensor that spikes: counters alone
}
"""MAC and AC of each kind of feature in a frame, after spectrum and mel filters; a logarithm or a
root is a MAC, as the functions of a neuron are (:mod:`.neuron_work`)."""

_OF_SPECTRUM = set(KINDS) - {"amplitude_envelope", "rms", "cochlea", "mel_windows", "spike_counts"}
_OF_MEL = {"mel", "mfcc", "yamnet_mel"}


def frame_work(params: FeatureParams, values: int) -> FrontEndWork:
    """Return the work on one frame of N samples.

    - window: N products;
    - real FFT: :math:`\\frac{N}{4} \\log_2 N` butterflies of radix 2 (a complex FFT of N/2 points
      and a last stage that parts the two halves), each a complex product and two complex additions,
      4 MAC and 2 AC; each stage reads and writes N/2 complex values and reads N/4 factors;
    - power: 2 MAC for each of N/2 + 1 bins;
    - mel: a MAC, and two values read, for each weight of a filter that is not zero;
    - what :data:`KINDS` has, and a MAC a value for the normalisation;
    - of ``mel_windows`` spectra and filters of each window, as many as its frames are to those of
      ``hop``.

    Parameters
    ----------
    values : numbers that the front end gives a frame

    References
    ----------
    Cooley and Tukey 1965, "An algorithm for the machine calculation of complex Fourier series".
    """
    size = fft_size(params.window) if "yamnet_mel" in params.kinds else params.window
    bins = size // 2 + 1
    macs, acs, words, held = float(values), 0.0, 2.0 * size + 2 * values, 1.0 * size
    parts = []
    if _OF_SPECTRUM & set(params.kinds):
        parts.append(_spectrum(size))
    if _OF_MEL & set(params.kinds):
        parts.append(_filtered(filter_weights(params), params.mels))
    if "mel_windows" in params.kinds:
        parts += _windows(params)
    for part in parts:
        macs, acs = macs + part[0], acs + part[1]
        words, held = words + part[2], held + part[3]
    for kind in params.kinds:
        of_kind = KINDS[kind](params, bins)
        macs, acs = macs + of_kind[0], acs + of_kind[1]
    return FrontEndWork(macs, acs, words * 8 * _BYTES, held * _BYTES)


Part = tuple[float, float, float, float]
"""MAC, AC, words read and written, and words held."""


def _spectrum(size: int) -> Part:
    bins, stages = size // 2 + 1, (size - 1).bit_length()
    butterflies = size / 4 * stages
    words = size + stages * (2 * size + size / 2) + 3 * bins
    # Tables of window and factors, and the powers, are held.
    return size + 4 * butterflies + 2 * bins, 2 * butterflies, words, 2 * size + bins


def _filtered(weights: int, mels: int) -> Part:
    return weights, 0, 2 * weights + mels, weights


def _windows(params: FeatureParams) -> list[Part]:
    """Return the spectra and bands of each window, in the time of one frame."""
    size, found = longest_window(params.rate_hz), []
    for _, hop_ms in WINDOWS_MS:
        times = params.hop / samples_in(hop_ms, params.rate_hz)
        for part in (_spectrum(size), _filtered(filter_weights(params), params.mels)):
            macs, acs, words, held = part
            found.append((times * macs, times * acs, times * words, held))
    return found


def filter_weights(params: FeatureParams) -> int:
    """Return how many weights of the mel filters are not zero."""
    if "yamnet_mel" in params.kinds:
        args = params.rate_hz, params.window, params.mels, params.low_hz, params.high_hz
        return int(mel_weights(*args).count_nonzero())
    windows = "mel_windows" in params.kinds
    size = longest_window(params.rate_hz) if windows else params.window
    groups = mel_filters(params.rate_hz, size, params.mels, params.low_hz, params.high_hz)
    return sum(int(np.count_nonzero(weights.numpy())) for _, _, weights in groups)


@lru_cache(maxsize=8)
def _frame_of(features_json: str) -> FrontEndWork:
    params = FeatureParams.model_validate_json(features_json)
    return frame_work(params, len(bin_names(params)))


def front_end_nj(
    sound: SoundInput, profile: ProfileParams, memories: MemoryParams
) -> tuple[float, float]:
    """Return the energy of the front end for a sound, nJ: of operations, and of its memory."""
    params = sound.features
    frame = _frame_of(params.model_dump_json())
    frames = frame_count(round(sound.seconds * params.rate_hz), params.window, params.hop)
    operations = frame.macs * profile.mac_pj + frame.acs * profile.ac_pj
    moved = frame.bits / ACCESS_BITS * access_pj(frame.held, memories)
    return frames * operations / 1000, frames * moved / 1000


def static_nj(held_bytes: float, seconds: float, memories: MemoryParams) -> float:
    """Return the static energy of a memory, nJ: each bit's leakage times the time it is held."""
    return held_bytes * 8 * memories.leakage_pw_per_bit * seconds / 1000
