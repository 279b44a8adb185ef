"""Augmentation of the samples of a batch: speed, padded crop, circular shift, gain."""

from __future__ import annotations

import math

import torch
from torch.nn import functional
from torchaudio.functional import resample

from spikesound.params import WaveformParams
from spikesound.training.stream.draws import Draws

SPEED, PLACE, TURN, GAIN = range(32, 36)
"""Purposes of draws, beside those of :mod:`spikesound.training.stream.augment`."""

STEPS = 40
"""Speeds are multiples of 1/40: the filters of resampling grow with the terms of its ratio."""

WIDTH = 16
"""Zero crossings of their window on either side."""


def moved(waves: torch.Tensor, params: WaveformParams, draws: Draws) -> torch.Tensor:
    r"""Return each wave of a batch at another speed, from another place, (clip, sample).

    The speed is :math:`s^{2u - 1}` with the factor s and u uniform, as often slower as faster,
    rounded to 1/40; torchaudio's ``resample`` changes it, with a window of sines, so that nothing
    is aliased. (Its masks of time and frequency are of no use here: they draw from torch's global
    generator, and one mask for all clips or all channels.) The result is then padded with zeros on
    both sides, by ``padding`` of the clip and, where it is shorter than the clip, until it is as
    long; a window of the clip's length is taken of it at random, and turned circularly.

    Parameters
    ----------
    waves : (clip, sample)
    draws : of the clips; what becomes of one depends on nothing else

    References
    ----------
    Tokozume, Ushiku & Harada 2018, "Learning from between-class examples for deep sound
    recognition", section 4.1 (padding and cropping); Ko et al. 2015, "Audio augmentation for speech
    recognition" (speed).
    """
    length = waves.shape[1]
    speeds = _speeds(params.speed, draws)
    places = draws.uniform(PLACE)[:, 0].tolist()
    turns = draws.below(TURN, length).tolist() if params.roll else [0] * len(waves)
    found = torch.empty_like(waves)
    for wave, speed, place, turn, out in zip(waves, speeds, places, turns, found, strict=True):
        stretched = resample(wave, speed, STEPS, lowpass_filter_width=WIDTH)
        placed = cropped(stretched, length, round(params.padding * length), place)
        torch.cat([placed[length - turn :], placed[: length - turn]], out=out)
    return found


def cropped(wave: torch.Tensor, length: int, padding: int, place: float) -> torch.Tensor:
    """Return a window of a wave between zeros, (length,).

    Parameters
    ----------
    padding : zeros on both sides at least
    place : 0 to below 1, from the first window to the last
    """
    padding = max(padding, length - len(wave)) if len(wave) < length else padding
    start = int(place * (len(wave) + 2 * padding - length + 1)) - padding
    first, end = max(start, 0), min(start + length, len(wave))
    return functional.pad(wave[first:end], (first - start, start + length - end))


def louder(waves: torch.Tensor, params: WaveformParams, draws: Draws) -> torch.Tensor:
    """Return each wave with another level, by at most ``gain_db`` up or down."""
    if not params.gain_db:
        return waves
    gain_db = params.gain_db * (2 * draws.uniform(GAIN)[:, 0] - 1)
    return waves * 10 ** (gain_db.to(waves.device) / 20).unsqueeze(1)


def _speeds(factor: float, draws: Draws) -> list[int]:
    """Return the speed of each clip, in 1/40."""
    slowest, fastest = math.ceil(STEPS / factor - 1e-9), math.floor(STEPS * factor + 1e-9)
    speeds = factor ** (2 * draws.uniform(SPEED)[:, 0].double() - 1)
    found: list[int] = (speeds * STEPS).round().long().clamp(slowest, fastest).tolist()
    return found
