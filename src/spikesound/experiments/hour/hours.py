"""Hours of sound as detectors and gates take them, in the order in which frames come.

What a detector with a look-ahead of d frames puts out with frame t is of frame t - d. Gates, and
what runs behind them, go by the frames that come; quality goes by the frames that the output is of,
which :meth:`Hours.of_frames` returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from spikesound.core.progress import track
from spikesound.core.schema import EVENTS
from spikesound.data.scenes.material import Material
from spikesound.experiments.hour.compose import hour
from spikesound.experiments.hour.gates import above_floor_db, levels_db
from spikesound.features.front_end import FrontEnd
from spikesound.params import ScenesParams
from spikesound.params.hour import HourParams
from spikesound.tasks.detection.decision import Event
from spikesound.tasks.detection.metrics.truth import true_events

Frames = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Hours:
    """Minutes of sound.

    Attributes
    ----------
    names : of the minutes
    inputs : features (minute, frame + look-ahead, bin) in [0, 1]; the last frame is repeated
    above_db : level above the floor, which follows the sound of each hour (minute, frame +
        look-ahead)
    events : true ones of each minute
    seconds_each : length of a minute
    labels : ids of the classes
    lookahead : frames by which a detector's output comes after the frame that it is of
    """

    names: list[str]
    inputs: Frames
    above_db: Frames
    events: list[list[Event]]
    seconds_each: float
    labels: list[str]
    lookahead: int = 0

    def of_frames(self, scores: Frames) -> Frames:
        """Return a detector's output (minute, frame + look-ahead, class) by the frames it is of."""
        return scores[:, self.lookahead :]

    @property
    def table(self) -> pd.DataFrame:
        """The table EVENTS of the minutes."""
        rows = [
            (name, event.label, event.onset_s, event.offset_s)
            for name, events in zip(self.names, self.events, strict=True)
            for event in events
        ]
        return pd.DataFrame(rows, columns=EVENTS.names)

    @property
    def truth(self) -> dict[str, list[Event]]:
        """True events by minute, those of one class that touch as one."""
        return true_events(self.table, self.seconds, self.labels)

    @property
    def seconds(self) -> dict[str, float]:
        """Length of each minute by its name."""
        return dict.fromkeys(self.names, self.seconds_each)

    @property
    def event_share(self) -> float:
        """Share of the time in which an event sounds."""
        sounding = sum(each.offset_s - each.onset_s for events in self.events for each in events)
        return sounding / (self.seconds_each * len(self.names))


def mixed_hours(
    material: Material,
    scenes: ScenesParams,
    settings: HourParams,
    front_end: FrontEnd,
    labels: list[str],
    *,
    share: float,
    hours: int,
    lookahead: int,
) -> Hours:
    """Mix hours of a fold's recordings, and compute what detectors and gates take.

    Parameters
    ----------
    scenes : how events and backgrounds are drawn, at the front end's rate
    lookahead : of the detectors, in frames
    """
    names: list[str] = []
    inputs: list[Frames] = []
    above: list[Frames] = []
    events: list[list[Event]] = []
    rise_db = settings.energy_gate.rise_db_per_s * front_end.hop_s
    for number in track(range(hours), total=hours, what=f"mix, {share:.0%} events", unit="hour"):
        levels = []
        for minute in hour(
            material, scenes, share=share, minute_s=settings.minute_s, number=number
        ):
            names.append(minute.name)
            inputs.append(front_end.whole(minute.samples))
            levels.append(levels_db(minute.samples, front_end.features))
            events.append(minute.events)
        above.append(above_floor_db(np.concatenate(levels), rise_db).reshape(len(levels), -1))
    stacked = (_extended(np.stack(inputs), lookahead), _extended(np.concatenate(above), lookahead))
    return Hours(names, *stacked, events, settings.minute_s, labels, lookahead)


def _extended(minutes: Frames, lookahead: int) -> Frames:
    """Return minutes (minute, frame, ...) with their last frames repeated."""
    widths = [(0, 0), (0, lookahead), *[(0, 0)] * (minutes.ndim - 2)]
    extended: Frames = np.pad(minutes, widths, mode="edge")
    return extended
