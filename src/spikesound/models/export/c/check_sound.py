"""Sound of the check program: noise in bursts and a sawtooth, by integers that C makes alike."""

from __future__ import annotations

import numpy as np

from spikesound.models.export.c.quantised import Ints

BLOCK = 2048
"""Samples of one loudness and pitch."""
QUIETER = np.array([1, 9, 3, 15, 2, 6, 4, 12])
"""Bits by which noise is quieter, block by block; the sawtooth's change half as often."""
MULTIPLIER, INCREMENT = 1664525, 1013904223
"""Of the congruential generator in Press et al., *Numerical Recipes*."""


def check_sound(samples: int) -> Ints:
    """Return samples of 16 bits."""
    at = np.arange(samples)
    block = at // BLOCK
    seed, noise = 1, np.empty(samples, np.int64)
    for n in range(samples):
        seed = (seed * MULTIPLIER + INCREMENT) & 0xFFFFFFFF
        noise[n] = (seed >> 16) - 32768
    tooth = (at * (block % 5 * 700 + 211) & 0xFFFF) - 32768
    mixed = _divided(noise, QUIETER[block % 8]) + _divided(tooth, QUIETER[(block // 2 + 3) % 8])
    return mixed.astype(np.int16).astype(np.int64)


def _divided(values: Ints, bits: Ints) -> Ints:
    """Divide by 2^bits towards zero, as C does."""
    found: Ints = np.sign(values) * (np.abs(values) >> bits)
    return found
