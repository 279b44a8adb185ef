"""Sounds of no class: digital silence, coloured noise, stretches of recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from spikesound.audio.resampling import Wave
from spikesound.core.errors import SpikesoundError, choose
from spikesound.core.seeds import numpy_generator
from spikesound.data.scenes.background import CROSS_FADE_S, at_level, below_full_scale, continued

NOISE_DBFS = (-80.0, -20.0)
RECORDING_DBFS = (-60.0, -20.0)
"""Root mean square, in dB of full scale, evenly drawn between the two."""

FALL_DB = (0.0, 6.0)
"""By which the power density of noise falls an octave: white at 0, pink at 3, brown at 6."""

Make = Callable[[int, Sequence[Wave], int, np.random.Generator], Wave]


def silence(
    samples: int, recordings: Sequence[Wave], rate_hz: int, generator: np.random.Generator
) -> Wave:
    """Return zeros (sample,)."""
    return np.zeros(samples, np.float32)


def noise(
    samples: int, recordings: Sequence[Wave], rate_hz: int, generator: np.random.Generator
) -> Wave:
    """Return coloured noise (sample,), of a colour and a level drawn within the ranges above."""
    made = coloured(samples, generator.uniform(*FALL_DB), generator)
    return below_full_scale(at_level(made, generator.uniform(*NOISE_DBFS)))[0].astype(np.float32)


def recording(
    samples: int, recordings: Sequence[Wave], rate_hz: int, generator: np.random.Generator
) -> Wave:
    """Return a stretch of one of the recordings from a random place, at a level that is drawn."""
    chosen = recordings[int(generator.integers(len(recordings)))]
    fade = min(round(CROSS_FADE_S * rate_hz), len(chosen) // 3)
    made = at_level(continued(chosen, samples, fade, generator), generator.uniform(*RECORDING_DBFS))
    return below_full_scale(made)[0].astype(np.float32)


KINDS: dict[str, Make] = {"silence": silence, "noise": noise, "recordings": recording}
"""By the names of their shares in ``recipes.<name>.negatives``."""


def coloured(
    samples: int, fall_db: float, generator: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    r"""Return Gaussian noise whose power density falls by ``fall_db`` an octave (sample,).

    .. math:: X_k = k^{-s / 2} (a_k + i b_k), \qquad a_k, b_k \sim N(0, 1), \qquad X_0 = 0,
              \qquad s = \frac{d}{10 \log_{10} 2}

    is the spectrum, for a fall of d dB; the noise is its inverse Fourier transform.

    References
    ----------
    Timmer and Koenig 1995, "On generating power law noise", Astronomy and Astrophysics 300, 707.
    """
    bins = samples // 2 + 1
    spectrum = generator.standard_normal((bins, 2)).view(np.complex128)[:, 0]
    spectrum[0] = 0
    spectrum[1:] *= np.arange(1, bins) ** (-fall_db / (20 * np.log10(2)))
    return np.fft.irfft(spectrum, samples)


def negatives(
    counts: Mapping[str, int],
    samples: int,
    recordings: Sequence[Wave],
    rate_hz: int,
    *,
    seed: int,
) -> Iterator[tuple[str, Wave]]:
    """Yield sounds of no class, each with its id: ``negative-<kind>-<number>``.

    A sound depends on the seed, its kind and its number alone.

    Parameters
    ----------
    counts : how many of each kind of :data:`KINDS`
    samples, rate_hz : length of each, and sampling rate
    recordings : at this rate

    Raises
    ------
    SpikesoundError
        If there is no such kind, or sounds of recordings are wanted and there are none.
    """
    for kind, count in counts.items():
        make = choose(KINDS, kind, "kind of negatives")
        if kind == "recordings" and count and not recordings:
            raise SpikesoundError("negatives: recordings are wanted, and there are none")
        for number in range(count):
            generator = numpy_generator(seed, "negative", kind, number)
            yield f"negative-{kind}-{number:05d}", make(samples, recordings, rate_hz, generator)


def divided(recordings: Sequence[Wave]) -> tuple[list[Wave], list[Wave]]:
    """Return the recordings to train on, and those that no training meets.

    They are the 1st, 3rd, 5th and so on, and the others; of a single one the first half and the
    rest.
    """
    if len(recordings) == 1:
        half = len(recordings[0]) // 2
        return [recordings[0][:half]], [recordings[0][half:]]
    return list(recordings[::2]), list(recordings[1::2])
