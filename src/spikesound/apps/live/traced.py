"""A detector on sound of any rate, with the features and spikes of each frame."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.audio.resampling import Resampler
from spikesound.inference.backends import AUTO
from spikesound.inference.streaming.stream import FrameResult, Stream
from spikesound.models.layers import layers_of
from spikesound.models.loading import TrainedModel
from spikesound.tasks.detection.decision import Event

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TracedFrame:
    """A frame that the network has processed.

    Attributes
    ----------
    features : normalised to [0, 1] (bin,)
    spikes : of each spiking layer, from front to back (neuron,)
    potentials : likewise of the membranes, over their thresholds; empty where they are not traced
    """

    features: Floats
    spikes: list[Floats]
    potentials: list[Floats]

    @property
    def rate(self) -> float:
        """Share of the neurons that spike; 0 of a network without spiking neurons."""
        neurons = sum(len(layer) for layer in self.spikes)
        return float(sum(layer.sum() for layer in self.spikes)) / max(1, neurons)


@dataclass(frozen=True)
class TracedChunk:
    """The output for a chunk of sound.

    Attributes
    ----------
    traced : the frames that the network has processed
    results : of the frames whose filtered scores are now known, some frames behind ``traced``
    """

    traced: list[TracedFrame]
    results: list[FrameResult]

    @property
    def ended(self) -> list[Event]:
        """The events that ended in it."""
        return [event for result in self.results for event in result.closed]

    @property
    def ended_as(self) -> list[str]:
        """The labels under which they were opened."""
        return [label for result in self.results for label in result.closed_as]


class TracedStream:
    """A :class:`~spikesound.inference.streaming.stream.Stream` at any rate, its frames traced.

    Its input is the resampled sound. The labels of its events are the names of the classes.

    Parameters
    ----------
    model : a trained detector
    rate_hz : of the samples to come
    backend, membranes : see :class:`~spikesound.inference.streaming.stream.Stream`

    Raises
    ------
    SpikesoundError
        As the stream does.
    """

    def __init__(
        self, model: TrainedModel, rate_hz: int, *, backend: str = AUTO, membranes: bool = False
    ) -> None:
        self.model, self.rate_hz = model, rate_hz
        self.samples = 0
        self.busy_s = 0.0
        """Time spent on all of them."""
        spec = model.spec
        network: Any = model.network
        decision = spec.decision
        self.thresholds = np.asarray(decision.thresholds if decision else [], np.float64)
        self._traced: list[TracedFrame] = []
        self._spikes = any(layer.spiking for layer in layers_of(network))
        named = spec.model_copy(update={"classes": spec.names})
        self._stream = Stream(
            named,
            network,
            backend=backend,
            trace=self._trace,
            membranes=membranes,
            calibration=model.event_calibration,
        )
        self._resampler = Resampler(rate_hz, model.front_end.rate_hz)

    @property
    def spikes(self) -> bool:
        """Whether the network has spiking neurons."""
        return self._spikes

    @property
    def backend(self) -> str:
        """Name of the inference backend that runs."""
        return self._stream.backend

    @property
    def sound_s(self) -> float:
        """Length of the sound that was fed."""
        return self.samples / self.rate_hz

    def feed(self, samples: Floats) -> TracedChunk:
        """Take the next samples: mono, in full scale, at ``rate_hz``."""
        start = time.perf_counter()
        results = self._stream.feed_mono(self._resampler.feed(samples))
        self.samples += len(samples)
        return self._chunk(results, start)

    def finish(self) -> TracedChunk:
        """End the sound."""
        start = time.perf_counter()
        results = self._stream.feed_mono(self._resampler.finish())
        return self._chunk(results + self._stream.finish(), start)

    def _trace(self, features: Floats, spikes: list[Floats], potentials: list[Floats]) -> None:
        fired = [np.minimum(layer, 1) for layer in spikes]  # of several in a frame, too
        self._traced.append(TracedFrame(features, fired, potentials))

    def _chunk(self, results: list[FrameResult], start: float) -> TracedChunk:
        traced, self._traced = self._traced, []
        self.busy_s += time.perf_counter() - start
        return TracedChunk(traced, results)


def layer_sizes(model: TrainedModel) -> list[int]:
    """Return the number of neurons in each spiking layer of a detector, from front to back."""
    spikes: list[torch.Tensor] = []
    network: Any = model.network.eval()
    with torch.inference_mode():
        network.advance(torch.zeros(1, 1, model.spec.bins), network.rest(1), spikes)
    return [layer.numel() for layer in spikes]
