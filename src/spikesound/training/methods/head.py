"""A new head on the embeddings of a trained network, whose weights stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.models.build import build
from spikesound.models.networks.sequence_head import SequenceHead
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train, validate
from spikesound.training.methods.transfer import transferred


def train_head(job: Job) -> Trained:
    """Return a network whose trunk is that of a trained one, and whose head is trained.

    The embeddings of all clips are computed once, without augmentation of their inputs; the head is
    trained on them by the recipe.

    Raises
    ------
    SpikesoundError
        If there is no network to start from, it is another one, or the network has no such head.
    """
    network = build(job.spec)
    if not isinstance(network, SequenceHead):
        raise SpikesoundError(
            f"{job.spec.model}: method head: expected a network of kind sequence_head, got "
            f"{job.spec.network}"
        )
    transferred(job, network.trunk)
    codes = [embedded(network, clips, job) for clips in (job.training, job.validation)]
    trained = train(network.head, replace(job, training=codes[0], validation=codes[1]))
    result = trained.result | validate(network.eval(), job)
    return Trained(job.spec, network, trained.history, result)


def embedded(network: SequenceHead, clips: Dataset, job: Job) -> Dataset:
    """Return the clips with the embeddings of their patches as inputs (clip, 1, patch, value)."""
    size, found = job.recipe.batch_clips, []
    starts = range(0, len(clips), size)
    with torch.inference_mode():
        for start in track(starts, total=len(starts), what="embeddings", unit="batch"):
            rows = np.arange(start, min(start + size, len(clips)))
            codes = network.eval().codes(batched(clips.batch(rows), frames=job.task.frames))
            found.append(codes.transpose(0, 1).numpy())
    inputs = np.concatenate(found)
    return replace(clips, inputs=inputs, bins=inputs.shape[3], neurons_per_bin=1)
