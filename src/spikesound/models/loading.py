"""A trained model, ready to be used: ``load(path)``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive
from spikesound.features.front_end import FrontEnd
from spikesound.models import classifier_file, detector_file, safe_file
from spikesound.models.classifier_spec import Spec
from spikesound.models.detector_spec import DetectorSpec
from spikesound.models.input_spec import Hearing, encoding_section
from spikesound.models.networks.detector import Detector
from spikesound.snn.encoding import ENCODERS

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Detecting:
    """A model that says when each sound begins and ends.

    Attributes
    ----------
    spec, network : as :func:`spikesound.models.detector_file.load` gives them
    """

    spec: DetectorSpec
    network: Detector

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.spec.model

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
        """From samples to what the network takes."""
        return self.spec.front_end


@dataclass(frozen=True)
class Classifying:
    """A model that says what a clip is of.

    Attributes
    ----------
    spec, network : as the pipeline trained them
    hearing : front end, names of classes, parameters of the encoding
    """

    spec: Spec
    network: nn.Module
    hearing: Hearing

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.spec.model

    @property
    def labels(self) -> list[str]:
        """Display names of the classes, in their order."""
        return self.hearing.names

    @property
    def ids(self) -> list[str]:
        """Label ids of the classes, in their order."""
        return self.spec.classes

    @property
    def front_end(self) -> FrontEnd:
        """From samples to features."""
        return self.hearing.front_end

    @property
    def clip_s(self) -> float | None:
        """Length of the clips it was trained on, in seconds; None: any."""
        return self.hearing.front_end.features.clip_s

    def inputs(self, features: Floats, clip: str = "") -> torch.Tensor:
        """Turn features into what the network takes, (step, 1, frame, bin).

        Parameters
        ----------
        features : (frame, bin) in [0, 1]
        clip : id of the clip; what an encoder draws depends on it and on the model's seed
        """
        exact = torch.from_numpy(np.ascontiguousarray(features, np.float32))
        if self.hearing.encoding is not None:
            generator = torch.Generator().manual_seed(derive(self.spec.seed, "encode", clip))
            section = encoding_section(self.spec.encoding, self.hearing.encoding)
            exact = ENCODERS[self.spec.encoding](exact, section, generator)
        else:
            exact = exact[None]
        # The pipeline's shards, which models are trained on, hold values in half precision.
        return exact.half().float()[:, None]

    def probabilities(self, features: Floats, clip: str = "") -> Floats:
        """Return the softmax of the class scores, (class,).

        .. math:: p_c = \\frac{e^{z_c}}{\\sum_k e^{z_k}}

        Parameters
        ----------
        features, clip : see :meth:`inputs`

        Raises
        ------
        SpikesoundError
            If the features are not of as many bins as the model's.
        """
        if features.ndim != 2 or features.shape[1] != len(self.front_end.low):
            raise SpikesoundError(
                f"{self.name}: features {features.shape}, not (frame, {len(self.front_end.low)})"
            )
        with torch.inference_mode():
            scores = self.network(self.inputs(features, clip))[0]
            found: Floats = torch.softmax(scores.double(), 0).float().numpy()
        return found


FORMATS = (detector_file.FORMAT, classifier_file.FORMAT)
Trained = Detecting | Classifying


def load(path: Path | str) -> Trained:
    """Load a detector's or a classifier's file, or a classifier's folder of the pipeline.

    Nothing in it is run, and it need not be trusted (:mod:`spikesound.models.safe_file`).

    Parameters
    ----------
    path : such as ``data/detection/models/snn-tcn-strong/model.safetensors`` (or its folder) or
        ``data/models/snn-cnn-surrogate/fold-1``

    Raises
    ------
    SpikesoundError
        If it is missing, none of the three, or damaged.
    """
    path = Path(path)
    if path.is_dir():
        if (path / "spec.json").is_file():
            return Classifying(*classifier_file.load_folder(path))
        if not (path / "model.safetensors").is_file():
            raise SpikesoundError(f"{path}: no model in this folder (spec.json, model.safetensors)")
        path = path / "model.safetensors"
    file = safe_file.read(path)
    kind = file.metadata["format"]
    if kind == detector_file.FORMAT:
        return Detecting(*detector_file.opened(file))
    if kind == classifier_file.FORMAT:
        return Classifying(*classifier_file.opened(file))
    alone = (path.parent / "spec.json").is_file()
    why = "weights alone; load the folder that they lie in" if alone else f"format {kind[:40]!r}"
    raise SpikesoundError(f"{path}: safetensors, but {why}; valid: {', '.join(FORMATS)}")
