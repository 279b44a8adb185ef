"""Percentiles of a network's activations, from which scales and ranges are set."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import recorded
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset


def percentiles(
    network: nn.Module,
    clips: Dataset,
    percentile: float,
    batch_clips: int,
    *,
    key: str = "methods.convert.percentile",
) -> list[float]:
    """Return the percentile of each hidden layer's activations over clips, a mean over batches.

    Raises
    ------
    SpikesoundError
        If a layer is silent.
    """
    batches: list[list[float]] = []
    network.eval()
    with torch.inference_mode(), recorded(network) as activations:
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            network(batched(clips.batch(rows), frames=False))
            batches.append([float(np.percentile(a.numpy(), percentile)) for a in activations])
            activations.clear()
    scales = [sum(layer) / len(layer) for layer in zip(*batches, strict=True)]
    if min(scales) <= 0:
        raise SpikesoundError(
            f"{key}: layer {1 + int(np.argmin(scales))} is silent at "
            f"the {percentile:g}th percentile of its activations"
        )
    return scales
