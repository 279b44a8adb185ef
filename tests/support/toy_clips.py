"""Toy clips that a network tells apart in seconds, and the specs and tasks of training on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from spikesound.training.data import Clips
from spikesound.training.task import Task
from torch import nn

from spikesound.core.bitpack import pack
from spikesound.models import classifier_spec
from spikesound.params import AugmentParams, Params, TrainParams

CLASSES = ["/m/1", "/m/2"]


NO_AUGMENT = AugmentParams(roll=False, shift_bins=0, time_mask=0, bin_mask=0, noise=0, mixup=0)


def toy(count: int = 48, *, spikes: bool = False, classes: int = 2) -> Clips:
    """Clips whose class is the half of the feature axis that is loud."""
    generator = np.random.default_rng(0)
    kind = np.arange(count) % classes
    x = generator.uniform(0, 0.3, (count, 1, 12, 16)).astype(np.float32)
    width = 16 // classes
    for row, label in enumerate(kind):
        x[row, ..., label * width : (label + 1) * width] += 0.6
    inputs = pack(generator.random((count, 3, 12, 16)) < x) if spikes else x.astype(np.float16)
    return Clips(
        [f"clip{i}" for i in range(count)],
        [str(i % 4 + 1) for i in range(count)],
        [f"recording{i // 2}" for i in range(count)],
        inputs,
        np.eye(classes, dtype=np.float32)[kind],
        16,
    )


def settings(params: Params, **changes: object) -> TrainParams:
    base = params.train_ann.model_dump() | {"epochs": 4, "batch_clips": 8, "patience": 4}
    return TrainParams.model_validate(base | changes)


def spec(params: Params, *, neuron: bool = False) -> classifier_spec.Spec:
    return classifier_spec.Spec(
        model="snn-cnn-surrogate" if neuron else "ann-cnn",
        network="cnn",
        network_params={"channels": [4, 8], "kernel": 3, "pool": "average", "dropout": 0.2},
        neuron="lif" if neuron else None,
        neuron_params=params.neurons.lif.model_dump() if neuron else None,
        classes=["/m/1", "/m/2"],
        bins=16,
        steps=3 if neuron else 1,
        encoding="rate" if neuron else "features",
        fold="1",
        seed=0,
    )


def task(
    settings_of: Params,
    folder: Path,
    *,
    method: str | None = None,
    clips: Clips | None = None,
    params: TrainParams | None = None,
    **changes: object,
) -> Task:
    """A task on toy clips: 32 to train on, 16 to validate on."""
    clips = clips or toy(spikes=method is not None)
    section = getattr(settings_of.methods, method) if method else None
    if section and changes:
        section = type(section).model_validate(section.model_dump() | changes)
    return Task(
        spec(settings_of, neuron=clips.spikes),
        clips.select(np.arange(32)),
        clips.select(np.arange(32, 48)),
        params or settings(settings_of),
        section,
        (1 / 3,) * 3 if clips.spikes else (1.0,),
        0,
        folder / "resume.pt",
    )


def long(params: Params, folder: Path, method: str, **changes: object) -> Task:
    """A task with enough epochs, and no augmentation, to learn the toy clips."""
    few = settings(params, epochs=30, patience=30, augment=NO_AUGMENT.model_dump())
    return task(params, folder, method=method, params=few, **changes)


def settled(network: nn.Module, x: torch.Tensor) -> nn.Module:
    """The network with batch norms that have seen the inputs, and neurons that therefore spike."""
    network.train()
    with torch.no_grad():
        for _ in range(50):
            network(x)
    return network.eval()


def kinds(params: Params) -> dict[str, classifier_spec.Spec]:
    lstm = {"hidden": 8, "layers": 1, "bidirectional": False, "dropout": 0.2}
    plain = spec(params)
    return {
        "ann-cnn": plain,
        "snn-cnn-surrogate": spec(params, neuron=True),
        "ann-lstm": plain.model_copy(update={"network": "lstm", "network_params": lstm}),
    }
