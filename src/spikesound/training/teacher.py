"""Teachers of a distillation: trained models, and what they say of clips and of other sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from spikesound.audio.resampling import fit_length, resample
from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.data.store import digest
from spikesound.features import clip_samples
from spikesound.features.front_end import FrontEnd
from spikesound.features.waves import load_waves
from spikesound.models import file
from spikesound.models.digests import weights_digest
from spikesound.models.loading import TrainedModel
from spikesound.models.spec import Spec
from spikesound.tasks.classification.distillation import tempered

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Teacher:
    r"""Trained classifiers, whose probabilities are averaged; each processes sound by its own file.

    .. math:: q = \sigma\Big(\frac1\tau \, \sigma^{-1}\Big(\frac1M \sum_m \sigma(z_m)\Big)\Big)

    with the softmax of single labels, or the sigmoid of multiple labels, for :math:`\sigma`; of one
    model this is :math:`\sigma(z / \tau)`.

    Attributes
    ----------
    models : with the same classes
    temperature : tau
    """

    models: tuple[TrainedModel, ...]
    temperature: float

    def of_clips(self, audio: Path, ids: Sequence[str], batch_clips: int) -> Floats:
        """Return the probabilities q of clips as they are recorded (clip, class).

        Parameters
        ----------
        audio : folder of the clips' sound
        ids : of the clips
        batch_clips : clips that a network processes at once

        Raises
        ------
        SpikesoundError
            As :func:`spikesound.features.waves.load_waves`.
        """
        starts = range(0, len(ids), batch_clips)
        scores = []
        for front_end, models in self._by_front_end():
            waves = load_waves(audio, front_end.features, ids)
            parts = [
                _scores(models, front_end, waves[i : i + batch_clips], ids[i : i + batch_clips])
                for i in track(starts, total=len(starts), what="teacher", unit="batch")
            ]
            scores.append(torch.cat(parts, 1))
        return self._mean(torch.cat(scores)).numpy()

    def of_sound(self, waves: torch.Tensor, rate_hz: int, ids: Sequence[str]) -> torch.Tensor:
        """Return the probabilities q of sound (clip, class), on the CPU.

        Parameters
        ----------
        waves : samples in full scale (clip, sample)
        ids : from which the draws of a stochastic encoding derive
        """
        samples = waves.cpu().numpy()
        scores = []
        for front_end, models in self._by_front_end():
            moved = (resample(each, rate_hz, front_end.rate_hz) for each in samples)
            size = clip_samples(front_end.features)
            fitted = np.stack([fit_length(each, size) for each in moved])
            scores.append(_scores(models, front_end, fitted, ids))
        return self._mean(torch.cat(scores))

    def digest(self) -> str:
        """Return the digest of the temperature, and of the models with their weights."""
        parts = [
            f"{model.spec.model_dump_json()} {weights_digest(model.network)}"
            for model in self.models
        ]
        return digest(self.temperature, *parts)

    def _by_front_end(self) -> Iterator[tuple[FrontEnd, list[TrainedModel]]]:
        """Yield the models of each front end, whose features are computed once for all of them."""
        waiting = list(self.models)
        while waiting:
            first = waiting[0].front_end
            yield first, [model for model in waiting if model.front_end == first]
            waiting = [model for model in waiting if model.front_end != first]

    def _mean(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the probabilities q (clip, class) of the models' scores (model, clip, class)."""
        single = self.models[0].spec.labels == "single"
        if single:
            mean = scores.log_softmax(-1).logsumexp(0) - np.log(len(scores))
        else:
            mean = scores.sigmoid().mean(0).logit(1e-6)
        return tempered(mean, self.temperature, single=single)


def _scores(
    models: Sequence[TrainedModel], front_end: FrontEnd, waves: Floats, ids: Sequence[str]
) -> torch.Tensor:
    """Return class scores (model, clip, class) of samples at the front end's rate and length.

    Networks run in the precision that the caller has set, features in float32.
    """
    with torch.autocast("cpu", enabled=False):
        features = [front_end.whole(wave) for wave in waves]
    scores = []
    for model in models:
        inputs = [model.inputs(each, clip) for each, clip in zip(features, ids, strict=True)]
        device = next(model.network.parameters()).device
        with torch.no_grad():
            scores.append(model.network(torch.cat(inputs, 1).to(device)).float().cpu())
    return torch.stack(scores)


def read_teacher(
    folders: Sequence[Path], temperature: float, student: Spec, device: torch.device
) -> Teacher:
    """Return trained models as a teacher.

    Parameters
    ----------
    folders : of their files
    student : spec of the network to train
    device : where the models run

    Raises
    ------
    SpikesoundError
        If there is none, a file is missing or damaged, or a model has another task, other labels
        or classes, or was trained without another fold: it may have seen the clips held out here.
    """
    if not folders:
        raise SpikesoundError(
            f"{student.model}: its recipe has a teacher, but no trained model is given; name rows "
            "in the recipe's teacher.models, or settings in an experiment's teachers"
        )
    models = []
    for folder in folders:
        spec, network = file.load(folder)
        for what, theirs, ours in (
            ("task", spec.task, student.task),
            ("labels", spec.labels, student.labels),
            ("classes", spec.classes, student.classes),
            ("held-out fold", spec.fold, student.fold),
        ):
            if theirs != ours:
                raise SpikesoundError(
                    f"{folder}: teacher {spec.model} of {student.model}: expected {what} {ours!r}, "
                    f"got {theirs!r}"
                )
        models.append(TrainedModel(spec, network.to(device).requires_grad_(False)))
    return Teacher(tuple(models), temperature)
