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
from spikesound.params import AugmentParams, MethodParams, Params, RecipeParams, WarpParams
from spikesound.tasks import task_of
from spikesound.training.dataset import Dataset
from spikesound.training.job import Job
from spikesound.training.methods import METHODS

CLASSES = ["/m/1", "/m/2"]
BINS = 16
STEPS = 3
CNN = {"channels": [4, 8], "kernel": 3, "pool": "average", "dropout": 0.2}

TRAINED = [name for name in METHODS if name not in ("zero_shot", "head")]
"""Methods that train a network of any kind, whatever they start from."""

NO_AUGMENT = AugmentParams(roll=False, shift_bins=0, time_mask=0, bin_mask=0, noise=0, mixup=0)
ALL_AUGMENT = AugmentParams(
    roll=True,
    shift_bins=3,
    time_mask=0.2,
    bin_mask=0.2,
    noise=0.1,
    mixup=0.3,
    warp=WarpParams(frames=0.2, bins=0.1, gain=0.1, tilt=0.1),
)


def toy(count: int = 48, *, spikes: bool = False, classes: int = 2) -> Dataset:
    """Clips whose class is the half of the feature axis that is loud."""
    generator = np.random.default_rng(0)
    kind = np.arange(count) % classes
    x = generator.uniform(0, 0.3, (count, 1, 12, BINS)).astype(np.float32)
    width = BINS // classes
    for row, label in enumerate(kind):
        x[row, ..., label * width : (label + 1) * width] += 0.6
    inputs = (
        pack(generator.random((count, STEPS, 12, BINS)) < x) if spikes else x.astype(np.float16)
    )
    return Dataset(
        [f"clip{i}" for i in range(count)],
        [str(i % 4 + 1) for i in range(count)],
        [f"recording{i // 2}" for i in range(count)],
        inputs,
        np.eye(classes, dtype=np.float32)[kind],
        BINS,
    )


def recipe(params: Params, **changes: object) -> RecipeParams:
    """Return a recipe of few epochs."""
    base = params.recipes["ann"].model_dump() | {"epochs": 4, "batch_clips": 8, "patience": 4}
    return RecipeParams.model_validate(base | changes)


def front_end(params: Params) -> FrontEnd:
    """Return a front end of as many bins as the toy clips have."""
    features = params.features.model_copy(update={"mels": BINS, "mfccs": 10, "clip_s": 5.0})
    return FrontEnd(features=features, low=[-60.0] * BINS, high=[20.0] * BINS)


def spec(params: Params, *, spiking: bool = False, **changes: Any) -> Spec:
    """Return the spec of a CNN for the toy clips."""
    values: dict[str, Any] = {
        "model": "snn-cnn-surrogate" if spiking else "ann-cnn",
        "task": "classification",
        "network": "cnn",
        "network_params": CNN,
        "neuron": "lif" if spiking else "relu",
        "neuron_params": params.neurons["lif"].model_dump() if spiking else {},
        "labels": "single",
        "classes": CLASSES,
        "names": ["One", "Two"],
        "bins": BINS,
        "steps": STEPS if spiking else 1,
        "encoding": "rate" if spiking else None,
        "encoding_params": {"steps": STEPS, "gain": 1.0} if spiking else None,
        "front_end": front_end(params),
        "fold": "1",
        "seed": 0,
    }
    return Spec(**(values | changes))


def method(params: Params, kind: str, **changes: object) -> MethodParams:
    """Return the first entry of a kind of method, with some of its parameters changed."""
    name = next(name for name in params.methods if params.methods.kind(name) == kind)
    section = params.methods[name]
    return type(section).model_validate(section.model_dump() | changes)


def job(
    params: Params,
    folder: Path,
    *,
    kind: str = "backprop",
    clips: Dataset | None = None,
    training: RecipeParams | None = None,
    **changes: object,
) -> Job:
    """Return a job on toy clips: 32 to train on, 16 to validate on.

    Parameters
    ----------
    kind : method; its clips are spikes if it trains spiking networks
    changes : of the method's parameters
    """
    section = method(params, kind, **changes)
    coded = section.spiking and not section.direct
    clips = clips or toy(spikes=coded)
    wanted = spec(params, spiking=section.spiking)
    if section.direct:
        wanted = wanted.model_copy(
            update={"encoding": "direct", "encoding_params": {"steps": STEPS}}
        )
    return Job(
        wanted,
        task_of(wanted, params.tasks.classification),
        clips.select(np.arange(32)),
        clips.select(np.arange(32, 48)),
        training or recipe(params),
        section,
        (1 / STEPS,) * STEPS if clips.spikes else (1.0,),
        0,
        folder / "resume.pt",
    )


def base_spec(wanted: Job) -> Spec:
    """Return the spec of the model that a method starts from: the same, or its twin."""
    if not wanted.method.from_twin:
        return wanted.spec
    return wanted.spec.with_neuron("relu", {}, steps=1, encoding=None, encoding_params=None)


def long(params: Params, folder: Path, kind: str, **changes: object) -> Job:
    """Return a job with enough epochs, and no augmentation, to learn the toy clips."""
    few = recipe(params, epochs=30, patience=30, augment=NO_AUGMENT.model_dump())
    return job(params, folder, kind=kind, training=few, **changes)


def settled(network: nn.Module, x: torch.Tensor) -> nn.Module:
    """The network with batch norms that have seen the inputs, and neurons that therefore spike."""
    network.train()
    with torch.no_grad():
        for _ in range(50):
            network(x)
    return network.eval()


def kinds(params: Params) -> dict[str, Spec]:
    """Return a conventional network, its spiking twin and a recurrent one, by model."""
    lstm = {"hidden": 8, "layers": 1, "bidirectional": False, "dropout": 0.2}
    return {
        "ann-cnn": spec(params),
        "snn-cnn-surrogate": spec(params, spiking=True),
        "ann-lstm": spec(params, model="ann-lstm", network="lstm", network_params=lstm),
    }
