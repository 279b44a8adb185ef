"""Sound and noise at an exact ratio of their powers."""

from __future__ import annotations

import numpy as np

from spikesound.audio.resampling import Wave

QUIET = 1e-3
"""Of a clip's peak: what is below, at the ends, is not taken for sound (-60 dB)."""


def sounding(wave: Wave) -> slice:
    """Return the stretch from the first to the last sample that is not quiet.

    Clips of ESC-10 that were too short have zeros at their end, up to 93 % of a clip; as a part of
    the signal these would make its power, and so the noise, ever so small. Quiet is what is below
    :data:`QUIET` of the peak. Pauses within the stretch belong to it. Of a silent clip it is empty.
    """
    loud = np.flatnonzero(np.abs(wave) >= max(QUIET * float(np.abs(wave).max(initial=0)), 1e-9))
    return slice(int(loud[0]), int(loud[-1]) + 1) if len(loud) else slice(0, 0)


def power(wave: Wave) -> float:
    """Return the mean of the squared samples; 0 of no samples."""
    return float(np.mean(np.square(wave, dtype=np.float64))) if len(wave) else 0.0


def mix(signal: Wave, noise: Wave, snr_db: float) -> Wave:
    r"""Add noise to a signal, at a ratio that is exact for this clip and this noise.

    .. math:: y = x + g n, \qquad
              g^2 = \frac{P_x}{P_n} 10^{-\mathrm{SNR} / 10}

    with the mean powers P of signal and noise over the clip's stretch that sounds
    (:func:`sounding`). The noise goes on over the whole clip. Nothing is clipped: a microphone's
    full scale is a matter of the condition ``gain``.

    Parameters
    ----------
    signal, noise
        Waves, ``(sample,)``, of equal length.
    snr_db
        Signal-to-noise ratio, :math:`10 \log_{10}(P_x / g^2 P_n)`.

    Returns
    -------
    Wave
        A silent signal, or one whose stretch has no noise, stays as it is: it has no ratio.
    """
    stretch = sounding(signal)
    loudness, noise_power = power(signal[stretch]), power(noise[stretch])
    if not loudness or not noise_power:
        return signal
    gain = np.sqrt(loudness / noise_power) * 10 ** (-snr_db / 20)
    mixed: Wave = signal + np.float32(gain) * noise
    return mixed
