"""Toy clips that a network tells apart in seconds, and the specs and jobs of training on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from spikesound.core.bitpack import pack
from spikesound.features.front_end import FrontEnd
from spikesound.models.spec import Spec
from spikesound.params import METHOD_PARAMS, AugmentParams, Params, RecipeParams
from spikesound.tasks.classification.objective import SingleLabel
from spikesound.training.dataset import Dataset
from spikesound.training.job import Job

CLASSES = ["/m/1", "/m/2"]
STEPS = 3

NO_AUGMENT = AugmentParams(roll=False, shift_bins=0, time_mask=0, bin_mask=0, noise=0, mixup=0)


def toy(count: int = 48, *, spikes: bool = False, classes: int = 2) -> Dataset:
    """Clips whose class is the part of the feature axis that is loud."""
    generator = np.random.default_rng(0)
    kind = np.arange(count) % classes
    x = generator.uniform(0, 0.3, (count, 1, 12, 16)).astype(np.float32)
    width = 16 // classes
    for row, label in enumerate(kind):
        x[row, ..., label * width : (label + 1) * width] += 0.6
    inputs = pack(generator.random((count, STEPS, 12, 16)) < x) if spikes else x.astype(np.float16)
    return Dataset(
        [f"clip{i}" for i in range(count)],
        [str(i % 4 + 1) for i in range(count)],
        [f"recording{i // 2}" for i in range(count)],
        inputs,
        np.eye(classes, dtype=np.float32)[kind],
        16,
    )


def recipe(params: Params, **changes: object) -> RecipeParams:
    """Few epochs of small batches."""
    base = params.recipes["ann"].model_dump() | {"epochs": 4, "batch_clips": 8, "patience": 4}
    return RecipeParams.model_validate(base | changes)


def front_end(params: Params) -> FrontEnd:
    """Features of 16 bins, as the toy clips have."""
    features = params.features.model_copy(update={"mels": 16, "mfccs": 13})
    return FrontEnd(features=features, low=[-60.0] * 16, high=[20.0] * 16)


def spec(params: Params, *, neuron: bool = False) -> Spec:
    """A small CNN, or its spiking twin."""
    values: dict[str, Any] = {
        "model": "snn-cnn-surrogate" if neuron else "ann-cnn",
        "task": "classification",
        "network": "cnn",
        "network_params": {"channels": [4, 8], "kernel": 3, "pool": "average", "dropout": 0.2},
        "neuron": "lif" if neuron else "relu",
        "neuron_params": params.neurons["lif"].model_dump() if neuron else {},
        "labels": "single",
        "classes": CLASSES,
        "names": ["One", "Two"],
        "bins": 16,
        "front_end": front_end(params),
        "fold": "1",
        "seed": 0,
    }
    if neuron:
        rate = params.encodings["rate"].model_dump() | {"steps": STEPS}
        values |= {"steps": STEPS, "encoding": "rate", "encoding_params": rate}
    return Spec.model_validate(values)


def job(
    params: Params,
    folder: Path,
    *,
    method: str = "backprop",
    clips: Dataset | None = None,
    of: RecipeParams | None = None,
    base: nn.Module | None = None,
    **changes: object,
) -> Job:
    """A job on toy clips: 32 to train on, 16 to validate on.

    Parameters
    ----------
    method, changes : an entry of params.yaml, and what differs from it
    clips : None: spikes for a method that trains a spiking network, else features
    of : the recipe
    """
    kind = METHOD_PARAMS[params.methods.kind(method)]
    clips = clips or toy(spikes=kind.spiking)
    return Job(
        spec(params, neuron=clips.spikes),
        SingleLabel(),
        clips.select(np.arange(32)),
        clips.select(np.arange(32, 48)),
        of or recipe(params),
        kind.model_validate(params.methods[method].model_dump() | changes),
        (1 / STEPS,) * STEPS if clips.spikes else (1.0,),
        0,
        folder / "resume.pt",
        base=base,
    )


def long(params: Params, folder: Path, method: str, **changes: Any) -> Job:
    """A job with enough epochs, and no augmentation, to learn the toy clips."""
    few = recipe(params, epochs=30, patience=30, augment=NO_AUGMENT.model_dump())
    return job(params, folder, method=method, of=few, **changes)


def settled(network: nn.Module, x: torch.Tensor) -> nn.Module:
    """The network with batch norms that have seen the inputs, and neurons that therefore spike."""
    network.train()
    with torch.no_grad():
        for _ in range(50):
            network(x)
    return network.eval()


def kinds(params: Params) -> dict[str, Spec]:
    """Specs of three kinds of models, by the name of each."""
    lstm = {"hidden": 8, "layers": 1, "bidirectional": False, "dropout": 0.2}
    plain = spec(params)
    return {
        "ann-cnn": plain,
        "snn-cnn-surrogate": spec(params, neuron=True),
        "ann-lstm": plain.model_copy(update={"network": "lstm", "network_params": lstm}),
    }
