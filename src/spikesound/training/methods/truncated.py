"""Truncated backpropagation through time in chunks, with the loss of the whole clip."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.func import functional_call

from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import InSteps, spiking_neurons
from spikesound.params import SurrogateParams
from spikesound.snn.decoding import recorded_spikes
from spikesound.snn.neurons.spiking import carried
from spikesound.tasks.task import Targets, Task
from spikesound.training.objective import Backward

Weights = dict[str, torch.Tensor]


def check_truncation(network: nn.Module) -> None:
    """Check that a network can be run in chunks of its time steps.

    Raises
    ------
    SpikesoundError
        If it cannot.
    """
    if not isinstance(network, InSteps):
        raise SpikesoundError(
            f"truncate_steps: {type(network).__name__} cannot be run in chunks of time steps; "
            "truncated BPTT needs a network with a summary of steps, such as cnn"
        )


def backward_in_chunks(
    network: nn.Module,
    weights: Weights,
    x: torch.Tensor,
    targets: Targets,
    task: Task,
    method: SurrogateParams,
    backward: Backward,
) -> float:
    """Accumulate the gradients of a batch's loss in the parameters, and return the loss.

    The time axis is divided into chunks of ``truncate_steps``. States pass from chunk to chunk,
    gradients do not. A first pass, without gradients, gives what the read-out needs of each chunk,
    and so the loss and its gradient there; a second pass takes each chunk's into the weights. In
    training, batch norms see one chunk at a time.

    Parameters
    ----------
    network : can be run in steps; its weights, but for those given, are its own
    weights : replace some of them, by their names
    x : inputs (time, batch, frame, bin)

    References
    ----------
    Williams & Peng 1990, "An efficient gradient-based algorithm for on-line training of recurrent
    network trajectories".
    """
    assert method.truncate_steps is not None
    replaced = {f"network.{name}": value for name, value in weights.items()}
    summary, read = _Summary(network), _Read(network)
    chunks = _chunks(network, x, method.truncate_steps)
    rates = _Rates(method)

    before = {name: value.clone() for name, value in network.named_buffers()}
    summaries = []
    with torch.no_grad(), carried(network), recorded_spikes(spiking_neurons(network)) as spikes:
        for chunk, steps in chunks:
            summaries.append(functional_call(summary, replaced, (chunk, steps)).requires_grad_())
            rates.add(spikes)
            spikes.clear()
        for name, value in network.named_buffers():
            value.copy_(before[name])  # batch norms count the second pass, not both

    loss = task.loss(functional_call(read, replaced, (summaries,)), targets)
    # The quantised weights' graph is used by each chunk's pass.
    loss.backward(retain_graph=bool(weights))  # type: ignore[no-untyped-call]

    with carried(network), recorded_spikes(spiking_neurons(network)) as spikes:
        for (chunk, steps), known in zip(chunks, summaries, strict=True):
            again = functional_call(summary, replaced, (chunk, steps))
            part = (again * known.grad).sum() + rates.term(spikes)
            part.backward(retain_graph=bool(weights))
            spikes.clear()
    return loss.item() + rates.penalty()


class _Rates:
    """The activity penalty over chunks: its value, and for a chunk a term of the same gradient."""

    def __init__(self, method: SurrogateParams) -> None:
        self.target, self.weight = method.target_rate, method.rate_weight
        self.spikes: list[float] = []
        self.chances: list[int] = []

    def add(self, layers: list[torch.Tensor]) -> None:
        self.spikes = self.spikes or [0.0] * len(layers)
        self.chances = self.chances or [0] * len(layers)
        for number, spikes in enumerate(layers):
            self.spikes[number] += spikes.sum().item()
            self.chances[number] += spikes.numel()

    def _off(self) -> list[float]:
        if self.target is None:
            return []
        pairs = zip(self.spikes, self.chances, strict=True)
        return [count / chances - self.target for count, chances in pairs]

    def penalty(self) -> float:
        return self.weight * sum(off * off for off in self._off()) / max(1, len(self.spikes))

    def term(self, layers: list[torch.Tensor]) -> torch.Tensor:
        device = layers[0].device if layers else torch.device("cpu")
        total = torch.zeros((), device=device)
        for off, chances, spikes in zip(self._off(), self.chances, layers, strict=False):
            total = total + 2 * self.weight * off / len(layers) / chances * spikes.sum()
        return total


class _Summary(nn.Module):
    """A network before its read-out, as a module whose weights can be replaced in a call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        return cast(InSteps, self.network).summary(x, steps)


class _Read(nn.Module):
    """Its read-out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, summaries: list[torch.Tensor]) -> torch.Tensor:
        return cast(InSteps, self.network).scores(summaries)


def _chunks(network: nn.Module, x: torch.Tensor, size: int) -> list[tuple[torch.Tensor, int]]:
    """Divide the weighted inputs by time; values of one step stand for all steps of a chunk."""
    steps = cast(InSteps, network).steps
    sizes = [min(size, steps - start) for start in range(0, steps, size)]
    x = cast(InSteps, network).weighted(x)
    parts = [x] * len(sizes) if len(x) == 1 else list(torch.split(x, size))
    return list(zip(parts, sizes, strict=True))
