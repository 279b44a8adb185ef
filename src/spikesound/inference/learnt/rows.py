"""A model with the sounds that it has learnt: its network with a row of its read-out for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.inference.learnt.activity import HiddenLayer, linear_readout
from spikesound.inference.learnt.file import THRESHOLD, Taught, learnt_path, read
from spikesound.models import loading
from spikesound.models.build import build
from spikesound.models.loading import TrainedModel
from spikesound.models.spec import Decision


def load(path: Path, learnt: Path | None = None) -> TrainedModel:
    """Load a trained model with the sounds that it has learnt.

    Parameters
    ----------
    path : see :func:`spikesound.models.loading.find_model`
    learnt : file of the sounds; None: the one beside the model, if there is one

    Raises
    ------
    SpikesoundError
        As :func:`spikesound.models.loading.load`; and if the file of the sounds is missing,
        damaged, or of another model.
    """
    model = loading.load(path)
    file = loading.find_model(path)
    if learnt is None and not learnt_path(file).exists():
        return model
    return with_rows(model, taught_of(model, file, learnt))


def taught_of(model: TrainedModel, file: Path, learnt: Path | None = None) -> list[Taught]:
    """Return what a model of a file has learnt; raises as :func:`.file.read`.

    Parameters
    ----------
    learnt : file of the sounds; None: the one beside the model
    """
    synapses = HiddenLayer(model).synapses
    return read(learnt or learnt_path(file), file, [*model.labels, *model.ids], synapses)


def with_rows(model: TrainedModel, taught: Sequence[Taught]) -> TrainedModel:
    """Return a model with a class more for each sound.

    Its network is built with as many rows more in the read-out. All other weights are those of the
    model, so that every backend computes it, and the potentials of the known classes are the same.

    Raises
    ------
    SpikesoundError
        If its read-out is not linear, or it is a detector without thresholds.
    """
    linear_readout(model)
    added = [each.sound.name for each in taught]
    decision = model.spec.decision
    if decision is not None:
        decision = Decision(
            thresholds=decision.thresholds + [THRESHOLD] * len(taught),
            medians=decision.medians + [each.sound.median for each in taught],
            lookahead=decision.lookahead,
        )
    elif model.detects:
        raise SpikesoundError(f"{model.name}: a detector without tuned thresholds")
    spec = model.spec.model_copy(
        update={
            "classes": model.ids + added,
            "names": model.labels + added,
            "decision": decision,
        }
    )
    with torch.random.fork_rng([]):
        network = build(spec)
    state = network.state_dict()
    for name, values in model.network.state_dict().items():
        if state[name].shape == values.shape:
            state[name] = values
        else:  # of the read-out, or of a head for attention, which takes no part in a stream
            state[name].zero_()[: len(values)] = values
    network.load_state_dict(state)
    extended = TrainedModel(spec, network.eval(), model.calibration)
    weights = torch.from_numpy(np.stack([each.weights for each in taught]))
    linear = linear_readout(extended).synapses
    assert isinstance(linear, torch.nn.Linear)
    with torch.no_grad():
        linear.weight[-len(taught) :] = weights[:, :-1]
        linear.bias[-len(taught) :] = weights[:, -1]
    return extended
