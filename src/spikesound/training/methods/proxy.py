"""Proxy training: the spiking network's error, the gradient of an ANN that shares its weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.params import NEURON_PARAMS, ProxyParams
from spikesound.snn.neurons.hard_reset_if import HardResetIF
from spikesound.snn.neurons.if_ import IF
from spikesound.tasks.classification.squared_error import SquaredError
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train
from spikesound.training.methods.convert import NEURON
from spikesound.training.methods.surrogate import step_weights
from spikesound.training.objective import Objective

RESETS: dict[str, tuple[str, Callable[[Any], nn.Module]]] = {
    "subtract": ("integrate_and_fire", IF),
    "zero": ("hard_reset_if", HardResetIF),
}
"""Neuron of each reset: its name in the registry, and what makes it."""

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "clipped": lambda: nn.Hardtanh(0.0, 1.0),
    "relu": nn.ReLU,
}


def train_proxy(job: Job) -> Trained:
    """Return integrate-and-fire neurons trained by the gradients of an ANN with the same weights.

    Both networks process a batch: the spiking one its spikes, each step's times its decoding
    weight, the ANN their sum. The ANN's scores are then replaced by the spiking network's, whose
    error goes back through the ANN:

    .. math:: L = \\mathrm{CE}(z_{SNN}, y), \\qquad
              \\frac{\\partial z_{SNN}}{\\partial w} := \\frac{\\partial z_{ANN}}{\\partial w}

    The ANN's activation is :math:`\\min(\\max(x, 0), 1)`, the spikes per step of a neuron of
    threshold 1 under a steady current x, or the paper's ReLU. No surrogate and no time in the
    backward pass: it costs an ANN's step and a spiking forward pass. Each has its own figures of
    its batch norms. ``readout: spike_count`` adds an output neuron a class, whose counts over all
    steps are the scores; the ANN's are the currents of these neurons. With ``loss: squared_error``
    the objective, in training and in validation, is
    :class:`spikesound.tasks.classification.squared_error.SquaredError`.

    Raises
    ------
    SpikesoundError
        If squared error is asked for with several labels a clip, or with a teacher.

    References
    ----------
    Kheradpisheh, Mirsadeghi & Masquelier 2022, "Spiking neural networks trained via proxy".
    """
    method: ProxyParams = job.method
    spikes = job.training.spikes
    weights = list(step_weights(job.step_values)) if spikes else None
    name, neuron = RESETS[method.reset]
    section = NEURON_PARAMS[name].model_validate(NEURON.model_dump() | {"initial": method.initial})
    spec = job.spec.with_neuron(name, section, step_weights=weights, readout=method.readout)
    task = job.task
    if method.loss == "squared_error":
        check_squared_error(job)
        task = SquaredError()
    network = build(spec, lambda: neuron(section))
    single = spec.with_neuron(
        "relu", {}, steps=1, step_weights=None, encoding=None, encoding_params=None, readout="rate"
    )
    pair = Pair(network, build(single, ACTIVATIONS[method.activation]))
    job = replace(job, spec=spec, task=task)
    values = torch.tensor(job.step_values) if spikes else None
    trained = train(pair, job, Proxy(job, values))
    return replace(trained, network=network)


def check_squared_error(job: Job) -> None:
    """Check that a job's objective is the cross-entropy of single labels alone.

    Raises
    ------
    SpikesoundError
        If it is not.
    """
    if not job.task.shares or job.recipe.teacher is not None:
        raise SpikesoundError(
            f"{job.spec.model}: methods.proxy.loss: squared_error takes single labels and no "
            "teacher; valid here: task"
        )


class Pair(nn.Module):
    """A spiking network and an ANN that has its weights: their parameters are the same tensors.

    Its state holds both networks' figures of their batch norms, so that a checkpoint does.

    Parameters
    ----------
    spiking, twin : networks of the same layers; the twin's parameters are replaced
    """

    def __init__(self, spiking: nn.Module, twin: nn.Module) -> None:
        super().__init__()
        self.spiking, self.twin = spiking, twin
        weights = dict(spiking.named_parameters())
        for name in [name for name, _ in twin.named_parameters()]:
            where, _, last = name.rpartition(".")
            setattr(twin.get_submodule(where), last, weights[name])

    def forward(self, x: torch.Tensor) -> Any:
        """Return the spiking network's output."""
        return self.spiking(x)


class Proxy(Objective):
    """The scores of the spiking network of a pair with the gradients of its twin.

    Parameters
    ----------
    step_values : decoding weight of a spike of each step; None: the inputs are one step of values
    """

    def __init__(self, job: Job, step_values: torch.Tensor | None) -> None:
        super().__init__(job)
        self.step_values = None if step_values is None else job.fabric.to_device(step_values)
        epochs = job.method.frozen_after
        batches = math.ceil(len(job.training) / job.recipe.batch_clips)
        self.frozen_after = None if epochs is None else epochs * batches

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the loss of a batch, whose gradient is the twin's."""
        assert isinstance(network, Pair)
        if self.frozen_after is not None:
            freeze_norms(network, self.frozen_after)
        # Both drop the same units.
        with torch.random.fork_rng(), torch.no_grad():
            spiking = network(x)
        values = self.step_values
        decoded = x if values is None else torch.tensordot(values, x, 1).unsqueeze(0)
        scores = network.twin(decoded)
        return self.task.loss(scores + (spiking - scores).detach(), targets)


def freeze_norms(network: nn.Module, batches: int) -> None:
    """Let batch norms that were fitted to a number of batches keep their mean and variance.

    They normalise by these until the network's next ``train()``; scale and shift are trained on.
    """
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            seen = module.num_batches_tracked
            if seen is not None and int(seen) >= batches:
                module.eval()
