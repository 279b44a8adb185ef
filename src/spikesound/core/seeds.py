"""Seeds derived from names, so that workers, resumed runs and reruns draw the same numbers.

Every stochastic step takes its generator from here: the seed is a hash of the run's seed and of
what the numbers are for (a purpose, an epoch, a clip), never of the order in which work happened.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, *names: object) -> int:
    """Return a 63-bit seed: the first bytes of SHA-256 over the run's seed and the names."""
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *names: object) -> np.random.Generator:
    """Return a NumPy generator seeded by :func:`derive`."""
    return np.random.default_rng(derive(seed, *names))
