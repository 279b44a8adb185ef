"""The predictions for one sound, as annotation files hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spikesound.tasks.detection.decision import Event


@dataclass(frozen=True)
class Labelled:
    """The predictions of a model for one sound.

    Attributes
    ----------
    file : the sound's name
    seconds : its length
    model : its name
    events : by onset; their labels are display names
    probabilities : by label
    high_hz : upper edge of the model's frequency range, and of the sound's
    """

    file: str
    seconds: float
    model: str
    high_hz: float
    events: Sequence[Event] = ()
    probabilities: Mapping[str, float] = field(default_factory=dict)


def one_line(text: str) -> str:
    """Return a label as a tab-separated file can hold it: tabs and line breaks become spaces."""
    return re.sub(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+", " ", text).replace("\0", "")
