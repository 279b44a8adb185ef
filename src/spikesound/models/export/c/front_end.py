"""Log-mel front end in integers: its tables, and what the C code computes with them.

Samples have 16 bits, 32768 is full scale; features have 15, 32767 is 1. The chain: Hann window,
DFT in 32 bits (products of 64), power in 62, sums of mel bands in two words of 64, logarithm of 16
bits behind the point by a table of 65 entries, the ranges of the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikesound.core.errors import SpikesoundError
from spikesound.features.framing import FLOOR_POWER
from spikesound.features.front_end import FrontEnd
from spikesound.features.mel import mel_filters
from spikesound.models.export.c.folded import Doubles
from spikesound.models.export.c.quantised import ONE, Ints

DB = 10 * math.log10(2)
"""Decibels of a factor of two in power."""
NO_ENERGY = -(2**30)
"""Logarithm of nothing."""
GAIN_BITS = 24


@dataclass(frozen=True)
class Tables:
    """Integer tables of a front end.

    Attributes
    ----------
    window, hop : in samples
    hann : (window / 2 + 1,), 65536 would be 1
    sines : (window / 4 + 1,), of a quarter, 2^30 is 1
    bands, slopes : (bin,) and (bin, 2), the first of the two mel bands that a bin of the spectrum
        belongs to, and its weights in both; 65535 is the largest weight of the band
    logarithms : (65,), log2(1 + i / 64), 65536 is 1
    floors, offsets, gains : (mel,): a feature is :math:`g (\\max(L, f) - o) / 2^{24}`, rounded and
        cut to 0 to 32767
    """

    window: int
    hop: int
    hann: Ints
    sines: Ints
    bands: Ints
    slopes: Ints
    logarithms: Ints
    floors: Ints
    offsets: Ints
    gains: Ints


def front_end_tables(front_end: FrontEnd) -> Tables:
    """Return the tables of a front end.

    Raises
    ------
    SpikesoundError
        If it has another kind of feature, or a window that is no power of two.
    """
    params = front_end.features
    if list(params.kinds) != ["mel"]:
        raise SpikesoundError(f"features {', '.join(params.kinds)}: in C they must be mel")
    window, half = params.window, params.window // 2
    if window & (window - 1) or not 16 <= window <= 8192 or params.hop > window:
        raise SpikesoundError(
            f"window {window}, hop {params.hop}: in C the window must be a power of two from 16 to "
            "8192, and the hop at most as long"
        )
    filters = _filters(front_end)
    tops = filters.max(0)
    # What the integer sum of a band is multiplied by, as a logarithm: power of samples of full
    # scale 1 from a DFT of samples of 2^15, windowed by 2^16 / 4 and divided by the window.
    worth = np.log2(tops / 65535) + 2 * math.log2(window) - 58
    low, high = np.asarray(front_end.low), np.asarray(front_end.high)
    span = np.asarray(np.float32(high) - np.float32(low), np.float64)
    gains = np.divide(ONE * DB, span, out=np.zeros_like(span), where=span > 0)
    at = np.arange(half + 1)
    bands, slopes = _slopes(np.rint(filters / tops * 65535).astype(np.int64))
    return Tables(
        window,
        params.hop,
        np.minimum(_whole(65536 * (0.5 - 0.5 * np.cos(2 * np.pi * at / window))), 65535),
        _whole(2**30 * np.sin(2 * np.pi * np.arange(half // 2 + 1) / window)),
        bands,
        slopes,
        _whole(65536 * np.log2(1 + np.arange(65) / 64)),
        _whole(65536 * (math.log2(FLOOR_POWER) - worth)),
        _whole(65536 * (low / DB - worth)),
        np.minimum(_whole(gains / 65536 * 2**GAIN_BITS), 2**31 - 1),
    )


def integer_features(samples: Ints, tables: Tables) -> Ints:
    """Return the features (frame, bin) of a whole sound, by the arithmetic of the C code.

    Parameters
    ----------
    samples : of 16 bits; half a window of zeros goes before and after
    """
    half = tables.window // 2
    padded = np.pad(samples.astype(np.int64), half)
    frames = np.lib.stride_tricks.sliding_window_view(padded, tables.window)[:: tables.hop]
    taper = np.concatenate([tables.hann, tables.hann[-2:0:-1]])
    sums_high, sums_low = _energies(
        _power(_transform((frames * taper) >> 2, tables), tables), tables
    )
    levels = np.maximum(_log2(sums_high, sums_low, tables), tables.floors)
    scaled = ((levels - tables.offsets) * tables.gains + (1 << (GAIN_BITS - 1))) >> GAIN_BITS
    found: Ints = np.clip(scaled, 0, ONE)
    return found


def _filters(front_end: FrontEnd) -> Doubles:
    params = front_end.features
    found = np.zeros((params.window // 2 + 1, params.mels))
    groups = mel_filters(params.rate_hz, params.window, params.mels, params.low_hz, params.high_hz)
    mel = 0
    for first, end, weights in groups:
        found[first:end, mel : mel + weights.shape[1]] = weights.double().numpy()
        mel += weights.shape[1]
    return found


def _slopes(weights: Ints) -> tuple[Ints, Ints]:
    """Return of each bin the first of its at most two neighbouring bands, and both weights."""
    padded = np.pad(weights, ((0, 0), (0, 1)))
    bands = np.where(weights.any(1), (weights > 0).argmax(1), 0)
    rows = np.arange(len(weights))
    slopes = np.stack([padded[rows, bands], padded[rows, bands + 1]], 1)
    assert slopes.sum() == weights.sum(), "triangles of which two at most overlap"
    return bands, slopes


def _angles(tables: Tables, steps: Ints) -> tuple[Ints, Ints]:
    quarter = tables.window // 4
    sines = np.concatenate([tables.sines, tables.sines[-2::-1]])
    cosines = np.concatenate([tables.sines[::-1], -tables.sines[1:]])
    assert len(sines) == 2 * quarter + 1
    return cosines[steps], sines[steps]


def _transform(frames: Ints, tables: Tables) -> Ints:
    """Return the DFT (frame, bin, 2) of complex numbers (even, odd sample), over its length."""
    length = tables.window // 2
    bits = length.bit_length() - 1
    places = np.arange(length)
    order = sum(((places >> bit) & 1) << (bits - 1 - bit) for bit in range(bits))
    z = frames.reshape(len(frames), length, 2)[:, order]
    size = 2
    while size <= length:
        cosine, sine = _angles(tables, np.arange(size // 2) * (tables.window // size))
        parts = z.reshape(len(z), length // size, 2, size // 2, 2)
        a, b = parts[:, :, 0], parts[:, :, 1]
        re = (cosine * b[..., 0] + sine * b[..., 1] + (1 << 29)) >> 30
        im = (cosine * b[..., 1] - sine * b[..., 0] + (1 << 29)) >> 30
        turned = np.stack([re, im], -1)
        z = np.stack([(a + turned + 1) >> 1, (a - turned + 1) >> 1], 2).reshape(len(z), length, 2)
        size *= 2
    return z


def _power(z: Ints, tables: Tables) -> Ints:
    length = tables.window // 2
    k = np.arange(length + 1)
    a, b = z[:, k % length], z[:, (length - k) % length]
    cosine, sine = _angles(tables, k)
    even_re, even_im = a[..., 0] + b[..., 0], a[..., 1] - b[..., 1]
    odd_re, odd_im = a[..., 1] + b[..., 1], b[..., 0] - a[..., 0]
    re = ((even_re << 30) + cosine * odd_re + sine * odd_im + (1 << 31)) >> 32
    im = ((even_im << 30) + cosine * odd_im - sine * odd_re + (1 << 31)) >> 32
    found: Ints = re * re + im * im
    return found


def _energies(power: Ints, tables: Tables) -> tuple[Ints, Ints]:
    """Return the sums of the mel bands (frame, mel): of the upper words, and of the lower."""
    matrix = np.zeros((len(tables.bands), len(tables.gains) + 1), np.int64)
    rows = np.arange(len(matrix))
    for side in range(2):
        matrix[rows, tables.bands + side] += tables.slopes[:, side]
    low = (power & 0xFFFFFFFF) @ matrix
    high = (power >> 32) @ matrix + (low >> 32)
    return high[:, :-1], low[:, :-1] & 0xFFFFFFFF


def _log2(high: Ints, low: Ints, tables: Tables) -> Ints:
    narrow = high < 2**31
    v = np.where(narrow, (np.where(narrow, high, 0) << 32) | low, high)
    exponent = np.where(narrow, 0, 32)
    n = np.zeros_like(v)
    for half in (32, 16, 8, 4, 2, 1):
        n += half * (v >> n >> half > 0)
    v = v << (62 - n)
    place, rest = (v >> 56) & 63, (v >> 40) & 0xFFFF
    step = tables.logarithms[place + 1] - tables.logarithms[place]
    found = (n + exponent) * 65536 + tables.logarithms[place] + ((step * rest + 32768) >> 16)
    return np.where((high == 0) & (low == 0), NO_ENERGY, found)


def _whole(values: Doubles) -> Ints:
    found: Ints = np.rint(values).astype(np.int64)
    return found
