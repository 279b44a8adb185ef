"""Gates: in which frames of a stream a detector runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from spikesound.features.framing import cut_frames
from spikesound.params import FeatureParams

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

QUIETEST = 1e-12
"""Power below which a frame counts as this: digital silence has a level."""


def levels_db(samples: Floats, features: FeatureParams) -> Floats:
    """Return the level of each frame of the front end (frame,), dB of full scale.

    .. math:: L_t = 10 \\log_{10} \\frac1N \\sum_{k} x_{t,k}^2
    """
    frames = cut_frames(torch.from_numpy(samples[None]), features.window, features.hop)[0]
    power = frames.square().mean(1).clamp(min=QUIETEST)
    levels: Floats = (10 * power.log10()).numpy()
    return levels


def above_floor_db(levels: Floats, rise_db: float) -> Floats:
    """Return how far each level is above the floor.

    .. math:: F_t = \\min(L_t, F_{t-1} + r), \\qquad F_0 = L_0

    Parameters
    ----------
    levels : (frame,)
    rise_db : r, by which the floor rises from frame to frame
    """
    # F_t is the least of L_s + (t - s) r over s up to t.
    ramp = rise_db * np.arange(len(levels))
    floor = np.minimum.accumulate(levels - ramp) + ramp
    above: Floats = (levels - floor).astype(np.float32)
    return above


@dataclass(frozen=True)
class Open:
    """Frames in which a gate lets a detector run, each (frame,).

    Attributes
    ----------
    runs : the detector computes
    counts : and its output is used: not while it starts on the sound before the opening
    """

    runs: Mask
    counts: Mask

    @property
    def share(self) -> float:
        """Share of the frames in which the detector computes."""
        return float(self.runs.mean())


def opened(triggers: Mask, *, hold: int, before: int) -> Open:
    """Return when a gate is open that is triggered in some frames.

    It opens with a trigger, and closes when ``hold`` frames have gone by without one. The detector
    then starts at rest on the ``before`` frames in front of the opening, which were kept; what it
    puts out with them comes too late and is not used. With a look-ahead, what it puts out from the
    opening on is of earlier frames.
    """
    counts = _widened(triggers, 0, hold)
    runs = _widened(counts, before, 0)
    return Open(runs, counts)


def _widened(mask: Mask, before: int, after: int) -> Mask:
    """Return the frames that have a true one from ``after`` back to ``before`` ahead."""
    number = np.concatenate([[0], np.cumsum(mask)])
    at = np.arange(len(mask))
    first, last = np.maximum(at - after, 0), np.minimum(at + before, len(mask) - 1)
    wide: Mask = number[last + 1] > number[first]
    return wide


def spans(mask: Mask) -> list[tuple[int, int]]:
    """Return the first frame and the frame after the last of each run of true frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]
