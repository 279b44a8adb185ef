"""A trained model, ready for inference: ``load(path)``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError, short
from spikesound.features.encoded import encode_clip
from spikesound.features.front_end import FrontEnd
from spikesound.models import file, shipped
from spikesound.models.calibration import Calibrated, EventCalibration
from spikesound.models.hidden_activity import with_hidden
from spikesound.models.listing import model_paths, weight_files
from spikesound.models.spec import Spec

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answer:
    """What a calibrated classifier says of a clip.

    Attributes
    ----------
    probabilities : calibrated (class,)
    refused : whether the clip is of none of the classes; the probabilities hold if it is of one
    """

    probabilities: Floats
    refused: bool


@dataclass(frozen=True)
class TrainedModel:
    """A classifier or a detector.

    Attributes
    ----------
    spec, network : as :func:`spikesound.models.file.load` returns them
    calibration : of a classifier, or of a detector's events; None: its file has none
    """

    spec: Spec
    network: nn.Module
    calibration: Calibrated | EventCalibration | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.spec.model

    @property
    def detects(self) -> bool:
        """Whether it gives times of sound events; else it classifies whole clips."""
        return self.spec.task == "detection"

    @property
    def event_calibration(self) -> EventCalibration | None:
        """Calibration of a detector's events; None: its file has none."""
        return self.calibration if isinstance(self.calibration, EventCalibration) else None

    @property
    def labels(self) -> list[str]:
        """Display names of the classes, in their order."""
        return self.spec.names

    @property
    def ids(self) -> list[str]:
        """Label ids of the classes, in their order."""
        return self.spec.classes

    @property
    def front_end(self) -> FrontEnd:
        """From samples to features."""
        return self.spec.sound

    @property
    def clip_s(self) -> float | None:
        """Length of the clips it was trained on, in seconds; None: any."""
        return self.front_end.features.clip_s

    def inputs(self, features: Floats, clip: str = "") -> torch.Tensor:
        """Return a classifier's input (step, 1, frame, bin) of features.

        Parameters
        ----------
        features : (frame, bin) in [0, 1]
        clip : id of the clip; an encoder's draws depend on it and on the model's seed
        """
        exact = torch.from_numpy(np.ascontiguousarray(features, np.float32))
        section = self.spec.encoding_section()
        if section is None:
            exact = exact[None]
        else:
            assert self.spec.encoding is not None
            exact = encode_clip(exact, self.spec.encoding, section, seed=self.spec.seed, clip=clip)
        # The pipeline's shards, on which models are trained, hold values in half precision.
        return exact.half().float()[:, None]

    def probabilities(self, features: Floats, clip: str = "") -> Floats:
        """Return a classifier's class probabilities (class,) of one clip's features.

        .. math:: p_c = \\frac{e^{z_c}}{\\sum_k e^{z_k}}, \\qquad
                  p_c = \\frac{1}{1 + e^{-z_c}}

        of single labels (softmax), and of multiple labels (sigmoid).

        Parameters
        ----------
        features, clip : see :meth:`inputs`

        Raises
        ------
        SpikesoundError
            If the features are not of as many bins as the model's.
        """
        self._check(features)
        with torch.inference_mode():
            scores = self.network(self.inputs(features, clip))[0].double()
            found: Floats = probabilities_of(scores, self.spec.labels).float().numpy()
        return found

    def answer(self, features: Floats, clip: str = "") -> Answer:
        """Return what a calibrated classifier says of one clip's features.

        Without a calibration it is :meth:`probabilities`, and no clip is refused. Parameters and
        errors as of these.
        """
        if not isinstance(self.calibration, Calibrated):
            return Answer(self.probabilities(features, clip), refused=False)
        self._check(features)
        with torch.inference_mode():
            scores, hidden = with_hidden(self.network, self.inputs(features, clip))
            labels = self.spec.labels
            found: Floats = self.calibration.probabilities(scores, labels)[0].float().numpy()
            refused = bool(self.calibration.refused(scores, hidden, labels)[0])
        return Answer(found, refused)

    def _check(self, features: Floats) -> None:
        if features.ndim != 2 or features.shape[1] != len(self.front_end.low):
            raise SpikesoundError(
                f"{self.name}: expected features (frame, {len(self.front_end.low)}), "
                f"got {features.shape}"
            )


def probabilities_of(scores: torch.Tensor, labels: str) -> torch.Tensor:
    """Return class probabilities (..., class) of a classifier's scores, by the kind of labels."""
    return torch.softmax(scores, -1) if labels == "single" else scores.sigmoid()


def load(path: Path | str) -> TrainedModel:
    """Load a trained model of either task.

    Its file need not be trusted: nothing in it is executed (:mod:`spikesound.models.safe_file`).

    Parameters
    ----------
    path : see :func:`find_model`

    Raises
    ------
    SpikesoundError
        If it is missing, no model of this format, or damaged.
    """
    path = find_model(path)
    return TrainedModel(*file.load(path), file.load_calibration(path))


def find_model(path: Path | str) -> Path:
    """Return a model's file; of a model with several folds that of the first.

    Parameters
    ----------
    path : the file; its folder, such as ``data/models/detection/snn-tcn-strong/fold-5``, or the
        folder of its folds; or a folder of models with a model's name behind it, such as
        ``data/models/snn-tcn-strong``, whatever its task; or the name of a model that is installed
        with the package

    Raises
    ------
    SpikesoundError
        If there is none; the message lists the models that there are.
    """
    path = Path(path)
    try:
        if files := weight_files(path):
            return files[0]
        if path.is_dir():
            raise SpikesoundError(f"{path}: no model in this folder{_listed(model_paths(path))}")
        if path.exists():
            return path
    except OSError as error:
        raise SpikesoundError(f"{short(str(path))}: {error.strerror}") from error
    beside: list[Path] = []
    with suppress(OSError):  # a folder above it that is missing or may not be read
        beside = model_paths(path.parent)
    named = [model for model in beside if path.name in (model.name, model.stem)]
    if not named and path == Path(path.name) and (installed := shipped.named(path.name)):
        return installed
    if len(named) != 1:
        raise SpikesoundError(f"{short(str(path))}: no such file{_listed(beside, path.parent)}")
    return weight_files(named[0])[0]


def _listed(models: Sequence[Path], folder: Path | str = "it") -> str:
    return f"; models in {folder}: {', '.join(model.name for model in models)}" if models else ""
