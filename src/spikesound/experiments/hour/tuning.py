"""Gates chosen on hours of the validation fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from spikesound.experiments.hour.gates import Open, opened
from spikesound.experiments.hour.hours import Hours
from spikesound.models.spec import Decision
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics import intersections, psds

Frames = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Setting:
    """A tuned gate, and its figures on the validation hours.

    Attributes
    ----------
    threshold : dB above the floor, or a probability
    hold_s : how long it stays open after the last frame at the threshold
    open_share : share of the frames in which the detector behind it runs
    psds1, psds1_open : with the gate, and without one
    """

    threshold: float
    hold_s: float
    open_share: float
    psds1: float
    psds1_open: float


@dataclass(frozen=True)
class Tuned:
    """The gates by level, by the detector they stand before, and the network's."""

    energy: Mapping[str, Setting]
    network: Setting


@dataclass(frozen=True)
class Timing:
    """Frames in time: from one to the next, and how many are kept before an opening."""

    hop_s: float
    before: int


def gates_of(signal: Frames, setting: Setting, timing: Timing) -> list[Open]:
    """Return when a gate is open in each minute, of its signal (minute, frame)."""
    hold = round(setting.hold_s / timing.hop_s)
    return [
        opened(of_minute >= setting.threshold, hold=hold, before=timing.before)
        for of_minute in signal
    ]


def masked(scores: Frames, gates: Sequence[Open]) -> Frames:
    """Return probabilities (minute, frame, class), zero where the gates are closed."""
    counts = np.stack([each.counts for each in gates])
    return np.where(counts[..., None], scores, np.float32(0))


def tuned(
    hours: Hours,
    scores: Frames,
    decision: Decision,
    signal: Frames,
    timing: Timing,
    *,
    thresholds: Sequence[float],
    hold_s: Sequence[float],
    largest_loss: float,
) -> Setting:
    """Return the gate that is open least of those that lose little of PSDS 1.

    Where none loses so little, the one of the best PSDS 1. The detector's output is taken as it is
    without a gate, where the gate would let it count: that it starts at rest when it is woken shows
    in the test alone.

    Parameters
    ----------
    scores : probabilities of the detector without a gate, as they come (minute, frame +
        look-ahead, class)
    signal : what the gate goes by, as it comes (minute, frame + look-ahead)
    """
    whole = psds1(hours, scores, decision, timing.hop_s)
    found = []
    for threshold, hold in product(thresholds, hold_s):
        gates = gates_of(signal, Setting(threshold, hold, 0.0, 0.0, whole), timing)
        value = psds1(hours, masked(scores, gates), decision, timing.hop_s)
        share = float(np.mean([each.share for each in gates]))
        found.append(Setting(threshold, hold, share, value, whole))
    good = [each for each in found if each.psds1 >= whole - largest_loss]
    if good:
        return min(good, key=lambda each: (each.open_share, -each.psds1))
    return max(found, key=lambda each: each.psds1)


def psds1(hours: Hours, scores: Frames, decision: Decision, hop_s: float) -> float:
    """Return PSDS 1 of probabilities as they come (minute, frame + look-ahead, class).

    Of nothing detected it is 0.
    """
    filtered = {
        name: median(of_minute, decision.medians)
        for name, of_minute in zip(hours.names, hours.of_frames(scores), strict=True)
    }
    statistics = intersections.statistics(
        filtered,
        hours.truth,
        hours.names,
        hours.labels,
        seconds=hours.seconds,
        hop_s=hop_s,
        criterion=intersections.PSDS1,
    )
    ones = np.ones((1, len(hours.names)))
    return float(np.nan_to_num(psds.weighted_psds(statistics, ones)[0]))
