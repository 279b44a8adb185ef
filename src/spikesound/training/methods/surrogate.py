"""Backpropagation through time, with the neuron's surrogate gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from spikesound.models.build import build
from spikesound.params import SurrogateParams
from spikesound.snn.decoding import activity_penalty
from spikesound.snn.quantisation.weights import fake_quantise, quantise_weights, synapses
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train
from spikesound.training.methods.truncated import backward_in_chunks, check_truncation
from spikesound.training.objective import Backward, Objective


def train_surrogate(job: Job) -> Trained:
    """Return a spiking network trained by the gradients of its neurons' surrogates.

    The loss is the task's and, with ``target_rate``, ``rate_weight`` times
    :func:`spikesound.snn.decoding.activity_penalty` of the hidden layers (firing-rate
    regularisation). With ``weight_bits`` the network computes with quantised weights while the full
    ones are trained; the result has the quantised ones. With ``truncate_steps`` gradients go no
    further back in time than a chunk of that number of time steps.

    References
    ----------
    Neftci et al. 2019, "Surrogate gradient learning in spiking neural networks"; Werbos 1990,
    "Backpropagation through time"; Williams & Peng 1990 (truncated).
    """
    method: SurrogateParams = job.method
    encoding = job.spec.encoding_section()
    weights = step_weights(job.step_values) if encoding and encoding.weighted else None
    spec = job.spec.model_copy(
        update={"readout": method.readout, "step_weights": weights and list(weights)}
    )
    network = build(spec)
    if method.truncate_steps is not None:
        check_truncation(network)
    trained = train(network, replace(job, spec=spec), Backpropagation(job))
    if method.weight_bits is not None:
        quantise_weights(trained.network, method.weight_bits)
    return trained


def step_weights(step_values: tuple[float, ...]) -> tuple[float, ...]:
    """Return the decoding weights times the number of steps: their mean is the decoded value."""
    return tuple(len(step_values) * value for value in step_values)


class Backpropagation(Objective):
    """Backpropagation through time: whole, or truncated (`backward_in_chunks`)."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.method: SurrogateParams = job.method

    def backward(
        self, network: nn.Module, x: torch.Tensor, targets: Targets, backward: Backward
    ) -> float:
        """Accumulate the gradients of a batch's loss in the parameters, and return the loss."""
        if self.method.truncate_steps is None:
            return super().backward(network, x, targets, backward)
        weights = self._weights(network)
        return backward_in_chunks(network, weights, x, targets, self.task, self.method, backward)

    def output(self, network: nn.Module, x: torch.Tensor) -> Any:
        """Return the network's output, with quantised weights where the method requires them."""
        return functional_call(network, self._weights(network), (x,))

    def penalty(self, spikes: Sequence[torch.Tensor]) -> torch.Tensor | float:
        """Return the weighted firing-rate regularisation, and the penalty of silence."""
        penalty = super().penalty(spikes)
        if self.method.target_rate is None:
            return penalty
        return penalty + self.method.rate_weight * activity_penalty(spikes, self.method.target_rate)

    def _weights(self, network: nn.Module) -> dict[str, torch.Tensor]:
        bits = self.method.weight_bits
        if bits is None:
            return {}
        return {name: fake_quantise(weight, bits) for name, weight in synapses(network).items()}
