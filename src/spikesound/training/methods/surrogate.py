"""Backpropagation through time, with the neuron's surrogate gradient."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.func import functional_call

from spikesound.core.errors import SpikesoundError
from spikesound.models import classifier_spec
from spikesound.models.layers import InSteps, recorded
from spikesound.params import SurrogateParams
from spikesound.snn.decoding import activity_penalty, cross_entropy
from spikesound.snn.encoding import WEIGHTED
from spikesound.snn.quantisation.weights import fake_quantise, quantise_weights, synapses
from spikesound.training.loop import train
from spikesound.training.methods.truncated import backward_in_pieces
from spikesound.training.task import Task, Trained


def train_surrogate(task: Task) -> Trained:
    """Train a spiking network by the gradients of its neurons' surrogates.

    The loss is the cross-entropy of the read-out and, with ``target_rate``, ``rate_weight`` times
    :func:`spikesound.snn.decoding.activity_penalty` of the hidden layers. With ``weight_bits`` the
    network computes with rounded weights while the full ones are trained; the result has the
    rounded ones. With ``truncate_steps`` gradients go no further back in time than a piece of so
    many steps.

    References
    ----------
    Neftci et al. 2019, "Surrogate gradient learning in spiking neural networks"; Werbos 1990,
    "Backpropagation through time"; Williams & Peng 1990 (truncated).
    """
    method: SurrogateParams = task.method
    weights = weighted_steps(task.step_values) if task.spec.encoding in WEIGHTED else None
    spec = task.spec.model_copy(
        update={"readout": method.readout, "step_weights": weights and list(weights)}
    )
    network = classifier_spec.build(spec)
    trained = train(network, replace(task, spec=spec), Backpropagation(method))
    if method.weight_bits is not None:
        quantise_weights(trained.network, method.weight_bits)
    return trained


def weighted_steps(step_values: tuple[float, ...]) -> tuple[float, ...]:
    """Return weights whose mean over the steps, where all spike, is what they are worth in sum."""
    return tuple(len(step_values) * value for value in step_values)


class Backpropagation:
    """Backpropagation through time: whole, or in pieces (`backward_in_pieces`)."""

    def __init__(self, method: SurrogateParams) -> None:
        self.method = method

    def backward(self, network: nn.Module, x: torch.Tensor, targets: torch.Tensor) -> float:
        """Leave the gradients of a batch's loss in the parameters, and return the loss."""
        if self.method.truncate_steps is not None:
            if not isinstance(network, InSteps):
                raise SpikesoundError(
                    "methods.surrogate.truncate_steps: expected null: a "
                    f"{type(network).__name__} cannot be run in pieces of its time steps"
                )
            weights = self._weights(network)
            return backward_in_pieces(network, weights, x, targets, self.method)
        with recorded(network) as spikes:
            loss = cross_entropy(self.scores(network, x), targets)
            if self.method.target_rate is not None:
                penalty = activity_penalty(spikes, self.method.target_rate)
                loss = loss + self.method.rate_weight * penalty
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def scores(self, network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """Return the scores (batch, class) of inputs (time, batch, frame, bin)."""
        scores: torch.Tensor = functional_call(network, self._weights(network), (x,))
        return scores

    def _weights(self, network: nn.Module) -> dict[str, torch.Tensor]:
        bits = self.method.weight_bits
        if bits is None:
            return {}
        return {name: fake_quantise(weight, bits) for name, weight in synapses(network).items()}
