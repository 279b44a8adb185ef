"""Proxy training: the spiking network's error, the gradient of an ANN that shares its weights."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.func import functional_call

from spikesound.models import classifier_spec
from spikesound.snn.decoding import cross_entropy
from spikesound.training.loop import Plain, train
from spikesound.training.methods.convert import NEURON
from spikesound.training.methods.surrogate import weighted_steps
from spikesound.training.task import Task, Trained


def train_proxy(task: Task) -> Trained:
    """Train integrate-and-fire neurons by the gradients of an ANN with the same weights.

    Both networks see a batch: the spiking one its spikes, each step's weighted by what they are
    worth, the ANN their sum. The ANN's scores are then replaced by the spiking network's, whose
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
    spikes = task.training.spikes
    weights = list(weighted_steps(task.step_values)) if spikes else None
    spec = task.spec.model_copy(
        update={
            "neuron": "integrate_and_fire",
            "neuron_params": NEURON.model_dump(),
            "step_weights": weights,
        }
    )
    network = classifier_spec.build(spec)
    single = {"neuron": None, "neuron_params": None, "steps": 1, "step_weights": None}
    twin = classifier_spec.build(spec.model_copy(update=single), lambda: nn.Hardtanh(0.0, 1.0))
    worth = torch.tensor(task.step_values) if spikes else None
    return train(network, replace(task, spec=spec), Proxy(twin, worth))


class Proxy(Plain):
    """The scores of the spiking network with the gradients of its twin.

    Parameters
    ----------
    twin : the ANN; its weights are taken from the spiking network at each call
    step_values : what a spike of each step is worth; None: the inputs are one step of values
    """

    def __init__(self, twin: nn.Module, step_values: torch.Tensor | None) -> None:
        self.twin = twin
        self.step_values = step_values

    def backward(self, network: nn.Module, x: torch.Tensor, targets: torch.Tensor) -> float:
        """Leave the gradients of a batch's loss in the parameters, and return the loss."""
        drawn = torch.get_rng_state()
        with torch.no_grad():
            spiking = network(x)
        torch.set_rng_state(drawn)  # both drop the same units
        worth = self.step_values
        decoded = x if worth is None else torch.tensordot(worth, x, 1).unsqueeze(0)
        scores = functional_call(self.twin, dict(network.named_parameters()), (decoded,))
        loss = cross_entropy(scores + (spiking - scores).detach(), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()
