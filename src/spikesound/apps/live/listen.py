"""A detector on a source for as long as it lasts, with counts of what it gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spikesound.apps.live.source import Source
from spikesound.apps.live.traced import TracedChunk, TracedStream
from spikesound.tasks.detection.decision import Event

Floats = npt.NDArray[np.float32]


@dataclass
class State:
    """Counts and scores so far.

    Attributes
    ----------
    names : of the classes, in order
    spiking : whether the network spikes
    sound_s, busy_s : length of the sound, and the time that it took to compute
    scores : of the last frame whose scores are final (class,)
    active : which classes are at or above their thresholds in it (class,)
    rate : spikes per neuron and frame over the last second or so
    rate_sum, frames : spike rates of all frames, summed; and their number
    events : how many ended, by class
    dropped : blocks that the source lost
    """

    names: list[str]
    spiking: bool
    scores: Floats
    active: npt.NDArray[np.bool_]
    sound_s: float = 0.0
    busy_s: float = 0.0
    rate: float = 0.0
    rate_sum: float = 0.0
    frames: int = 0
    events: Counter[str] = field(default_factory=Counter)
    dropped: int = 0

    @property
    def real_time_factor(self) -> float:
        """Time to compute a second of sound, in seconds; below 1 it keeps up."""
        return self.busy_s / self.sound_s if self.sound_s else 0.0

    @property
    def mean_rate(self) -> float:
        """Spikes per neuron and frame, over all frames."""
        return self.rate_sum / max(1, self.frames)


Shown = Callable[[State, list[Event]], None]
"""Shows the state after each block, with the events that ended in it."""


def listen(source: Source, stream: TracedStream, show: Shown) -> State:
    """Feed a source to a detector until it ends or is interrupted (Ctrl-C), and count.

    Memory does not grow with the length of the sound. The events that go on at the end are ended
    and shown like the others, also after an interruption.
    """
    spec = stream.model.spec
    none = np.zeros(len(spec.classes), np.float32)
    state = State(spec.names, stream.spikes, none, none.astype(bool))

    def follow(chunk: TracedChunk) -> None:
        _update(state, chunk, stream, source)
        state.events.update(event.label for event in chunk.ended)
        show(state, chunk.ended)

    try:
        for block in source.blocks():
            follow(stream.feed(block))
    except KeyboardInterrupt:
        pass
    follow(stream.finish())
    return state


def _update(state: State, chunk: TracedChunk, stream: TracedStream, source: Source) -> None:
    state.sound_s, state.busy_s = stream.sound_s, stream.busy_s
    state.dropped = source.dropped
    for frame in chunk.traced:
        state.rate += 0.05 * (frame.rate - state.rate)
        state.rate_sum += frame.rate
        state.frames += 1
    if chunk.results:
        state.scores = chunk.results[-1].scores
        state.active = state.scores >= stream.thresholds
