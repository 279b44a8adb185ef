"""Background of a scene: a recording brought to a length and a level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from spikesound.data.scenes.material import Wave, sounding

CROSS_FADE_S = 0.25
FULL_SCALE = 0.99
"""Peak that no scene passes."""

Exact = NDArray[np.float64]
"""A wave in double precision, ``(sample,)``: scenes are mixed in it."""


def continued(samples: Wave, length: int, fade: int, generator: np.random.Generator) -> Exact:
    r"""Return a stretch of a background from a random place, continued where it is too short.

    What is too short goes on with itself from another random place in its first half, by a
    cross-fade of equal power over :math:`n` samples,

    .. math:: y_k = \cos\left(\frac{\pi}{2} \frac{k + 1/2}{n}\right) a_k
              + \sin\left(\frac{\pi}{2} \frac{k + 1/2}{n}\right) b_k

    which keeps the level, as the two places have nothing in common.

    Parameters
    ----------
    samples
        The recording, of three fades at least.
    length, fade
        In samples.
    generator
        Draws the places.
    """
    assert len(samples) >= 3 * fade
    if len(samples) >= length:
        start = int(generator.integers(len(samples) - length + 1))
        return samples[start : start + length].astype(np.float64)
    phase = (np.arange(fade) + 0.5) / fade * np.pi / 2
    made = _from_first_half(samples, generator)
    while len(made) < length:
        after = _from_first_half(samples, generator)
        joint = np.cos(phase) * made[len(made) - fade :] + np.sin(phase) * after[:fade]
        made = np.concatenate([made[: len(made) - fade], joint, after[fade:]])
    return made[:length]


def at_level(samples: Exact, dbfs: float) -> Exact:
    """Scale a wave to a root mean square, in dB of full scale; one of zeros stays as it is."""
    rms = float(np.sqrt(np.mean(samples**2)))
    return samples * (10 ** (dbfs / 20) / rms) if rms else samples


def background_scenes(
    waves: Sequence[Wave],
    *,
    count: int,
    length_s: float,
    rate_hz: int,
    dbfs: tuple[float, float],
    active_db: float,
    generator: np.random.Generator,
) -> Iterator[Wave]:
    """Make scenes in which nothing happens, by which false alarms are counted.

    Parameters
    ----------
    waves
        Backgrounds at ``rate_hz``, each of 1 s or more: a fold's, or others'. Each scene is of one.
    count
        How many scenes: 360 of 10 s are an hour.
    length_s
        Of each scene.
    rate_hz
        Sampling rate.
    dbfs
        Root mean square of a scene, in dB of full scale, evenly drawn between the two.
    active_db
        What is so much quieter than a wave's loudest frame is cut off at its ends.
    generator
        Draws everything.

    Yields
    ------
    Wave
        One scene, ``(sample,)``; its peak is 0.99 of full scale at most.

    Raises
    ------
    SpikesoundError
        If less than 1 s of a wave is left.
    """
    usable = [
        sounding(wave, rate_hz, active_db, f"background {number}")
        for number, wave in enumerate(waves, 1)
    ]
    length, fade = round(length_s * rate_hz), round(CROSS_FADE_S * rate_hz)
    for _ in range(count):
        wave = usable[int(generator.integers(len(usable)))]
        scene = at_level(continued(wave, length, fade, generator), generator.uniform(*dbfs))
        yield below_full_scale(scene)[0].astype(np.float32)


def below_full_scale(scene: Exact) -> tuple[Exact, float]:
    """Scale a scene so that its peak is 0.99 at most; return it and the gain, 1 if unchanged."""
    gain = min(1.0, FULL_SCALE / max(float(np.abs(scene).max()), 1e-12))
    return scene * gain, gain


def _from_first_half(samples: Wave, generator: np.random.Generator) -> Exact:
    start = int(generator.integers(len(samples) // 2))
    return samples[start:].astype(np.float64)
