"""Input of a trained model: from samples to normalised features, whole or frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping
from spikesound.features import compute, normalisation
from spikesound.params import FeatureParams, Section

Floats = npt.NDArray[np.float32]


class FrontEnd(Section):
    """Preprocessing of a model, from sound to its input. It is stored with the model's weights.

    Attributes
    ----------
    features : kinds, rate, framing and bands
    low, high : the range of each bin that becomes [0, 1], fitted on training clips
    """

    features: FeatureParams
    low: list[float]
    high: list[float]

    @property
    def rate_hz(self) -> int:
        """Sampling rate of the model's input, in Hz."""
        return self.features.rate_hz

    @property
    def hop_s(self) -> float:
        """Time from frame to frame, in seconds."""
        return self.features.hop / self.features.rate_hz

    def whole(self, samples: Floats) -> Floats:
        """Map the samples of a clip, at ``rate_hz``, to features (frame, bin) in [0, 1]."""
        values = compute(torch.from_numpy(samples[None]), self.features)[0].numpy()
        return normalisation.apply(values, self.low, self.high)


def read_front_end(folder: Path, fold: str) -> FrontEnd:
    """Read it from a folder of features, with the ranges fitted without a fold's clips.

    Raises
    ------
    SpikesoundError
        If a file is missing or damaged, or has no such fold.
    """
    path = folder / "spec.json"
    low, high = normalisation.load(folder / "normalisation.json", fold)
    try:
        values = read_mapping(path, "run the features stage")["params"]
        features = FeatureParams.model_validate({"batch_clips": 1, **values})
    except (ValueError, KeyError, TypeError) as error:
        raise SpikesoundError(f"{path}: not what the features stage writes") from error
    return FrontEnd(features=features, low=low.tolist(), high=high.tolist())


class FrameStream:
    """Samples in pieces of any size, features frame by frame.

    A frame comes as soon as its last sample is there, and is the same whatever the pieces. Together
    they are the frames of the whole: half a window of zeros comes before the first sample, and
    after the last (:meth:`finish`).

    Raises
    ------
    SpikesoundError
        If a kind of feature is not of one frame alone.
    """

    def __init__(self, front_end: FrontEnd) -> None:
        if "spectral_flux" in front_end.features.kinds:
            raise SpikesoundError("feature 'spectral_flux' needs two frames: it cannot be streamed")
        self.front_end = front_end
        half = front_end.features.window // 2
        self._waiting: Floats = np.zeros(half, np.float32)

    def feed(self, samples: Floats) -> list[Floats]:
        """Take the next samples, in full scale, and return the frames (bin,) that are now whole."""
        self._waiting = np.concatenate([self._waiting, samples])
        window, hop = self.front_end.features.window, self.front_end.features.hop
        count = max(0, 1 + (len(self._waiting) - window) // hop)
        frames = [self._frame(self._waiting[i * hop : i * hop + window]) for i in range(count)]
        self._waiting = self._waiting[count * hop :].copy()
        return frames

    def finish(self) -> list[Floats]:
        """Return the last frames, which reach beyond the end of the sound."""
        return self.feed(np.zeros(self.front_end.features.window // 2, np.float32))

    def _frame(self, samples: Floats) -> Floats:
        # One window is its own whole, with its middle frame in it: cut_frames pads it by a half.
        features = self.front_end.features
        alone = features.model_copy(update={"hop": features.window // 2})
        values = compute(torch.from_numpy(samples[None]), alone)[0, 1].numpy()
        return normalisation.apply(values, self.front_end.low, self.front_end.high)
