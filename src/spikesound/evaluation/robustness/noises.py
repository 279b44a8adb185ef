"""Noises to mix with clips: white, pink, and from recordings babble and background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spikesound.audio.resampling import Wave


@dataclass(frozen=True)
class Recordings:
    """Recordings and settings that noises are made of.

    Attributes
    ----------
    babble, background : waves at the features' rate; of babble one talker each
    talkers : how many talk at once
    """

    babble: Sequence[Wave]
    background: Sequence[Wave]
    talkers: int


Noise = Callable[[int, Recordings, np.random.Generator], Wave]


def white(samples: int, recordings: Recordings, generator: np.random.Generator) -> Wave:
    """Return Gaussian white noise of deviation 1, ``(sample,)``."""
    return generator.standard_normal(samples, dtype=np.float32)


def pink(samples: int, recordings: Recordings, generator: np.random.Generator) -> Wave:
    r"""Return Gaussian noise whose power density falls by 3 dB an octave, ``(sample,)``.

    .. math:: X_k = \frac{a_k + i b_k}{\sqrt{k}}, \qquad a_k, b_k \sim N(0, 1), \qquad X_0 = 0

    is the spectrum; the noise is its inverse Fourier transform.

    References
    ----------
    Timmer and Koenig 1995, "On generating power law noise", Astronomy and Astrophysics 300, 707.
    """
    bins = samples // 2 + 1
    spectrum = generator.standard_normal((bins, 2), dtype=np.float32).view(np.complex64)[:, 0]
    spectrum[0] = 0
    spectrum[1:] /= np.sqrt(np.arange(1, bins, dtype=np.float32))
    noise: Wave = np.fft.irfft(spectrum, samples).astype(np.float32)
    return noise


def babble(samples: int, recordings: Recordings, generator: np.random.Generator) -> Wave:
    """Return several talkers at once, each of the same power, from a random place each.

    Each talker is another recording, as long as there are enough of them.
    """
    count, talkers = len(recordings.babble), recordings.talkers
    chosen = generator.choice(count, talkers, replace=talkers > count)
    stretches = [_stretch(recordings.babble[number], samples, generator) for number in chosen]
    total: Wave = np.sum([each / _deviation(each) for each in stretches], axis=0, dtype=np.float32)
    return total


def background(samples: int, recordings: Recordings, generator: np.random.Generator) -> Wave:
    """Return a stretch of one of the recordings, from a random place."""
    number = int(generator.integers(len(recordings.background)))
    return _stretch(recordings.background[number], samples, generator)


NOISES: dict[str, Noise] = {
    "white": white,
    "pink": pink,
    "babble": babble,
    "background": background,
}
"""Every noise, by its name as a condition."""


def _stretch(recording: Wave, samples: int, generator: np.random.Generator) -> Wave:
    """Return a recording from a random sample on, repeated from its start."""
    start = int(generator.integers(len(recording)))
    repeats = -(-(start + samples) // len(recording))
    return np.tile(recording, repeats)[start : start + samples]


def _deviation(wave: Wave) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) or 1.0
