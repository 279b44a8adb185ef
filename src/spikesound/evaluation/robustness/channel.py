"""Channel conditions: the room, the level, the band, the codec, the network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from spikesound.audio import filters
from spikesound.audio.mixing import set_gain
from spikesound.audio.resampling import Wave

PACKET_S = 0.02

Channel = Callable[[Wave, int, float, np.random.Generator], Wave]
"""From a wave, its rate in Hz, a level and a generator to a wave of the same length."""


def reverberation(wave: Wave, rate_hz: int, rt60_s: float, generator: np.random.Generator) -> Wave:
    r"""Return the sound as in a room whose reverberation falls by 60 dB in ``rt60_s``.

    .. math:: h(t) = \frac{1}{\sqrt 2} \left(\delta(t) + c\, b(t)\, e^{-\Delta t}\right), \qquad
              \Delta = \frac{3 \ln 10}{T_{60}}

    with Gaussian white noise b, and c such that tail and direct sound have equal energy (a
    direct-to-reverberant ratio of 0 dB). The room's impulse response has energy 1. The tail that
    outlasts the clip is cut off.

    References
    ----------
    Polack 1988, "La transmission de l'énergie sonore dans les salles", thesis, Université du Maine.
    """
    length = min(len(wave), round(rt60_s * rate_hz))
    tail = generator.standard_normal(length, dtype=np.float32)
    tail *= np.exp(-3 * np.log(10) / (rt60_s * rate_hz) * np.arange(length)).astype(np.float32)
    tail /= max(float(np.sqrt(np.sum(np.square(tail, dtype=np.float64)))), 1e-9)
    reflected = filters.convolve(torch.from_numpy(wave), torch.from_numpy(tail)).numpy()
    in_room: Wave = (wave + reflected) * np.float32(np.sqrt(0.5))
    return in_room


def gain(wave: Wave, rate_hz: int, level_db: float, generator: np.random.Generator) -> Wave:
    """Return the sound louder or quieter by ``level_db``, clipped at full scale (-1 and 1)."""
    changed: Wave = set_gain(torch.from_numpy(wave), level_db).numpy()
    return changed


def low_pass(wave: Wave, rate_hz: int, cutoff_hz: float, generator: np.random.Generator) -> Wave:
    """Return the sound below a frequency: Butterworth of order 8, -3 dB at the cutoff."""
    filtered: Wave = filters.low_pass(torch.from_numpy(wave), rate_hz, cutoff_hz).numpy()
    return filtered


def high_pass(wave: Wave, rate_hz: int, cutoff_hz: float, generator: np.random.Generator) -> Wave:
    """Return the sound above a frequency: Butterworth of order 8, -3 dB at the cutoff."""
    filtered: Wave = filters.high_pass(torch.from_numpy(wave), rate_hz, cutoff_hz).numpy()
    return filtered


def dropped_frames(wave: Wave, rate_hz: int, share: float, generator: np.random.Generator) -> Wave:
    """Return the sound with packets of 20 ms lost, each with probability ``share``, as zeros."""
    packet = round(PACKET_S * rate_hz)
    received = generator.random(-(-len(wave) // packet)) >= share
    return wave * np.repeat(received, packet)[: len(wave)]


CHANNELS: dict[str, Channel] = {
    "reverberation": reverberation,
    "gain": gain,
    "low_pass": low_pass,
    "high_pass": high_pass,
    "dropped_frames": dropped_frames,
}
"""Every condition that takes one clip at a time and is not a noise."""
