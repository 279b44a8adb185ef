"""Cross-validation of a learnt sound on the recordings that it is taught with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from spikesound.inference.learnt.activity import Activity
from spikesound.inference.learnt.delta import sigmoid
from spikesound.inference.learnt.prototype import learn
from spikesound.params import Section
from spikesound.tasks.detection.median_filter import median

Floats = npt.NDArray[np.float32]
Learn = Callable[[Sequence[Activity], Sequence[Activity]], Floats]

MOST_PARTS = 10


class Checked(Section):
    """Recordings by what a rule makes of them that has not learnt from them.

    Attributes
    ----------
    found, left_out : of the sound: those in which it was found, and all
    false_alarms, others : of other sounds: those in which it was found, and all
    """

    found: int
    left_out: int
    false_alarms: int
    others: int

    def sentence(self) -> str:
        """Return it in words."""
        if not self.left_out:
            one = "found: not known, since its only recording cannot be left out"
        else:
            one = f"found in {self.found} of {self.left_out} recordings left out"
        alarms = "false alarm" if self.false_alarms == 1 else "false alarms"
        if not self.others:
            return f"{one}; false alarms: not known, since there is one recording of other sounds"
        return f"{one}; {self.false_alarms} {alarms} in {self.others} recordings of other sounds"


def potential(activity: Activity, weights: Floats, frames: int) -> float:
    """Return the log odds of a learnt sound in a recording, as the model with it gives them.

    Parameters
    ----------
    frames : length of a detector's median filter, whose highest output is returned; 0: of a
        classifier, the odds of the mean probability over its windows
    """
    potentials = activity.rows @ weights - activity.known
    if frames:
        return float(median(potentials[:, None], [frames]).max())
    mean = np.clip(sigmoid(potentials.astype(np.float64)).mean(), 1e-12, 1 - 1e-12)
    return float(np.log(mean / (1 - mean)))


def left_out(
    sound: Sequence[Activity],
    others: Sequence[Activity],
    background: Sequence[Activity],
    *,
    frames: int,
    rule: Learn = learn,
) -> tuple[Floats, Floats]:
    """Return the potential of each recording when the rule has learnt from the other parts.

    With up to ten recordings of the sound each of them is a part of its own (leave-one-out). A
    single recording cannot be left out, and has no potential.

    Parameters
    ----------
    sound, others : recordings with and without the sound, divided into parts
    background : recordings without it that are learnt from in each part, and not left out
    frames : see :func:`potential`
    """
    parts = min(max(len(sound), len(others)), MOST_PARTS)
    sides = sound, others
    part_of = [_parts(len(side), parts) for side in sides]
    found: list[list[float]] = [[np.nan] * len(side) for side in sides]
    for part in range(parts):
        rest = [
            [each for each, of in zip(side, ofs, strict=True) if of != part]
            for side, ofs in zip(sides, part_of, strict=True)
        ]
        weights = rule(rest[0], [*rest[1], *background])
        for values, side, ofs in zip(found, sides, part_of, strict=True):
            for number in np.flatnonzero([of == part for of in ofs]):
                values[number] = potential(side[int(number)], weights, frames)
    with_it, without = (np.array(values, np.float32) for values in found)
    return with_it[~np.isnan(with_it)], without[~np.isnan(without)]


def boundary(sound: Floats, others: Floats) -> float:
    """Return the potential above which a sound is found.

    .. math:: \\arg\\max_b \\; P(u > b \\mid \\text{sound}) - P(u > b \\mid \\text{others})

    of the given potentials (Youden's index); of several the middle of the widest gap. It is 0 where
    one side is empty, or no boundary is better than none.
    """
    if not len(sound) or not len(others):
        return 0.0
    values = np.unique(np.concatenate([sound, others]).astype(np.float64))
    middles, gaps = (values[1:] + values[:-1]) / 2, np.diff(values)
    if not len(middles):
        return 0.0
    shares = [
        1 - np.searchsorted(np.sort(side), middles, side="right") / len(side)
        for side in (sound, others)
    ]
    index = np.round(shares[0] - shares[1], 9)
    best = int(np.lexsort((gaps, index))[-1])
    return float(middles[best]) if index[best] > 0 else 0.0


def checked(sound: Floats, others: Floats) -> Checked:
    """Return how many recordings lie beyond the boundary that all the others set.

    Parameters
    ----------
    sound, others : potentials of :func:`left_out`
    """
    found = [each > boundary(np.delete(sound, i), others) for i, each in enumerate(sound)]
    wrong = [each > boundary(sound, np.delete(others, i)) for i, each in enumerate(others)]
    return Checked(
        found=int(sum(found)),
        left_out=len(sound),
        false_alarms=int(sum(wrong)),
        others=len(others),
    )


def _parts(count: int, parts: int) -> list[int | None]:
    """Return the part of each recording; a single one is in none, and always learnt from."""
    return [None] if count == 1 else [number % parts for number in range(count)]
