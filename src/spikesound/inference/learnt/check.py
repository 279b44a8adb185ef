"""Cross-validation of a learnt sound on the recordings that it is taught with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from spikesound.inference.learnt.activity import Activity
from spikesound.inference.learnt.delta import learn, sigmoid
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
            one = "found: not known, since the only recording of it cannot be left out"
        else:
            one = f"found in {self.found} of {self.left_out} recordings left out"
        alarms = "false alarm" if self.false_alarms == 1 else "false alarms"
        if not self.others:
            return f"{one}; false alarms: not known, since there is one recording of other sounds"
        return f"{one}; {self.false_alarms} {alarms} in {self.others} recordings of other sounds"


def score(activity: Activity, weights: Floats, frames: int) -> float:
    """Return the probability of a learnt sound in a recording, as the model with it gives it.

    Parameters
    ----------
    frames : length of a detector's median filter, whose highest output is returned; 0: of a
        classifier, the mean over its windows
    """
    probabilities = sigmoid(activity.rows @ weights - activity.known)
    if not frames:
        return float(probabilities.mean())
    return float(median(probabilities[:, None], [frames]).max())


def check(
    sound: Sequence[Activity],
    others: Sequence[Activity],
    background: Sequence[Activity],
    *,
    frames: int,
    threshold: float,
    rule: Learn = learn,
) -> Checked:
    """Return what the rule makes of each recording when it has learnt from the other parts.

    With up to ten recordings of a sound each of them is a part of its own (leave-one-out).

    Parameters
    ----------
    sound, others : recordings with and without the sound, divided into parts
    background : recordings without it that are learnt from in each part, and not counted
    frames : see :func:`score`
    threshold : from which on the sound is found
    """
    parts = min(max(len(sound), len(others)), MOST_PARTS)
    left_out, alarms = _parts(len(sound), parts), _parts(len(others), parts)
    found, wrong = 0, 0
    for part in range(parts):
        weights = rule(
            [each for each, of in zip(sound, left_out, strict=True) if of != part],
            [each for each, of in zip(others, alarms, strict=True) if of != part] + [*background],
        )
        here = [each for each, of in zip(sound, left_out, strict=True) if of == part]
        there = [each for each, of in zip(others, alarms, strict=True) if of == part]
        found += sum(score(each, weights, frames) >= threshold for each in here)
        wrong += sum(score(each, weights, frames) >= threshold for each in there)
    counted = [sum(of is not None for of in ofs) for ofs in (left_out, alarms)]
    return Checked(found=found, left_out=counted[0], false_alarms=wrong, others=counted[1])


def _parts(count: int, parts: int) -> list[int | None]:
    """Return the part of each recording; a single one is in none, and always learnt from."""
    return [None] if count == 1 else [number % parts for number in range(count)]
