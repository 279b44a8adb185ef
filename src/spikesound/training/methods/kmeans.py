"""k-means of patches, and a linear read-out: unsupervised learning without spikes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive, numpy_generator
from spikesound.models.build import build
from spikesound.models.networks.patches import Patches
from spikesound.models.networks.wta import WTA
from spikesound.params import KMeansParams
from spikesound.training.dataset import Dataset
from spikesound.training.job import Job, Trained
from spikesound.training.methods.count_readout import read_counts

Floats = npt.NDArray[np.float32]


def train_kmeans(job: Job) -> Trained:
    """Learn centroids of patches without labels, then a linear read-out of their mean codes.

    The conventional counterpart of :func:`.stdp.train_stdp`: as many units, patches of as many
    frames, and the same read-out (:func:`.count_readout.read_counts`), which alone sees labels. The
    network is :class:`spikesound.models.networks.patches.Patches`, whatever that of the row is.

    Raises
    ------
    SpikesoundError
        If the inputs are spikes, or clips are shorter than a patch.

    References
    ----------
    Coates, Ng & Lee 2011, "An analysis of single-layer networks in unsupervised feature learning";
    scikit-learn's ``KMeans``.
    """
    from sklearn.cluster import (
        KMeans,  # here: evaluation, which reads this module, needs none of it
    )

    method: KMeansParams = job.method
    started = time.perf_counter()
    if job.training.spikes:
        raise SpikesoundError(f"{job.spec.model}: kmeans reads features, not spikes")
    spec = job.spec.model_copy(
        update={
            "network": "patches",
            "network_params": {
                "neurons": method.neurons, "frames": method.frames, "soft": method.soft,
            },
        }
    )  # fmt: skip
    network = cast(Patches, build(spec))
    patches = drawn_patches(job.training, method.frames, method.patches, job.seed)
    bins = patches.shape[-1]
    mean = patches.mean((0, 1))
    deviation = patches.std((0, 1)).clip(min=1e-3)
    scaled = ((patches - mean) / deviation).reshape(len(patches), -1)
    found = KMeans(method.neurons, n_init=1, random_state=derive(job.seed, "kmeans") % 2**32)
    centres = found.fit(scaled).cluster_centers_.reshape(method.neurons, method.frames, bins)
    with torch.no_grad():
        network.patches.weight.copy_(torch.from_numpy(centres.astype(np.float32)))
        network.patches.mean.copy_(torch.from_numpy(mean))
        network.patches.deviation.copy_(torch.from_numpy(deviation))
    network.patches.weight.requires_grad_(False)
    return read_counts(cast(WTA, network), replace(job, spec=spec), started)


def drawn_patches(clips: Dataset, frames: int, count: int, seed: int) -> Floats:
    """Return patches (patch, frame, bin) from random places of random clips.

    Raises
    ------
    SpikesoundError
        If clips are shorter than a patch.
    """
    places = clips.inputs.shape[2] - frames + 1
    if places < 1:
        raise SpikesoundError(
            f"expected clips of at least {frames} frames, those of a patch, got "
            f"{clips.inputs.shape[2]}; lower `frames` in the method's section"
        )
    generator = numpy_generator(seed, "patches")
    rows = np.sort(generator.integers(len(clips), size=count))
    starts = generator.integers(places, size=count)
    found = np.empty((count, frames, clips.bins), np.float32)
    for number, (row, start) in enumerate(zip(rows, starts, strict=True)):
        found[number] = clips.inputs[row, 0, start : start + frames]
    return found
