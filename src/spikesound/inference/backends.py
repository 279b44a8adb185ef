"""Ways of computing a trained network on this machine, and the memory that one takes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError, choose
from spikesound.evaluation.folds import Load
from spikesound.evaluation.peak_memory import peak_mb
from spikesound.inference.event_driven_cnn import FrozenCNN
from spikesound.models.networks.cnn import CNN, Block, average_pooled

Score = Callable[[torch.Tensor], torch.Tensor]


def module(network: nn.Module) -> Score:
    """Return the network as it is."""
    return network


def folded(network: nn.Module) -> CNN:
    """Return the CNN with each block's batch norm and pooling put into its convolution, once.

    That is what the event-driven form does too: without it a conventional network would be timed
    with work in it that no one would leave there. Its sums are the module's, but for rounding.

    Raises
    ------
    SpikesoundError
        If the network is of another kind, or its pooling is not linear.
    """
    if not isinstance(network, CNN):
        raise SpikesoundError(f"a {type(network).__name__} cannot be folded; valid: CNN")
    lean = copy.deepcopy(network).eval().requires_grad_(False)
    for block in lean.blocks:
        assert isinstance(block, Block)
        if isinstance(block.norm, nn.BatchNorm2d):
            block.fold()
        if block.pooled is average_pooled:
            block.pooled = _AverageOnce(block.convolution)
    return lean


class _AverageOnce:
    """Average pooling by :func:`~spikesound.models.networks.cnn.average_pooled`, weights kept."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        self._weights: dict[tuple[int, int], torch.Tensor] = {}
        self._weight = convolution.weight.detach()

    def __call__(self, x: torch.Tensor, convolution: nn.Conv2d) -> torch.Tensor:
        rows, columns = x.shape[-2:]
        stride = high, wide = 1 + (rows > 1), 1 + (columns > 1)
        if stride not in self._weights:
            padded = functional.pad(self._weight, (wide - 1, wide - 1, high - 1, high - 1))
            merged = functional.avg_pool2d(padded, stride, stride=1)
            self._weights[stride] = merged.contiguous(memory_format=torch.channels_last)
        padding = convolution.padding
        assert not isinstance(padding, str)
        return functional.conv2d(
            x, self._weights[stride], convolution.bias, stride=stride, padding=padding
        )


def events(network: nn.Module) -> Score:
    """Return the spiking CNN that works only where there are spikes.

    Raises
    ------
    SpikesoundError
        If the network is of another kind.
    """
    if not isinstance(network, CNN):
        raise SpikesoundError(f"a {type(network).__name__} has no event-driven form; valid: CNN")
    return FrozenCNN(network)


WAYS: dict[str, Callable[[nn.Module], Score]] = {
    "module": module,
    "folded": folded,
    "event-driven": events,
}


def ways_of(network: nn.Module, clips: Sequence[torch.Tensor]) -> dict[str, Score]:
    """Return the ways that take the module's decision on each of the clips, by name.

    Parameters
    ----------
    clips : inputs of the network, (time, 1, frame, bin) each
    """
    ways: dict[str, Score] = {}
    with torch.inference_mode():
        decided = [network(clip).argmax() for clip in clips]
        for name, way in WAYS.items():
            try:
                score = way(network)
            except SpikesoundError:  # not a way for this kind of network
                continue
            if all(score(x).argmax() == best for x, best in zip(clips, decided, strict=True)):
                ways[name] = score
    return ways


def model_peak_mb(folder: Path, clip: NDArray[np.float32], how: str, load: Load) -> float | None:
    """Return by how much loading a model and scoring a clip raises this process's memory, in MB.

    It is done twice, and the second time is measured: the first one brings in the libraries' code,
    which is larger than any of the models. None where the system does not tell
    (:func:`spikesound.evaluation.peak_memory.peak_mb`).

    Parameters
    ----------
    clip : float32 (time, 1, frame, bin)
    how : of :data:`WAYS`
    """
    x = torch.from_numpy(clip)

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return choose(WAYS, how, "way")(load(folder)[1])(x)

    run()
    return peak_mb(run)
