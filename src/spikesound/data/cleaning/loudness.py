"""Loudness as broadcasters measure it, and clips brought to one loudness."""

from __future__ import annotations

import warnings

import numpy as np

from spikesound.data.cleaning.dc import Wave

GATE_S = 0.4


def integrated_lufs(samples: Wave, rate_hz: int) -> float | None:
    """Measure the integrated loudness by ITU-R BS.1770-4, which EBU R 128 rests on.

    The wave is K-weighted; blocks of 400 ms, every 100 ms, count where they are above -70 LUFS and
    not more than 10 LU below the mean of those; ``L = -0.691 + 10 log10(mean square)`` over them. A
    wave shorter than a block is one block.

    Parameters
    ----------
    samples
        One wave in full scale, ``(sample,)``: a single channel, so a sine of full scale has -3.01
        LUFS (997 Hz), and not the 0 LUFS of the same sine on two.
    rate_hz
        Its sampling rate.

    Returns
    -------
    float or None
        In LUFS; None if no block is above -70 LUFS.
    """
    from pyloudnorm import Meter  # here: most runs need none

    if not len(samples):
        return None
    gate = min(round(GATE_S * rate_hz), len(samples))
    # Only whole blocks count; pyloudnorm would take half of one at the end for a whole one.
    steps = int((len(samples) - gate) / (gate / 4))
    whole = gate + round(steps * gate / 4)
    # "DeMan" has the filters of the recommendation at every rate; the default's are a little off.
    meter = Meter(rate_hz, "DeMan", block_size=(gate - 1e-6) / rate_hz)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a mean over no block
        lufs = float(meter.integrated_loudness(samples[:whole].astype(np.float64)))
    return lufs if np.isfinite(lufs) else None


def normalise_loudness(
    samples: Wave, rate_hz: int, target_lufs: float
) -> tuple[Wave, float | None, float]:
    """Amplify a wave to a loudness, or as far as its peak allows.

    ``gain = min(target - L, -peak)`` in dB, so that no sample exceeds full scale.

    Returns
    -------
    tuple
        The wave, its loudness before in LUFS, and the gain in dB. What has no loudness stays as it
        is, with a gain of 0.
    """
    lufs = integrated_lufs(samples, rate_hz)
    if lufs is None:
        return samples, None, 0.0
    headroom_db = -20 * float(np.log10(np.abs(samples).max()))
    gain_db = min(target_lufs - lufs, headroom_db)
    louder = samples * np.float32(10 ** (gain_db / 20))
    return np.clip(louder, -1, 1, out=louder), lufs, gain_db
