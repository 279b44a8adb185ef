"""Toy clips and jobs for the methods that learn without backpropagation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import toy_clips

from spikesound.core.bitpack import pack
from spikesound.params import MethodParams, Params
from spikesound.tasks import task_of
from spikesound.training.dataset import Dataset
from spikesound.training.job import Job

STEPS = 3


SMALL: dict[str, dict[str, Any]] = {
    "stdp": {"neurons": 24, "batches": 40, "batch_patches": 64},
    "memristor": {"neurons": 24, "batches": 40, "batch_patches": 64},
    "som": {"rows": 4, "columns": 4, "sweeps": 8},
}


def toy(count: int = 64, classes: int = 4, seed: int = 0) -> Dataset:
    """Spikes of clips whose class is the quarter of the feature axis that is loud."""
    generator = np.random.default_rng(seed)
    kind = np.arange(count) % classes
    loud = generator.uniform(0, 0.2, (count, 1, 14, 16)) * np.ones((1, STEPS, 1, 1))
    for row, label in enumerate(kind):
        loud[row, ..., label * 4 : label * 4 + 4] += 0.6
    return Dataset(
        [f"clip{i}" for i in range(count)],
        ["1"] * count,
        [f"recording{i}" for i in range(count)],
        pack(generator.random(loud.shape) < loud),
        np.eye(classes, dtype=np.float32)[kind],
        16,
    )


def section(params: Params, name: str, **changes: Any) -> MethodParams:
    """Return a small version of a method's parameters."""
    return toy_clips.method(params, name, **(SMALL[name] | changes))


def job(params: Params, name: str, folder: Path, *, seed: int = 3, **changes: Any) -> Job:
    """Return a job on toy clips: 48 to train on, 16 to validate on."""
    clips = toy()
    spec = toy_clips.spec(
        params,
        spiking=True,
        model=f"snn-cnn-{name}",
        network_params=params.networks["cnn"].model_dump(),
        classes=["a", "b", "c", "d"],
        names=["A", "B", "C", "D"],
        fold="2",
        seed=seed,
    )
    recipe = params.recipes["snn"].model_copy(
        update={"epochs": 30, "batch_clips": 16, "learning_rate": 0.02}
    )
    torch.manual_seed(seed)
    return Job(
        spec,
        task_of(spec, params.tasks.classification),
        clips.select(np.arange(48)),
        clips.select(np.arange(48, 64)),
        recipe,
        section(params, name, **changes),
        (1 / STEPS,) * STEPS,
        seed,
        folder / "resume.pt",
    )
