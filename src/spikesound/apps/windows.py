"""Windows of a sound, each as long as the others: of its samples, or of a detector's frames."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesound.audio.resampling import fit_length
from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.stream import FrameResult

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """The output of a model for a stretch of a sound.

    Attributes
    ----------
    onset_s, offset_s : where it begins and ends, from the start of the sound
    probabilities : by label, in the model's order; of a calibrated classifier also of ``none of
        these``
    """

    onset_s: float
    offset_s: float
    probabilities: dict[str, float]


def check_window(window_s: float, hop_s: float) -> None:
    """Raise SpikesoundError unless windows of a length, a hop apart, cover a sound."""
    if not (math.isfinite(window_s) and window_s > 0):
        raise SpikesoundError(f"window: expected a length above 0 s, got {window_s:g}")
    if not 0 < hop_s <= window_s:
        raise SpikesoundError(
            f"hop: expected above 0 s and at most the window of {window_s:g} s, got {hop_s:g}"
        )


def sample_windows(pieces: Iterable[Floats], length: int, hop: int) -> Iterator[tuple[Floats, int]]:
    """Yield windows of ``length`` samples, ``hop`` apart, and where each ends in the sound.

    The last ends where the sound ends, unless less than a hundredth of it would be new; a sound
    shorter than a window is padded with zeros.
    """
    held, at, dropped = np.zeros(0, np.float32), 0, 0  # at: of the next window, among those held
    for piece in pieces:
        held = np.concatenate([held, piece])
        while at + length <= len(held):
            yield held[at : at + length], dropped + at + length
            at += hop
        passed = max(0, at - hop)  # the last window may begin right behind the one before it
        held, at, dropped = held[passed:], at - passed, dropped + passed
    if at == 0:
        yield fit_length(held, length), len(held)
    elif len(held) - (at - hop + length) > length // 100:
        yield held[-length:], dropped + len(held)


def frame_windows(
    results: Iterable[FrameResult], frame_s: float, window_s: float, hop_s: float
) -> Iterator[tuple[float, Floats]]:
    """Yield where each window begins, and the highest scores (class,) of the frames in it.

    A frame stands for half its length before and after its middle. The last window is that of the
    last frame: the sound may end within it.
    """
    held: list[FrameResult] = []
    number = 0
    for result in results:
        while result.at_s - frame_s / 2 >= number * hop_s + window_s:
            yield number * hop_s, _highest(held)
            number += 1
            held = [each for each in held if each.at_s + frame_s / 2 > number * hop_s]
        held.append(result)
    if held:
        yield number * hop_s, _highest(held)


def _highest(results: list[FrameResult]) -> Floats:
    highest: Floats = np.max([result.scores for result in results], axis=0)
    return highest
