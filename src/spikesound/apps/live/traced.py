"""A detector fed with sound of any rate, and what it does inside, for eyes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from spikesound.audio.resampling import Resampler
from spikesound.inference.streaming.stream import Heard, Stream
from spikesound.models.detector_spec import DetectorSpec
from spikesound.models.networks.detector import Detector
from spikesound.tasks.detection.decision import Event

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """What one frame was, and what it set off.

    Attributes
    ----------
    features : normalised to [0, 1] (bin,)
    spikes : of each spiking layer, from front to back (neuron,)
    """

    features: Floats
    spikes: list[Floats]

    @property
    def rate(self) -> float:
        """Spikes per neuron; 0 of a network without spiking neurons."""
        neurons = sum(len(layer) for layer in self.spikes)
        return float(sum(layer.sum() for layer in self.spikes)) / max(1, neurons)


@dataclass(frozen=True)
class Moment:
    """What a piece of sound gave.

    Attributes
    ----------
    seen : the frames that went through the network
    heard : the frames whose filtered scores are now known; some frames behind ``seen``
    """

    seen: list[Seen]
    heard: list[Heard]

    @property
    def ended(self) -> list[Event]:
        """The events that ended in it."""
        return [event for heard in self.heard for event in heard.closed]


class WatchedStream:
    """A :class:`~spikesound.inference.streaming.stream.Stream` for sound of a rate, with its frames seen.

    What it hears is what a stream hears that is given the whole sound, resampled, at once. The
    labels of its events are the classes' names.

    Parameters
    ----------
    spec, network : of a trained detector
    rate_hz : of the samples to come

    Raises
    ------
    SpikesoundError
        As the stream does.
    """

    def __init__(self, spec: DetectorSpec, network: Detector, rate_hz: int) -> None:
        self.spec, self.rate_hz = spec, rate_hz
        self.samples = 0
        self.busy_s = 0.0
        """Time spent on all of them."""
        decision = spec.decision
        self.thresholds = np.asarray(decision.thresholds if decision else [], np.float64)
        self._watched = _Watched(network)
        # A stream asks three things of its network, all of which the watched one answers.
        named = spec.model_copy(update={"classes": spec.names})
        self._stream = Stream(named, cast(Detector, self._watched))
        self._resampler = Resampler(rate_hz, spec.front_end.rate_hz)

    @property
    def spikes(self) -> bool:
        """Whether the network has spiking neurons."""
        return self.spec.neuron is not None or self.spec.recurrent is not None

    @property
    def sound_s(self) -> float:
        """Length of the sound that was fed."""
        return self.samples / self.rate_hz

    def feed(self, samples: Floats) -> Moment:
        """Take the next samples: mono, in full scale, at ``rate_hz``."""
        start = time.perf_counter()
        heard = self._stream.feed(self._resampler.feed(samples))
        self.samples += len(samples)
        return self._moment(heard, start)

    def finish(self) -> Moment:
        """End the sound."""
        start = time.perf_counter()
        heard = self._stream.feed(self._resampler.finish())
        return self._moment(heard + self._stream.finish(), start)

    def _moment(self, heard: list[Heard], start: float) -> Moment:
        seen, self._watched.seen = self._watched.seen, []
        self.busy_s += time.perf_counter() - start
        return Moment(seen, heard)


def layer_sizes(spec: DetectorSpec, network: Detector) -> list[int]:
    """Return the number of neurons in each spiking layer, from front to back."""
    watched = _Watched(network.eval())
    with torch.inference_mode():
        watched.advance(torch.zeros(1, 1, spec.bins), network.rest(1))
    return [len(layer) for layer in watched.seen[0].spikes]


class _Watched:
    """A network that keeps what its frames were and set off, for one stream of batch 1."""

    def __init__(self, network: Detector) -> None:
        self._network = network
        self.seen: list[Seen] = []

    def eval(self) -> _Watched:
        self._network.eval()
        return self

    def rest(self, batch: int) -> Any:
        return self._network.rest(batch)

    def advance(
        self, x: torch.Tensor, state: Any, spikes: list[torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, Any]:
        layers: list[torch.Tensor] = []
        found = self._network.advance(x, state, layers)
        self.seen.append(Seen(x[0, 0].numpy(), [layer[0, 0].flatten().numpy() for layer in layers]))
        if spikes is not None:
            spikes.extend(layers)
        return found
