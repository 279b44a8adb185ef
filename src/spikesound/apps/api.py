"""Trained models for programs: load, predict, detect, stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.apps.costing import cost
from spikesound.apps.sound import Samples, Sound
from spikesound.apps.windows import Window, check_window, frame_windows, sample_windows
from spikesound.core import own_code
from spikesound.core.errors import SpikesoundError
from spikesound.inference.backends import AUTO, check_backend
from spikesound.inference.learnt import rows
from spikesound.inference.streaming.stream import FrameResult, Stream
from spikesound.models.calibration import NONE, Calibrated
from spikesound.models.file import load_spec
from spikesound.models.loading import TrainedModel, find_model
from spikesound.params import CodeParams
from spikesound.tasks.detection.decision import Event

__all__ = [
    "NONE",
    "Event",
    "FrameResult",
    "Model",
    "Prediction",
    "SpikesoundError",
    "Stream",
    "Window",
    "cost",
    "load",
]

WINDOW_S = 10.0
"""Length of a classifier's windows, if it was not trained on clips of one length."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """The output of a model for one sound.

    Attributes
    ----------
    seconds : length of the sound
    probabilities : by label, in the model's order; of a calibrated classifier also of :data:`NONE`
    events : by onset; None of a classifier, which gives no times
    """

    seconds: float
    probabilities: dict[str, float]
    events: list[Event] | None


class Model:
    """A trained detector or classifier; see :func:`load`.

    Parameters
    ----------
    trained : its network, spec and calibration
    raw : leave the calibration out: probabilities as the network gives them, and no clip or event
        is refused

    Attributes
    ----------
    name : of the model, as in the tables of results
    labels : display names of the classes, in the order of every array of scores
    rate_hz : sampling rate of its input; other sound is resampled
    high_hz : upper edge of its frequency range
    detects : whether it gives onsets and offsets of sound events
    refuses : whether it is a calibrated classifier, which also answers :data:`NONE`
    trained : its network and spec
    """

    def __init__(self, trained: TrainedModel, *, raw: bool = False) -> None:
        trained = replace(trained, calibration=None) if raw else trained
        self.trained = trained
        self.refuses: bool = isinstance(trained.calibration, Calibrated)
        self.name: str = trained.name
        self.labels: list[str] = list(trained.labels)
        self.rate_hz: int = trained.front_end.rate_hz
        self.high_hz: float = trained.front_end.features.high_hz
        self.detects: bool = trained.detects

    def predict(self, sound: Sound, rate_hz: int | None = None) -> dict[str, float]:
        """Return the probability of each label anywhere in the sound.

        Of a detector it is the highest after its median filter: at or above the label's threshold
        exactly if :meth:`detect` finds an event, which may be one of none of the classes. Of a
        classifier it is the mean over windows of
        the length of the clips that it was trained on, each half a window after the one before.
        The last window ends where the sound ends, unless less than a hundredth of it would be new;
        a sound shorter than a window is padded with zeros.

        The probabilities of a calibrated classifier are those of :class:`.calibration.Calibrated`.
        A window that is of none of its classes counts as probability 1 of :data:`NONE`, ``none of
        these``, and 0 of each class: over several windows it is the share of such.

        Parameters
        ----------
        sound : anything that ffmpeg reads, of any length; or samples, integers of their type's
            full scale or floats of full scale 1 (:func:`spikesound.audio.samples.mono`)
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

        The score of a calibrated detector's event is the probability that it is a true one. An
        event of none of the classes has the label :data:`NONE`, ``none of these``
        (:class:`spikesound.models.calibration.EventCalibration`).

        Parameters and errors as of :meth:`predict`; ``backend`` as of :meth:`stream`.

        Raises
        ------
        SpikesoundError
            If the model is a classifier.
        """
        stream = self.stream(backend=backend)
        return self._streamed(self.samples(sound, rate_hz), stream).events or []

    def windows(
        self,
        sound: Sound,
        rate_hz: int | None = None,
        *,
        window_s: float | None = None,
        hop_s: float | None = None,
    ) -> Iterator[Window]:
        """Return the probabilities of each label in each window of the sound, as they are computed.

        Of a classifier they are what :meth:`predict` gives for the window alone, and the last
        window ends where the sound ends. Of a detector they are the highest after its median filter
        within the window, with the state of the sound before it, and the last window is shorter.

        Parameters
        ----------
        sound, rate_hz : as of :meth:`predict`, which also says what is raised
        window_s : length of a window, in seconds; None: of the clips that a classifier was trained
            on, else :data:`WINDOW_S`
        hop_s : from the begin of a window to that of the next; None: half a window

        Raises
        ------
        SpikesoundError
            If a window has no length, or the hop is longer than a window.
        """
        return self.windows_of(self.samples(sound, rate_hz), window_s, hop_s)

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
                "use predict, or windows"
            )
        named = self.trained.spec.model_copy(update={"classes": self.labels})
        network: Any = self.trained.network
        calibration = self.trained.event_calibration
        return Stream(named, network, backend=backend, calibration=calibration)

    def process(self, sound: Sound, rate_hz: int | None = None) -> Prediction:
        """Return all that :meth:`predict` and :meth:`detect` give, and the length of the sound."""
        return self.process_samples(self.samples(sound, rate_hz))

    def samples(self, sound: Sound, rate_hz: int | None = None) -> Samples:
        """Return the sound's blocks at the model's rate."""
        return Samples(sound, rate_hz, self.rate_hz)

    def process_samples(self, samples: Iterable[Floats]) -> Prediction:
        """Return what :meth:`process` does, for blocks at the model's rate."""
        if self.detects:
            return self._streamed(samples, self.stream())
        mean, length = self._mean(samples)
        return Prediction(length / self.rate_hz, self._answered(mean), None)

    def windows_of(
        self, samples: Iterable[Floats], window_s: float | None, hop_s: float | None
    ) -> Iterator[Window]:
        """Return what :meth:`windows` does, for blocks at the model's rate."""
        make = self._detector_windows if self.detects else self._classifier_windows
        return make(samples, *self.window_and_hop(window_s, hop_s))

    def window_and_hop(self, window_s: float | None, hop_s: float | None) -> tuple[float, float]:
        """Return the window and hop of :meth:`windows`, checked, for those given or None."""
        window_s = self._window_s if window_s is None else window_s
        hop_s = window_s / 2 if hop_s is None else hop_s
        check_window(window_s, hop_s)
        return window_s, hop_s

    @property
    def _window_s(self) -> float:
        return (None if self.detects else self.trained.clip_s) or WINDOW_S

    def _streamed(self, pieces: Iterable[Floats], stream: Stream) -> Prediction:
        highest = np.zeros(len(self.labels), np.float32)
        events: list[Event] = []
        for result in _results(pieces, stream):
            highest = np.maximum(highest, result.scores)
            events += result.closed
        column = {label: number for number, label in enumerate([*self.labels, NONE])}
        events.sort(key=lambda event: (event.onset_s, column[event.label]))
        return Prediction(stream.sound_s, self._named(highest), events)

    def _mean(self, pieces: Iterable[Floats]) -> tuple[npt.NDArray[np.float64], int]:
        """Return a classifier's mean (class,) over its windows, and the number of samples.

        Of a calibrated one the last place is that of :data:`NONE`.
        """
        model = self.trained
        length = max(1, round(self._window_s * self.rate_hz))
        total, count, end = np.zeros(len(self.labels) + self.refuses), 0, 0
        for samples, stop in sample_windows(pieces, length, max(1, length // 2)):
            answer = model.answer(model.front_end.whole(samples))
            if answer.refused:
                total[-1] += 1
            else:
                total[: len(self.labels)] += answer.probabilities
            count, end = count + 1, stop
        return total / count, end

    def _classifier_windows(
        self, pieces: Iterable[Floats], window_s: float, hop_s: float
    ) -> Iterator[Window]:
        length, hop = (max(1, round(seconds * self.rate_hz)) for seconds in (window_s, hop_s))
        for samples, end in sample_windows(pieces, length, hop):
            start = max(0, end - length)
            mean, _ = self._mean([samples[: end - start]])
            yield Window(start / self.rate_hz, end / self.rate_hz, self._answered(mean))

    def _detector_windows(
        self, pieces: Iterable[Floats], window_s: float, hop_s: float
    ) -> Iterator[Window]:
        stream = self.stream()
        frame_s = self.trained.front_end.hop_s
        for start_s, highest in frame_windows(_results(pieces, stream), frame_s, window_s, hop_s):
            end_s = min(start_s + window_s, stream.sound_s)
            yield Window(start_s, end_s, self._named(highest))

    def _answered(self, values: npt.NDArray[Any]) -> dict[str, float]:
        labels = [*self.labels, NONE] if self.refuses else self.labels
        return dict(zip(labels, map(float, values), strict=True))

    def _named(self, values: npt.NDArray[Any]) -> dict[str, float]:
        return dict(zip(self.labels, map(float, values), strict=True))


def load(
    path: str | Path,
    *,
    learnt: str | Path | None = None,
    run_code: bool = False,
    raw: bool = False,
) -> Model:
    """Load a trained model.

    Parameters
    ----------
    path : see :func:`spikesound.models.loading.find_model`: a model's file, or its folder; of a
        model with several folds the first is taken
    learnt : file of sounds that it has learnt (``spikesound learn``); None: the one beside it, if
        there is one
    run_code : whether the file of a model whose network is code of its own may be executed
    raw : give probabilities as the network does, without the calibration in its file, and never
        :data:`NONE`; a file without a calibration is always used so

    Raises
    ------
    SpikesoundError
        If it is missing, damaged, or not a model; or the learnt sounds are of another one.
    """
    if run_code:
        spec = load_spec(find_model(path))
        if isinstance(section := spec.network_section(), CodeParams):
            own_code.allow(section.sha256)
    return Model(rows.load(Path(path), None if learnt is None else Path(learnt)), raw=raw)


def _results(pieces: Iterable[Floats], stream: Stream) -> Iterator[FrameResult]:
    for samples in pieces:
        yield from stream.feed_mono(samples)
    yield from stream.finish()
