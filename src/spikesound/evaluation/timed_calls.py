"""Timed calls of a model: whole clips by each backend, frames of a stream, encoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.features.encoded import encode_clip
from spikesound.inference.backends import BACKENDS, DENSE, Score, Streaming, equal_backends
from spikesound.inference.backends import streaming as make_streaming
from spikesound.inference.recurrent_stream import RecurrentStream, recurrent_layer
from spikesound.models.spec import Spec

STRETCH = 20
"""Frames of a stream that are timed one by one, in the middle of a clip."""

AGREEMENT = 0.999
"""Share of the decisions on frames that a backend must share with the network itself.

One spike may differ where a potential lies within rounding of its threshold.
"""

Call = Callable[[int], object]
"""Called with the number of the round, of which the clip depends."""


@dataclass(frozen=True)
class Calls:
    """Timed calls of a model.

    Attributes
    ----------
    clips : by backend, scores of one clip
    frames : by backend, the frames of a stretch one by one, the state carried
    stretch : frames in it
    encode : from the features of one clip to spikes; None: the input is the features
    by_frame : whether its answers are those of frames, and so its time is that of a frame
    """

    clips: dict[str, Call]
    frames: dict[str, Call] = field(default_factory=dict)
    stretch: int = 1
    encode: Call | None = None
    by_frame: bool = False

    def named(self) -> dict[str, Call]:
        """Return all calls by name."""
        calls = {f"{backend} clip": call for backend, call in self.clips.items()}
        calls |= {f"{backend} frame": call for backend, call in self.frames.items()}
        return calls if self.encode is None else calls | {"encode": self.encode}

    def main(self, backend: str) -> tuple[str, Call]:
        """Return name and call of what the model is compared by, computed by a backend."""
        kind, calls = ("frame", self.frames) if self.by_frame else ("clip", self.clips)
        return f"{backend} {kind}", calls[backend]


def classifier_calls(
    spec: Spec,
    network: nn.Module,
    inputs: Sequence[torch.Tensor],
    features: Sequence[torch.Tensor],
) -> Calls:
    """Return the timed calls of a classifier.

    Backends are those that take the network's own decision on each clip. A unidirectional recurrent
    network is also timed frame by frame, all frames of a clip.

    Parameters
    ----------
    inputs : of the network, one clip each (step, 1, frame, bin)
    features : of the same clips (frame, bin) in [0, 1]
    """

    def scored(score: Score, number: int) -> object:
        return score(inputs[number % len(inputs)])

    def streamed(number: int) -> None:
        stream = RecurrentStream(network)
        for frame in inputs[number % len(inputs)][0].unbind(1):
            stream.step(frame)

    clips: dict[str, Call] = {
        name: partial(scored, score) for name, score in equal_backends(network, inputs).items()
    }
    streams = recurrent_layer(network) is not None
    return Calls(
        clips,
        {DENSE: streamed} if streams else {},
        inputs[0].shape[2],
        _encoding(spec, features),
    )


def detector_calls(
    spec: Spec,
    network: nn.Module,
    inputs: Sequence[torch.Tensor],
    features: Sequence[torch.Tensor],
) -> Calls:
    """Return the timed calls of a detector: a stretch of frames in mid-clip, and whole clips.

    Backends are those that share nearly all (:data:`AGREEMENT`) of the network's own decisions on
    frames. Parameters are as of :func:`classifier_calls`.
    """
    frames = [clip[0].transpose(0, 1) for clip in inputs]  # (frame, 1, bin)
    stretch = min(STRETCH, len(frames[0]))
    first = (len(frames[0]) - stretch) // 2
    assert spec.decision is not None
    thresholds = torch.tensor(spec.decision.thresholds, dtype=torch.float64)

    def decided(backend: Streaming) -> torch.Tensor:
        logits = torch.cat([backend.advance(clip, backend.rest())[0] for clip in frames])
        return logits.double().sigmoid() >= thresholds

    def whole(backend: Streaming, number: int) -> object:
        return backend.advance(frames[number % len(frames)], backend.rest())

    calls = Calls({}, {}, stretch, by_frame=True)
    with torch.inference_mode():
        wanted: torch.Tensor | None = None
        for name in (DENSE, *(name for name in BACKENDS if name != DENSE)):
            try:
                backend = make_streaming(network, name)[1]  # type: ignore[arg-type]
            except SpikesoundError:  # not a backend for this kind of network
                continue
            active = decided(backend)
            wanted = active if wanted is None else wanted
            if float((active == wanted).double().mean()) >= AGREEMENT:
                calls.clips[name] = partial(whole, backend)
                calls.frames[name] = _stretch_of(backend, frames, first, stretch)
    return calls


CALLS: Mapping[
    str, Callable[[Spec, nn.Module, Sequence[torch.Tensor], Sequence[torch.Tensor]], Calls]
] = {"classification": classifier_calls, "detection": detector_calls}
"""By task."""


def once(
    spec: Spec, network: nn.Module, clip: NDArray[np.float32], backend: str
) -> Callable[[], object]:
    """Return the scoring of one clip by a backend; a detector's frame by frame, of a stretch.

    Parameters
    ----------
    clip : (step, 1, frame, bin)
    """
    x = torch.from_numpy(clip)
    if spec.task == "classification":
        score = BACKENDS[backend].clips(network)
        return lambda: score(x)
    made = make_streaming(network, backend)[1]  # type: ignore[arg-type]
    frames = x[0].transpose(0, 1)
    call = _stretch_of(made, [frames], 0, min(STRETCH, len(frames)))
    return lambda: call(0)


def _stretch_of(backend: Streaming, clips: Sequence[torch.Tensor], first: int, count: int) -> Call:
    """Return the call that takes ``count`` frames one by one, in the state after those before."""
    states = [
        backend.advance(clip[:first], backend.rest())[1] if first else backend.rest()
        for clip in clips
    ]
    pieces = [torch.split(clip[first : first + count], 1) for clip in clips]

    def stream(number: int) -> None:
        state = states[number % len(states)]
        for frame in pieces[number % len(pieces)]:
            _, state = backend.advance(frame, state)

    return stream


def _encoding(spec: Spec, features: Sequence[torch.Tensor]) -> Call | None:
    section = spec.encoding_section()
    if section is None:
        return None
    kind = str(spec.encoding)

    def encode(number: int) -> torch.Tensor:
        clip = number % len(features)
        return encode_clip(features[clip], kind, section, seed=spec.seed, clip=str(clip))

    return encode
