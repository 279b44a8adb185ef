"""A calibrated classifier on held-out clips: calibration error, and clips that are refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import nn

from spikesound.evaluation.summary import Value
from spikesound.models.calibration import Calibrated
from spikesound.models.loading import probabilities_of
from spikesound.models.spec import Spec
from spikesound.tasks.classification.reliability import answers, expected_calibration_error
from spikesound.training.calibrate import activity
from spikesound.training.dataset import Dataset

DECIMALS = 4

Confidence = npt.NDArray[np.float64]
Right = npt.NDArray[np.bool_]


class CalibratedAnswers:
    """Answers of the networks of all folds, each on its held-out clips."""

    def __init__(self) -> None:
        self._raw: list[tuple[Confidence, Right]] = []
        self._calibrated: list[tuple[Confidence, Right]] = []
        self._refused: list[Right] = []

    def add(
        self,
        calibration: Calibrated,
        spec: Spec,
        network: nn.Module,
        clips: Dataset,
        batch_clips: int,
    ) -> None:
        """Add those of a fold."""
        scores, hidden = activity(network, spec, clips, np.arange(len(clips)), batch_clips)
        targets, multilabel = clips.present > 0, spec.labels != "single"
        for found, kept in (
            (probabilities_of(scores.double(), spec.labels), self._raw),
            (calibration.probabilities(scores, spec.labels), self._calibrated),
        ):
            kept.append(answers(found.numpy(), targets, multilabel=multilabel))
        refused = calibration.refused(scores, hidden, spec.labels).numpy()
        self._refused.append(refused[targets.any(1)])

    def figures(self) -> dict[str, Value]:
        """Return the figures over all folds; nothing if no network is calibrated.

        Returns
        -------
        dict
            ece_raw and ece, the expected calibration error of the probabilities as the network
            gives them and calibrated; refused, the share of clips of its classes that the model
            says are of none.
        """
        if not self._raw:
            return {}
        return {
            "ece_raw": round(_error(self._raw), DECIMALS),
            "ece": round(_error(self._calibrated), DECIMALS),
            "refused": round(float(np.concatenate(self._refused).mean()), DECIMALS),
        }


def _error(parts: list[tuple[Confidence, Right]]) -> float:
    confidence, right = (np.concatenate(each) for each in zip(*parts, strict=True))
    return expected_calibration_error(confidence, right)
