"""A pretrained network's own outputs as scores of other classes: nothing is trained."""

from __future__ import annotations

import time

import torch

from spikesound.core.errors import SpikesoundError, choose
from spikesound.models.build import build
from spikesound.models.file import load_spec
from spikesound.models.pretrained import model_file
from spikesound.params import ZeroShotParams
from spikesound.training.job import Epoch, Job, Trained
from spikesound.training.loop import validate
from spikesound.training.methods.linear_head import readout_of


def train_zero_shot(job: Job) -> Trained:
    """Return a pretrained network that reads its own outputs for this training's classes.

    A class has the outputs of its label and of those that the method names for it; the largest is
    its score. No clip is trained on; the history has one entry, of the validation clips.

    Raises
    ------
    SpikesoundError
        If there is no network to start from, it has other outputs than the pretrained one that the
        method names, the row's network cannot have several outputs a class, or a label is unknown.
    """
    method: ZeroShotParams = job.method
    name, began = job.spec.model, time.perf_counter()
    if job.base is None:
        raise SpikesoundError(f"{name}: zero-shot classification starts from a trained model")
    known = load_spec(model_file(method.pretrained)).classes
    column = {label: number for number, label in enumerate(known)}
    head = readout_of(job.base, name)
    if head.out_features != len(known):
        raise SpikesoundError(
            f"{name}: expected a model of {len(known)} classes, as {method.pretrained} has, got "
            f"{head.out_features}"
        )
    if "outputs" not in job.spec.network_params:
        raise SpikesoundError(
            f"{name}: network {job.spec.network!r} has one output a class; expected yamnet"
        )
    labels = [method.labels.get(each, [each]) for each in job.spec.classes]
    outputs = [len(each) for each in labels]
    params = job.spec.network_params | {"outputs": outputs}
    spec = job.spec.model_copy(update={"network_params": params})
    columns = [
        choose(column, label, f"class of {method.pretrained}") for each in labels for label in each
    ]
    network = build(spec)
    state = dict(job.base.state_dict())
    for key, value in state.items():
        if key.startswith("readout."):
            state[key] = value[torch.tensor(columns)]
    network.load_state_dict(state)
    network.eval()
    figures = validate(network, job)
    epoch: Epoch = {"epoch": 1, "train_loss": 0.0, **figures}
    epoch["seconds"] = time.perf_counter() - began
    job.report(epoch)
    return Trained(spec, network, [epoch], {"best_epoch": 1, **figures})
