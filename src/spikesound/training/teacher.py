"""Teachers of a distillation: trained models, and what they say of clips and of other sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from spikesound.audio.resampling import fit_length, resample
from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.features import clip_samples
from spikesound.features.waves import load_waves
from spikesound.models import file
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
    device : where their networks run
    """

    models: tuple[TrainedModel, ...]
    temperature: float
    device: torch.device

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
        scores, waves = [], np.zeros((0, 0), np.float32)
        for number, model in enumerate(self.models):
            features = model.front_end.features
            if not number or features != self.models[number - 1].front_end.features:
                waves = load_waves(audio, features, ids)
            starts = range(0, len(ids), batch_clips)
            parts = [
                self._scores(model, waves[i : i + batch_clips], ids[i : i + batch_clips])
                for i in track(starts, total=len(starts), what="teacher", unit="batch")
            ]
            scores.append(torch.cat(parts))
        return self._mean(scores).numpy()

    def of_sound(self, waves: torch.Tensor, rate_hz: int, ids: Sequence[str]) -> torch.Tensor:
        """Return the probabilities q of sound (clip, class), on the CPU.

        Parameters
        ----------
        waves : samples in full scale (clip, sample)
        ids : from which the draws of a stochastic encoding derive
        """
        samples = waves.cpu().numpy()
        scores = []
        for model in self.models:
            features = model.front_end.features
            moved = (resample(each, rate_hz, features.rate_hz) for each in samples)
            fitted = np.stack([fit_length(each, clip_samples(features)) for each in moved])
            scores.append(self._scores(model, fitted, ids))
        return self._mean(scores)

    def _scores(self, model: TrainedModel, waves: Floats, ids: Sequence[str]) -> torch.Tensor:
        """Return class scores (clip, class) of samples at the model's rate and of its length."""
        inputs = [
            model.inputs(model.front_end.whole(wave), clip)
            for wave, clip in zip(waves, ids, strict=True)
        ]
        with torch.no_grad():
            scores: torch.Tensor = model.network(torch.cat(inputs, 1).to(self.device))
        return scores.float().cpu()

    def _mean(self, scores: Sequence[torch.Tensor]) -> torch.Tensor:
        together, count = torch.stack(list(scores)), len(scores)
        single = self.models[0].spec.labels == "single"
        if single:
            mean = together.log_softmax(-1).logsumexp(0) - np.log(count)
        else:
            mean = together.sigmoid().mean(0).logit(1e-6)
        return tempered(mean, self.temperature, single=single)


def read_teacher(
    folders: Sequence[Path], temperature: float, student: Spec, device: torch.device
) -> Teacher:
    """Return trained models as a teacher.

    Parameters
    ----------
    folders : of their files
    student : spec of the network to train

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
    return Teacher(tuple(models), temperature, device)
