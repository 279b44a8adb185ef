"""Sigma-delta: a rounded twin, fine-tuned for activations that change little between frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.folding import fold
from spikesound.models.layers import hidden, recorded
from spikesound.models.networks.sigma_delta import SigmaDeltaCNN, stride_of
from spikesound.models.spec import Spec
from spikesound.params import SigmaDeltaParams
from spikesound.snn.neurons.sigma_delta import changes
from spikesound.snn.quantisation.weights import fake_quantise, quantise_weights, synapses
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train, validate
from spikesound.training.methods.fine_tune import hoyer_density
from spikesound.training.methods.rounded import rounded_twin
from spikesound.training.objective import Objective

NETWORKS = {"cnn": ("sigma_delta_cnn", SigmaDeltaCNN)}
"""For a kind of network that kind, and its class, whose layers send changes."""


def train_sigma_delta(job: Job) -> Trained:
    """Return a network whose layers send the changes of their rounded activations over frames.

    The twin is fine-tuned with rounded activations, weights of few bits, and ``changes`` times the
    density of changes in its loss (:class:`ChangePenalty`). Its batch norms are folded, and its
    convolutions then get changes and sum them up
    (:class:`spikesound.models.networks.sigma_delta.SigmaDeltaCNN`), which gives the same scores.
    The weights kept are the last epoch's.

    Raises
    ------
    SpikesoundError
        If there is no network to start from, or it is one that changes do not pass through.
    """
    method: SigmaDeltaParams = job.method
    if job.spec.network not in NETWORKS:
        raise SpikesoundError(
            f"{job.spec.model}: network {job.spec.network!r} cannot send changes; valid: "
            f"{', '.join(NETWORKS)}"
        )
    levels = 2**method.activation_bits - 1
    spec, network = rounded_twin(job, levels)
    final = spec.with_neuron(
        "sigma_delta", {"levels": levels}, network=NETWORKS[spec.network][0], folded=True
    )
    build(final)  # what cannot be computed by changes is refused before anything is trained
    recipe = job.recipe.model_copy(
        update={"epochs": method.epochs, "learning_rate": method.learning_rate}
    )
    job = replace(job, spec=spec, recipe=recipe)
    trained = train(network, job, ChangePenalty(job), keep_last=True)
    if method.weight_bits is not None:
        quantise_weights(trained.network, method.weight_bits)
    return by_changes(trained, job, final)


def by_changes(rounded: Trained, job: Job, spec: Spec) -> Trained:
    """Return the network that computes a rounded twin by changes, validated."""
    twin, network = rounded.network.eval(), build(spec)
    fold(twin)
    network.load_state_dict(twin.state_dict())
    figures = validate(network, replace(job, spec=spec))
    return Trained(spec, network, rounded.history, rounded.result | figures)


class ChangePenalty(Objective):
    """The task's loss with quantised weights, plus the weighted density of changes over frames.

    Of each layer the changes are those that the next one's stride asks for; the density is Hoyer's
    (:func:`.fine_tune.hoyer_density`).
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.method: SigmaDeltaParams = job.method

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the loss of a batch."""
        with recorded(network) as activations:
            loss = super().loss(network, x, targets)
        if not self.method.changes:
            return loss
        last = len(hidden(network)) - 1
        sent = [
            changes(layer, 1 if number == last else stride_of(layer.shape[-2]))
            for number, layer in enumerate(activations)
        ]
        return loss + self.method.changes * hoyer_density(sent)

    def output(self, network: nn.Module, x: torch.Tensor) -> Any:
        """Return the network's output, with quantised weights where the method requires them."""
        bits = self.method.weight_bits
        if bits is None:
            return network(x)
        rounded = {name: fake_quantise(weight, bits) for name, weight in synapses(network).items()}
        return functional_call(network, rounded, (x,))
