"""Models with their front end: samples in, probabilities out, as operations of exchange formats."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.features.framing import FLOOR_POWER
from spikesound.features.front_end import FrontEnd
from spikesound.features.mel_scale import mel_triangles
from spikesound.models.export.sounds import clip_length
from spikesound.models.export.step import Inputs, Step, Whole, inputs_of
from spikesound.models.loading import TrainedModel

ENCODINGS = (None, "direct")
"""Encodings that draw nothing and change nothing; None: the features are the input."""


class LogMel(nn.Module):
    r"""Normalised log-mel spectrogram of samples, by a convolution, a product and a logarithm.

    Framing, Hann window and DFT are one convolution whose kernels are windowed sines and cosines:

    .. math:: P_{tk} = \Big(\sum_n h_n x_{t d + n} \cos\frac{2 \pi k n}{w}\Big)^2 +
              \Big(\sum_n h_n x_{t d + n} \sin\frac{2 \pi k n}{w}\Big)^2

    with window w and hop d. Behind it are the mel matrix, the level in dB and the model's ranges,
    as in :meth:`spikesound.features.front_end.FrontEnd.whole`.

    Parameters
    ----------
    front_end : of a model
    padding : zeros before and after the samples

    Raises
    ------
    SpikesoundError
        If its features are not a log-mel spectrogram alone.
    """

    kernels: torch.Tensor
    mel: torch.Tensor
    low: torch.Tensor
    scale: torch.Tensor

    def __init__(self, front_end: FrontEnd, padding: int) -> None:
        super().__init__()
        params = front_end.features
        if list(params.kinds) != ["mel"]:
            raise SpikesoundError(
                f"features {', '.join(params.kinds)}: only mel is computed in the file; "
                "--features exports the network alone"
            )
        self.hop, self.padding = params.hop, padding
        bands = (params.rate_hz, params.window, params.mels, params.low_hz, params.high_hz)
        self.kernels: torch.Tensor
        self.mel: torch.Tensor
        self.low: torch.Tensor
        self.scale: torch.Tensor
        low = torch.tensor(front_end.low)
        span = torch.tensor(front_end.high) - low
        self.register_buffer("kernels", _kernels(params.window))
        self.register_buffer("mel", torch.from_numpy(mel_triangles(*bands).T.copy()))
        self.register_buffer("low", low)
        self.register_buffer("scale", torch.where(span > 0, 1 / span, 0.0))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Map samples (1, sample) of full scale 1 to features (frame, bin) in [0, 1]."""
        parts = functional.conv1d(
            samples[:, None], self.kernels, stride=self.hop, padding=self.padding
        )
        cosines, sines = parts[0].square().chunk(2)
        power = (cosines + sines).T @ self.mel
        levels_db = 10 / math.log(10) * power.clamp(min=FLOOR_POWER).log()
        return ((levels_db - self.low) * self.scale).clamp(0, 1)


class SoundStep(nn.Module):
    """One frame of a detector: (samples, states) to (probabilities, states)."""

    def __init__(self, front_end: FrontEnd, step: Step) -> None:
        super().__init__()
        self.front_end = LogMel(front_end, padding=0)
        self.step = step

    def forward(self, samples: torch.Tensor, *states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return probabilities (1, 1, class) of a window of samples, and the states after it."""
        after: tuple[torch.Tensor, ...] = self.step(self.front_end(samples)[None], *states)
        return after


class SoundClip(nn.Module):
    """A clip of a classifier: samples (1, sample) to probabilities (1, class)."""

    def __init__(self, front_end: FrontEnd, whole: Whole) -> None:
        super().__init__()
        self.front_end = LogMel(front_end, padding=front_end.features.window // 2)
        self.whole = whole

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Return the softmax or sigmoid of the scores."""
        # Through half precision, as models are trained: see TrainedModel.inputs.
        probabilities: torch.Tensor = self.whole(self.front_end(samples).half().float()[None, None])
        return probabilities


def sound_inputs_of(model: TrainedModel) -> Inputs:
    """Return what :func:`.inputs_of` does, of a function that takes ``samples``.

    Raises
    ------
    SpikesoundError
        If the front end or the encoding cannot be expressed.
    """
    function, example, names, named = inputs_of(model)
    if isinstance(function, Step):
        window = torch.zeros(1, model.front_end.features.window)
        step = SoundStep(model.front_end, function).eval()
        return step, (window, *example[1:]), ["samples", *names[1:]], named
    if model.spec.encoding not in ENCODINGS:
        raise SpikesoundError(
            f"{model.name}: encoding {model.spec.encoding!r} cannot be expressed, only direct; "
            "--features exports the network alone"
        )
    assert isinstance(function, Whole)
    clip = torch.zeros(1, clip_length(model))
    return SoundClip(model.front_end, function).eval(), (clip,), ["samples"], named


def _kernels(window: int) -> torch.Tensor:
    """Return windowed cosines, then sines, of each bin of the spectrum (2 bin, 1, sample)."""
    n = np.arange(window)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / window)
    turns = np.outer(np.arange(window // 2 + 1), n) % window / window
    waves = np.concatenate([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)])
    return torch.from_numpy((hann * waves)[:, None].astype(np.float32))
