"""Trained models for programs: load, predict, detect, stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from spikesound.audio.reading import blocks
from spikesound.audio.resampling import fit_length, resample
from spikesound.audio.samples import mono
from spikesound.core.errors import SpikesoundError
from spikesound.inference.backends import AUTO, check_backend
from spikesound.inference.streaming.stream import FrameResult, Stream
from spikesound.models import loading
from spikesound.models.loading import TrainedModel
from spikesound.tasks.detection.decision import Event

__all__ = ["Event", "FrameResult", "Model", "Prediction", "SpikesoundError", "Stream", "load"]

WINDOW_S = 10.0
"""Length of a classifier's windows, if it was not trained on clips of one length."""

Floats = npt.NDArray[np.float32]
Sound = str | Path | IO[bytes] | npt.NDArray[Any]
"""A file, a stream of a file's bytes, or samples, (sample,) or (sample, channel)."""


@dataclass(frozen=True)
class Prediction:
    """The output of a model for one sound.

    Attributes
    ----------
    seconds : length of the sound
    probabilities : by label, in the model's order
    events : by onset; None of a classifier, which gives no times
    """

    seconds: float
    probabilities: dict[str, float]
    events: list[Event] | None


class Model:
    """A trained detector or classifier; see :func:`load`.

    Attributes
    ----------
    name : of the model, as in the tables of results
    labels : display names of the classes, in the order of every array of scores
    rate_hz : sampling rate of its input; other sound is resampled
    high_hz : upper edge of its frequency range
    detects : whether it gives onsets and offsets of sound events
    trained : its network and spec
    """

    def __init__(self, trained: TrainedModel) -> None:
        self.trained = trained
        self.name: str = trained.name
        self.labels: list[str] = list(trained.labels)
        self.rate_hz: int = trained.front_end.rate_hz
        self.high_hz: float = trained.front_end.features.high_hz
        self.detects: bool = trained.detects

    def predict(self, sound: Sound, rate_hz: int | None = None) -> dict[str, float]:
        """Return the probability of each label anywhere in the sound.

        Of a detector it is the highest after its median filter: at or above the label's threshold
        exactly if :meth:`detect` finds an event. Of a classifier it is the mean over windows of
        the length of the clips that it was trained on, each half a window after the one before.
        The last window ends where the sound ends, unless less than a hundredth of it would be new;
        a sound shorter than a window is padded with zeros.

        Parameters
        ----------
        sound : anything that ffmpeg reads, of any length; or samples, integers of their type's
            full scale or floats of full scale 1
        rate_hz : sampling rate of samples; None with a file

        Raises
        ------
        SpikesoundError
            If the sound is missing, damaged or empty; ``rate_hz`` is missing, or given with a file.
        """
        return self.process(sound, rate_hz).probabilities

    def detect(
        self, sound: Sound, rate_hz: int | None = None, *, backend: str = AUTO
    ) -> list[Event]:
        """Return the events in the sound, by onset: what :meth:`stream` gives for the same samples.

        Parameters and errors as of :meth:`predict`; ``backend`` as of :meth:`stream`.

        Raises
        ------
        SpikesoundError
            If the model is a classifier.
        """
        stream = self.stream(backend=backend)
        return self._streamed(_samples(sound, rate_hz, self.rate_hz), stream).events or []

    def stream(self, *, backend: str = AUTO) -> Stream:
        """Return a new stream, which takes samples as they come, in chunks of any size.

        Parameters
        ----------
        backend : how the network is computed: ``event_driven`` (compiled, for spiking networks),
            ``compiled`` (for conventional ones), ``dense`` (torch, for all), or ``auto``: the
            compiled one that there is for the network, else ``dense``. Events are the same, and
            scores within rounding: :mod:`spikesound.inference.backends`.

        Raises
        ------
        SpikesoundError
            If the model is a classifier; if there is no such backend, or it cannot compute this
            network.
        """
        check_backend(backend)
        if not self.detects:
            raise SpikesoundError(
                f"{self.name}: expected a detector, got a classifier, which gives no times; "
                "use predict"
            )
        named = self.trained.spec.model_copy(update={"classes": self.labels})
        network: Any = self.trained.network
        return Stream(named, network, backend=backend)

    def process(self, sound: Sound, rate_hz: int | None = None) -> Prediction:
        """Return all that :meth:`predict` and :meth:`detect` give, and the length of the sound."""
        pieces = _samples(sound, rate_hz, self.rate_hz)
        if self.detects:
            return self._streamed(pieces, self.stream())
        return self._windowed(pieces)

    def _streamed(self, pieces: Iterable[Floats], stream: Stream) -> Prediction:
        highest = np.zeros(len(self.labels), np.float32)
        events: list[Event] = []
        count = 0
        for samples in chain(pieces, [None]):
            count += 0 if samples is None else len(samples)
            for result in stream.finish() if samples is None else stream.feed(samples):
                highest = np.maximum(highest, result.scores)
                events += result.closed
        column = {label: number for number, label in enumerate(self.labels)}
        events.sort(key=lambda event: (event.onset_s, column[event.label]))
        return Prediction(count / self.rate_hz, self._named(highest), events)

    def _windowed(self, pieces: Iterable[Floats]) -> Prediction:
        model = self.trained
        length = round((model.clip_s or WINDOW_S) * self.rate_hz)
        total = np.zeros(len(self.labels))
        ends = []
        for samples, end in _windows(pieces, length):
            total += model.probabilities(model.front_end.whole(samples))
            ends.append(end)
        return Prediction(ends[-1] / self.rate_hz, self._named(total / len(ends)), None)

    def _named(self, values: npt.NDArray[Any]) -> dict[str, float]:
        return dict(zip(self.labels, map(float, values), strict=True))


def load(path: str | Path) -> Model:
    """Load a trained model.

    Parameters
    ----------
    path : a model's file, or its folder; of a model with several folds the first is taken

    Raises
    ------
    SpikesoundError
        If it is missing, damaged, or not a model.
    """
    return Model(loading.load(Path(path)))


def _samples(sound: Sound, rate_hz: int | None, wanted_hz: int) -> Iterator[Floats]:
    if not isinstance(sound, np.ndarray):
        if rate_hz is not None:
            raise SpikesoundError("rate_hz: expected None with a file, which has its own rate")
        return blocks(Path(sound) if isinstance(sound, str) else sound, wanted_hz)
    if rate_hz is None:
        raise SpikesoundError("rate_hz: missing; samples need their sampling rate")
    if rate_hz < 1:
        raise SpikesoundError(f"rate_hz: expected a sampling rate of at least 1 Hz, got {rate_hz}")
    return iter([resample(mono(sound), rate_hz, wanted_hz)])


def _windows(pieces: Iterable[Floats], length: int) -> Iterator[tuple[Floats, int]]:
    """Yield windows of ``length`` samples, half of that apart, and where each ends in the sound."""
    hop = max(1, length // 2)
    held, at, dropped = np.zeros(0, np.float32), 0, 0  # at: of the next window, among those held
    for piece in pieces:
        held = np.concatenate([held, piece])
        while at + length <= len(held):
            yield held[at : at + length], dropped + at + length
            at += hop
        passed = max(0, at - hop)  # the last window may begin right behind the one before it
        held, at, dropped = held[passed:], at - passed, dropped + passed
    if at == 0:
        yield fit_length(held, length), len(held)
    elif len(held) - (at - hop + length) > length // 100:
        yield held[-length:], dropped + len(held)
