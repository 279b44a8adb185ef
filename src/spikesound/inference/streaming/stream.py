"""A detector at work on sound that comes in pieces: scores frame by frame, events as they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.features.front_end import FrameStream
from spikesound.inference.streaming.compiled import Compiled
from spikesound.models.detector_spec import DetectorSpec
from spikesound.models.networks.detector import Detector
from spikesound.tasks.detection.decision import Event, StreamingEvents
from spikesound.tasks.detection.median_filter import StreamingMedian

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """What a stream gives for one frame.

    Attributes
    ----------
    at_s : the frame's middle, from the start of the stream
    scores : probabilities (class,), after the median filter
    opened, closed : events that begin with this frame, of which the offset is not yet known, and
        those that ended before it
    """

    at_s: float
    scores: Floats
    opened: list[Event]
    closed: list[Event]


class Stream:
    """Hears samples in pieces of any size. The result is the same whatever the pieces.

    Each frame goes through the network by itself, with the state that the frame before left, so
    that memory and time per frame stay the same for ever. A frame is given out when the median
    filter has heard half its length beyond it.

    Parameters
    ----------
    spec, network : of a trained detector; its compiled form may stand in the network's place

    Raises
    ------
    SpikesoundError
        If the detector has no thresholds, or its features cannot be computed frame by frame.
    """

    def __init__(self, spec: DetectorSpec, network: Detector | Compiled) -> None:
        if spec.decision is None:
            raise SpikesoundError(f"{spec.model}: no thresholds have been chosen for it")
        self.spec, self.network = spec, network.eval()
        self._frames = FrameStream(spec.front_end)
        self._state: Any = network.rest(1)
        self._median = StreamingMedian(spec.decision.medians)
        self._events = StreamingEvents(
            spec.decision.thresholds, labels=spec.classes, hop_s=spec.front_end.hop_s
        )
        self._given = 0
        self._last: Heard
        self._samples = 0
        self.spike_rate = 0.0
        """Spikes per neuron in the last frame."""

    def feed(self, samples: Floats) -> list[Heard]:
        """Take the next samples (mono, in full scale, at the front end's rate)."""
        self._samples += len(samples)
        return list(self._heard(self._frames.feed(samples)))

    def finish(self) -> list[Heard]:
        """End the stream: the frames still waited for, and the events that go on to the end.

        Where no frame is left and an event goes on, the last frame comes again, with its end.
        """
        if not self._samples:
            return []
        heard = list(self._heard(self._frames.finish()))
        heard += [self._out(scores) for scores in self._median.flush()]
        last = self._events.finish(self._samples / self.spec.front_end.rate_hz)
        if last and not heard:
            heard = [Heard(self._last.at_s, self._last.scores, [], [])]
        if last:
            heard[-1].closed.extend(last)
        return heard

    def _heard(self, frames: list[Floats]) -> Iterator[Heard]:
        for frame in frames:
            for scores in self._median.feed(self._scores(frame)):
                yield self._out(scores)

    def _scores(self, frame: Floats) -> Floats:
        spikes: list[torch.Tensor] = []
        with torch.inference_mode():
            logits, self._state = self.network.advance(
                torch.from_numpy(frame)[None, None], self._state, spikes
            )
        neurons = sum(layer.numel() for layer in spikes)
        self.spike_rate = sum(layer.sum().item() for layer in spikes) / max(1, neurons)
        scores: Floats = torch.sigmoid(logits[0, 0]).numpy()
        return scores

    def _out(self, scores: Floats) -> Heard:
        changes = self._events.feed(scores)
        at_s = self._given * self.spec.front_end.hop_s
        self._given += 1
        self._last = Heard(at_s, scores, changes.opened, changes.closed)
        return self._last
