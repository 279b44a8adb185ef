"""The rules that are compared, each at its settings, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from spikesound.inference.learnt import delta, prototype
from spikesound.inference.learnt.activity import Activity
from spikesound.inference.learnt.check import Learn, boundary, left_out, potential

Floats = npt.NDArray[np.float32]
Boundary = Callable[[Floats, Floats], float]


@dataclass(frozen=True)
class Rule:
    """A rule and its settings: weights by name of the setting.

    Attributes
    ----------
    learn : by setting
    squares : the neuron has a synapse for the square of each activity, too, and known classes take
        no part; no network has such a read-out
    """

    learn: Mapping[str, Learn]
    squares: bool = False


def highest_other(sound: Floats, others: Floats) -> float:
    """The boundary that leaves out all other recordings taught with."""
    return float(others.max()) if len(others) else 0.0


BOUNDARIES: dict[str, Boundary] = {"youden": boundary, "highest other": highest_other}


def with_squares(activity: Activity) -> Activity:
    """Return an activity for a neuron with synapses of squares."""
    x = activity.rows
    rows = np.concatenate([x[:, :-1], np.square(x[:, :-1]), x[:, -1:]], 1)
    return replace(activity, rows=rows, known=np.zeros_like(activity.known))


def distance(sound: Sequence[Activity], others: Sequence[Activity]) -> Floats:
    """Return weights whose potential is the negative distance to the sound's mean activity.

    Squared and Euclidean, of activity over the others' deviation, synapse by synapse.
    """
    half = (sound[0].rows.shape[1] - 1) // 2
    rows = np.concatenate([each.rows for each in others])[:, :half]
    _, deviation = delta.spread(rows, np.full(len(rows), 1 / len(rows), np.float32))
    centre = np.mean([each.rows[each.active, :half].mean(0) for each in sound], 0)
    of_squares = -1 / np.square(deviation) / half
    parts = [-2 * of_squares * centre, of_squares, [of_squares @ np.square(centre)]]
    weights: Floats = np.concatenate(parts).astype(np.float32)
    return weights


def fitted(
    rule: Learn, sound: Sequence[Activity], others: Sequence[Activity], frames: int
) -> tuple[Floats, dict[str, float]]:
    """Return a row for a sound, and its boundaries, which recordings left out have set."""
    with_it, without = left_out(sound, others, (), frames=frames, rule=rule)
    weights = rule(sound, others)
    if not len(with_it):
        with_it = np.array([potential(each, weights, frames) for each in sound], np.float32)
    return weights, {name: of(with_it, without) for name, of in BOUNDARIES.items()}


RULES = {
    "delta": Rule(
        {
            f"share {part}": partial(delta.learn, rule=delta.DeltaRule(share=part))
            for part in (0.5, 0.2)
        }
    ),
    "prototype": Rule(
        {
            f"shrinkage {shrinkage}, scale {scale}": partial(
                prototype.learn, rule=prototype.Prototypes(shrinkage, scale)
            )
            for shrinkage in (1.0, 0.3)
            for scale in (10.0, 30.0)
        }
    ),
    "distance": Rule({"euclidean": distance}, squares=True),
}
"""Each rule at each of its settings; all of them with each boundary."""
