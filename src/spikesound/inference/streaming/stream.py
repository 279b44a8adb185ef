"""A detector on sound in chunks: scores frame by frame, events as they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.audio.samples import array_of, mono
from spikesound.core.errors import SpikesoundError
from spikesound.features.front_end import FrameStream
from spikesound.inference.backends import AUTO, DENSE, streaming
from spikesound.inference.streaming.event_driven import EventDriven
from spikesound.models.calibration import EventCalibration
from spikesound.models.networks.detector import Detector
from spikesound.models.spec import Spec
from spikesound.tasks.detection.decision import Event, StreamingEvents
from spikesound.tasks.detection.median_filter import StreamingMedian

Floats = npt.NDArray[np.float32]
Trace = Callable[[Floats, list[Floats], list[Floats]], None]
"""Takes a frame's features (bin,); each spiking layer's spikes (neuron,), front to back; and the
potentials likewise, where they are wanted and the backend has them."""


@dataclass(frozen=True)
class FrameResult:
    """The output of a stream for one frame.

    Attributes
    ----------
    at_s : the frame's middle, from the start of the stream
    scores : probabilities (class,), after the median filter
    opened, closed : events that begin with this frame, of which the offset is not yet known, and
        those that ended before it; of a calibrated detector an event of none of the classes ends
        as ``none of these``
    closed_as : labels under which the events in ``closed`` were opened
    """

    at_s: float
    scores: Floats
    opened: list[Event]
    closed: list[Event]
    closed_as: list[str] = field(default_factory=list)


class Stream:
    """Processes samples in chunks of any size. The result does not depend on the chunks.

    The network's state is carried from frame to frame, so that memory and time per frame stay the
    same. A frame's result is given when the network has had the frames of its look-ahead, and the
    median filter has seen half its length beyond it.

    Parameters
    ----------
    spec, network : of a trained detector
    backend : of :data:`spikesound.inference.backends.BACKENDS`; ``auto``: the compiled one for the
        network, or ``dense`` where there is none
    trace : is called with each frame that went through the network
    membranes : it gets the membrane potentials, too, if the backend is ``event_driven``
    calibration : of the events that end; None: their scores stay as they are, and none is refused

    Attributes
    ----------
    backend : the name of the one that runs

    Raises
    ------
    SpikesoundError
        If the detector has no thresholds, its features cannot be computed frame by frame, or the
        backend is not known or cannot compute this network.
    """

    def __init__(
        self,
        spec: Spec,
        network: Detector,
        *,
        backend: str = AUTO,
        trace: Trace | None = None,
        membranes: bool = False,
        calibration: EventCalibration | None = None,
    ) -> None:
        if spec.decision is None:
            raise SpikesoundError(f"{spec.model}: a detector without tuned thresholds")
        self.spec = spec
        self._frames = FrameStream(spec.sound)
        self.backend, self._network = streaming(network, backend)
        self._trace = trace
        self._potentials: Callable[[Any], list[Floats]] | None = None
        if membranes and isinstance(self._network, EventDriven):
            self._potentials = self._network.potentials
        self._state: Any = self._network.rest(1)
        self._lookahead = self._early = spec.decision.lookahead
        self._median = StreamingMedian(spec.decision.medians)
        self._events = StreamingEvents(
            spec.decision.thresholds, labels=spec.classes, hop_s=spec.sound.hop_s
        )
        self._calibration = calibration
        self._columns = {label: column for column, label in enumerate(spec.classes)}
        self._results = 0
        self._last: FrameResult
        self._frame: Floats
        self._samples = 0

    def feed(self, samples: npt.ArrayLike) -> list[FrameResult]:
        """Take the next samples, at the front end's rate, as programs hold them.

        Parameters
        ----------
        samples : see :func:`spikesound.audio.samples.mono`; none at all is no error

        Raises
        ------
        SpikesoundError
            If they are of another shape or type, or not numbers. They are not taken then.
        """
        samples = array_of(samples)
        return self.feed_mono(mono(samples)) if samples.size else []

    def feed_mono(self, samples: Floats) -> list[FrameResult]:
        """Take the next samples as they are: mono, of full scale 1, not checked."""
        self._samples += len(samples)
        return list(self._process(self._frames.feed(samples)))

    @property
    def sound_s(self) -> float:
        """Length of the sound so far, in seconds."""
        return self._samples / self.spec.sound.rate_hz

    def finish(self) -> list[FrameResult]:
        """End the stream: the frames still waited for, and the events that go on to the end.

        Where no frame is left and an event goes on, the last frame comes again, with its end.
        """
        if not self._samples:
            return []
        results = list(self._process(self._frames.finish()))
        results += self._process([self._frame] * self._lookahead, traced=False)
        results += [self._result(scores) for scores in self._median.flush()]
        last = self._events.finish(self.sound_s)
        if last and not results:
            results = [FrameResult(self._last.at_s, self._last.scores, [], [])]
        if last:
            results[-1].closed.extend(self._answered(last))
            results[-1].closed_as.extend(event.label for event in last)
        return results

    def _process(self, frames: list[Floats], *, traced: bool = True) -> Iterator[FrameResult]:
        # Torch's sums depend on how many frames come at once; those of the kernels do not. The
        # potentials are those after the last frame of a call.
        alone = self.backend == DENSE or self._potentials is not None
        size = 1 if alone else max(1, len(frames))
        for start in range(0, len(frames), size):
            self._frame = frames[min(start + size, len(frames)) - 1]
            found = self._scores(np.stack(frames[start : start + size]), traced=traced)
            early, self._early = self._early, max(0, self._early - len(found))
            for scores in found[early:]:
                for filtered in self._median.feed(scores):
                    yield self._result(filtered)

    def _scores(self, frames: Floats, *, traced: bool) -> list[Floats]:
        """Return the probabilities (class,) that come with each of the frames (frame, bin)."""
        trace = self._trace if traced else None
        spikes: list[torch.Tensor] | None = None if trace is None else []
        with torch.inference_mode():
            logits, self._state = self._network.advance(
                torch.from_numpy(frames)[:, None], self._state, spikes
            )
            # Frame by frame: in one call the last bit would depend on how many frames there are.
            scores = [torch.sigmoid(frame).numpy() for frame in logits[:, 0]]
        if trace is not None and spikes is not None:
            layers = [layer[:, 0].flatten(1).numpy() for layer in spikes]
            potentials = self._potentials(self._state) if self._potentials else []
            for number, frame in enumerate(frames):
                trace(frame, [layer[number] for layer in layers], potentials)
        return scores

    def _result(self, scores: Floats) -> FrameResult:
        changes = self._events.feed(scores)
        at_s = self._results * self.spec.sound.hop_s
        self._results += 1
        closed = self._answered(changes.closed)
        opened_as = [event.label for event in changes.closed]
        self._last = FrameResult(at_s, scores, changes.opened, closed, opened_as)
        return self._last

    def _answered(self, closed: list[Event]) -> list[Event]:
        """Return events with their calibrated scores; those of no class have its label."""
        if self._calibration is None:
            return closed
        return [
            Event(label, event.onset_s, event.offset_s, score)
            for event in closed
            for label, score in [
                self._calibration.answer(self._columns[event.label], event.label, event.score)
            ]
        ]
