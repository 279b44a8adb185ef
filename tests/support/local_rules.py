"""Toy clips and tasks for the methods that learn without backpropagation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from spikesound.training.data import Clips
from spikesound.training.task import Task

from spikesound.core.bitpack import pack
from spikesound.models import classifier_spec
from spikesound.params import Params, Section

STEPS = 3


SMALL: dict[str, dict[str, Any]] = {
    "stdp": {"neurons": 24, "batches": 40, "batch_patches": 64},
    "memristor": {"neurons": 24, "batches": 40, "batch_patches": 64},
    "som": {"rows": 4, "columns": 4, "sweeps": 8},
}


def toy(count: int = 64, classes: int = 4, seed: int = 0) -> Clips:
    """Spikes of clips whose class is the quarter of the feature axis that is loud."""
    generator = np.random.default_rng(seed)
    kind = np.arange(count) % classes
    loud = generator.uniform(0, 0.2, (count, 1, 14, 16)) * np.ones((1, STEPS, 1, 1))
    for row, label in enumerate(kind):
        loud[row, ..., label * 4 : label * 4 + 4] += 0.6
    return Clips(
        [f"clip{i}" for i in range(count)],
        ["1"] * count,
        [f"recording{i}" for i in range(count)],
        pack(generator.random(loud.shape) < loud),
        np.eye(classes, dtype=np.float32)[kind],
        16,
    )


def section(params: Params, name: str, **changes: Any) -> Section:
    whole = getattr(params.methods, name)
    found = type(whole).model_validate(whole.model_dump() | SMALL[name] | changes)
    assert isinstance(found, Section)
    return found


def task(params: Params, name: str, tmp_path: Path, *, seed: int = 3, **changes: Any) -> Task:
    clips = toy()
    spec = classifier_spec.Spec(
        model=f"snn-cnn-{name}",
        network="cnn",
        network_params=params.networks.cnn.model_dump(),
        neuron="lif",
        neuron_params=params.neurons.lif.model_dump(),
        classes=["a", "b", "c", "d"],
        bins=16,
        steps=STEPS,
        encoding="rate",
        fold="2",
        seed=seed,
    )
    training = params.train_snn.model_copy(
        update={"epochs": 30, "batch_clips": 16, "learning_rate": 0.02}
    )
    torch.manual_seed(seed)
    return Task(
        spec,
        clips.select(np.arange(48)),
        clips.select(np.arange(48, 64)),
        training,
        section(params, name, **changes),
        (1 / STEPS,) * STEPS,
        seed,
        tmp_path / "resume.pt",
    )
