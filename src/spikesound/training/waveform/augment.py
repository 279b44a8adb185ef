"""Augmentation of the samples of a batch: speed, padded crop, circular shift, gain."""

from __future__ import annotations

import torch
from torch.nn import functional

from spikesound.params import WaveformParams
from spikesound.training.stream.draws import Draws

SPEED, PLACE, TURN, GAIN = range(32, 36)
"""Purposes of draws, beside those of :mod:`spikesound.training.stream.augment`."""


def moved(waves: torch.Tensor, params: WaveformParams, draws: Draws) -> torch.Tensor:
    r"""Return each wave of a batch at another speed, from another place, (clip, sample).

    The speed is :math:`s^{2u - 1}` with the factor s and u uniform: as often slower as faster. By
    linear interpolation, as a continuous factor asks for a filter of its own at each clip
    (torchaudio's ``speed`` has them for few ratios). The result is then padded with zeros on both
    sides, by ``padding`` of the clip and, where it is shorter than the clip, until it is as long;
    a window of the clip's length is taken of it at random, and turned circularly.

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
    speeds = params.speed ** (2 * draws.uniform(SPEED)[:, 0].double() - 1)
    places = draws.uniform(PLACE)[:, 0].tolist()
    turns = draws.below(TURN, length).tolist() if params.roll else [0] * len(waves)
    found = torch.empty_like(waves)
    for wave, speed, place, turn, out in zip(
        waves, speeds.tolist(), places, turns, found, strict=True
    ):
        size = round(length / speed)
        stretched = wave if size == length else _stretched(wave, size)
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


def _stretched(wave: torch.Tensor, size: int) -> torch.Tensor:
    found: torch.Tensor = functional.interpolate(wave.view(1, 1, -1), size, mode="linear")
    return found.view(-1)
