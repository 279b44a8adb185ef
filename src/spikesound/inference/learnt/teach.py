"""Teaching of one sound to a model that may have learnt others before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikesound.core.errors import SpikesoundError
from spikesound.inference.learnt.activity import Activity
from spikesound.inference.learnt.check import Checked, Learn, boundary, checked, left_out, potential
from spikesound.inference.learnt.file import Recording, Sound, Taught
from spikesound.inference.learnt.prototype import learn
from spikesound.models.loading import TrainedModel

Floats = npt.NDArray[np.float32]


def teach(
    model: TrainedModel,
    name: str,
    recordings: Sequence[tuple[Recording, Activity]],
    others: Sequence[Activity],
    before: Sequence[Taught],
) -> Taught:
    """Return a sound that a model learns from recordings, and how well it does.

    The sounds that it has learnt before stay as they are, and are other sounds to this one.

    Parameters
    ----------
    recordings : with the sound, at least one
    others : recordings without it, at least one
    before : the sounds that the model has learnt, without this one

    Raises
    ------
    SpikesoundError
        If there are no recordings without it.
    """
    if not others:
        raise SpikesoundError(
            "no recordings of other sounds, from which to tell the new one: give some by --not, "
            "such as minutes of the background of the place where the model will be used"
        )
    sound = [against(activity, model, before) for _, activity in recordings]
    without = [against(activity, model, before) for activity in others]
    learnt = [against(activity, model, before) for each in before for activity in active_rows(each)]
    frames = median_frames(model)
    weights, result = fit(sound, without, learnt, frames=frames)
    return Taught(
        Sound(
            name=name,
            median=frames or 1,
            recordings=[recording for recording, _ in recordings],
            checked=result,
        ),
        weights,
        [activity for _, activity in recordings],
    )


def fit(
    sound: Sequence[Activity],
    others: Sequence[Activity],
    background: Sequence[Activity] = (),
    *,
    frames: int,
    rule: Learn = learn,
) -> tuple[Floats, Checked]:
    """Return the weights (synapse,) of a sound, whose boundary is at potential 0, and their check.

    The boundary is set by the potentials of recordings that were left out; of a single recording of
    the sound by its own. Parameters as of :func:`.check.left_out`.
    """
    with_it, without = left_out(sound, others, background, frames=frames, rule=rule)
    weights = rule(sound, [*others, *background])
    own = np.array([potential(each, weights, frames) for each in sound], np.float32)
    shifted = weights.copy()
    shifted[-1] -= boundary(with_it if len(with_it) else own, without)
    return shifted, checked(with_it, without)


def median_frames(model: TrainedModel) -> int:
    """Return the length of a detector's median filter for a learnt sound: the median of those of
    its classes; 0 of a classifier."""
    decision = model.spec.decision
    if not model.detects or decision is None:
        return 0
    return sorted(decision.medians)[len(decision.medians) // 2]


def active_rows(taught: Taught) -> list[Activity]:
    """Return the rows of a sound's recordings in which it sounds."""
    return [
        Activity(each.rows[each.active], each.known[each.active], each.active[each.active])
        for each in taught.examples
    ]


def against(activity: Activity, model: TrainedModel, taught: Sequence[Taught]) -> Activity:
    """Return the activity with learnt sounds among the classes that are set against a new one."""
    if model.detects or model.spec.labels != "single" or not taught:
        return activity
    known = activity.known
    for each in taught:
        known = np.logaddexp(known, activity.rows @ each.weights)
    return replace(activity, known=known.astype(np.float32))
