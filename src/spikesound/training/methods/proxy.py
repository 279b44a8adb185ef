"""Proxy training: the spiking network's error, the gradient of an ANN that shares its weights."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.func import functional_call

from spikesound.models.build import build
from spikesound.snn.neurons.if_ import IF
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train
from spikesound.training.methods.convert import NEURON
from spikesound.training.methods.surrogate import step_weights
from spikesound.training.objective import Objective


def train_proxy(job: Job) -> Trained:
    """Return integrate-and-fire neurons trained by the gradients of an ANN with the same weights.

    Both networks process a batch: the spiking one its spikes, each step's times its decoding
    weight, the ANN their sum. The ANN's scores are then replaced by the spiking network's, whose
    error goes back through the ANN:

    .. math:: L = \\mathrm{CE}(z_{SNN}, y), \\qquad
              \\frac{\\partial z_{SNN}}{\\partial w} := \\frac{\\partial z_{ANN}}{\\partial w}

    The ANN's activation is :math:`\\min(\\max(x, 0), 1)`, the spikes per step of a neuron of
    threshold 1 under a steady current x. No surrogate and no time in the backward pass: it costs an
    ANN's step and a spiking forward pass. Each has its own figures of its batch norms.

    References
    ----------
    Kheradpisheh, Mirsadeghi & Masquelier 2022, "Spiking neural networks trained via proxy".
    """
    spikes = job.training.spikes
    weights = list(step_weights(job.step_values)) if spikes else None
    spec = job.spec.with_neuron("integrate_and_fire", NEURON, step_weights=weights)
    network = build(spec, lambda: IF(NEURON))
    single = spec.with_neuron(
        "relu", {}, steps=1, step_weights=None, encoding=None, encoding_params=None
    )
    twin = build(single, lambda: nn.Hardtanh(0.0, 1.0))
    values = torch.tensor(job.step_values) if spikes else None
    return train(network, replace(job, spec=spec), Proxy(job, twin, values))


class Proxy(Objective):
    """The scores of the spiking network with the gradients of its twin.

    Parameters
    ----------
    twin : the ANN; its weights are taken from the spiking network at each call
    step_values : decoding weight of a spike of each step; None: the inputs are one step of values
    """

    def __init__(self, job: Job, twin: nn.Module, step_values: torch.Tensor | None) -> None:
        super().__init__(job)
        self.twin = job.fabric.to_device(twin)
        self.step_values = None if step_values is None else job.fabric.to_device(step_values)

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the loss of a batch, whose gradient is the twin's."""
        # Both drop the same units.
        with torch.random.fork_rng(), torch.no_grad():
            spiking = network(x)
        values = self.step_values
        decoded = x if values is None else torch.tensordot(values, x, 1).unsqueeze(0)
        scores = functional_call(self.twin, dict(network.named_parameters()), (decoded,))
        return self.task.loss(scores + (spiking - scores).detach(), targets)
