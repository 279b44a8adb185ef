"""The true events of each clip, checked, in the form that the metrics take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.tasks.detection.decision import Event

EventsOfClips = Mapping[str, Sequence[Event]]

# Annotation tools round to milliseconds or microseconds; less than that is no pause.
_TOUCHING_S = 1e-6


def true_events(
    events: pd.DataFrame, seconds: Mapping[str, float], labels: Sequence[str]
) -> dict[str, list[Event]]:
    """Return the true events of each clip, those of one class that touch or overlap as one.

    Frames say whether a class sounds, not how often at once; and the intersections of PSDS are
    defined on events of a class that do not overlap. Two that do are therefore one event.

    Parameters
    ----------
    events
        The EVENTS table; clips without events are absent.
    seconds
        Length of each clip; a clip not named here is an error.
    labels
        Label ids in class order.

    Returns
    -------
    dict
        An entry for each clip, sorted by class order and onset.

    Raises
    ------
    SpikesoundError
        If an event is of an unknown clip or label, or is not within its clip.
    """
    order = {label: column for column, label in enumerate(labels)}
    found: dict[str, list[Event]] = {clip: [] for clip in seconds}
    rows = events[["clip_id", "label", "onset_s", "offset_s"]].itertuples(index=False, name=None)
    for clip, label, onset, offset in rows:
        if clip not in found:
            raise SpikesoundError(f"events: clip {clip!r} is not among the {len(found)} scored")
        if label not in order:
            raise unknown(f"label (event of clip {clip})", label, labels)
        if not 0 <= onset < offset <= seconds[clip] + _TOUCHING_S:
            raise SpikesoundError(
                f"events: {label} of clip {clip!r} from {onset} to {offset} s is not within "
                f"its {seconds[clip]:g} s"
            )
        found[clip].append(Event(label, float(onset), min(float(offset), seconds[clip])))
    return {
        clip: _joined(sorted(of_clip, key=lambda event: (order[event.label], event.onset_s)))
        for clip, of_clip in found.items()
    }


def _joined(events: Sequence[Event]) -> list[Event]:
    joined: list[Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.label == event.label
            and event.onset_s <= last.offset_s + _TOUCHING_S
        ):
            joined[-1] = last._replace(offset_s=max(last.offset_s, event.offset_s))
        else:
            joined.append(event)
    return joined


def check_scores(
    scores: Mapping[str, NDArray[np.float32]], seconds: Mapping[str, float], labels: Sequence[str]
) -> None:
    """Check that there are probabilities of all classes for each clip.

    Raises
    ------
    SpikesoundError
        If clips have scores but no length or the reverse, or scores are not of shape
        (frame, class) or not within [0, 1]; the message names the clip.
    """
    if not scores:
        raise SpikesoundError("scores: no clip, so there is nothing to evaluate")
    lone = sorted(set(scores) ^ set(seconds))
    if lone:
        lacks = "length" if lone[0] in scores else "scores"
        raise SpikesoundError(f"scores: no {lacks} of clip {lone[0]!r} ({len(lone)} such clips)")
    for clip, of_clip in scores.items():
        if of_clip.ndim != 2 or of_clip.shape[1] != len(labels) or not len(of_clip):
            raise SpikesoundError(
                f"scores: shape {of_clip.shape} of clip {clip!r} is not (frame, {len(labels)})"
            )
        if not ((of_clip >= 0) & (of_clip <= 1)).all():
            raise SpikesoundError(f"scores: clip {clip!r} has values that are not within 0 and 1")
