"""Truncated backpropagation through time: the memory of a piece, the loss of the whole clip."""

from __future__ import annotations

import torch
from torch import nn
from torch.func import functional_call

from spikesound.models.layers import InSteps, recorded
from spikesound.params import SurrogateParams
from spikesound.snn.decoding import cross_entropy
from spikesound.snn.neurons.spiking import carried

Weights = dict[str, torch.Tensor]


def backward_in_pieces(
    network: nn.Module,
    weights: Weights,
    x: torch.Tensor,
    targets: torch.Tensor,
    method: SurrogateParams,
) -> float:
    """Leave the gradients of a batch's loss in the parameters, and return the loss.

    The time axis is gone through in pieces of ``truncate_steps``. States pass from piece to piece,
    gradients do not. A first pass, without gradients, gives what the read-out needs of each piece,
    and so the loss and its gradient there; a second pass takes each piece's into the weights. In
    training, batch norms see one piece at a time.

    Parameters
    ----------
    network : an :class:`~spikesound.models.layers.InSteps`; its weights, but for those given, are
        its own
    weights : what takes the place of some of them, by their names
    x : inputs (time, batch, frame, bin)
    targets : (batch, class)

    References
    ----------
    Williams & Peng 1990, "An efficient gradient-based algorithm for on-line training of recurrent
    network trajectories".
    """
    assert method.truncate_steps is not None
    assert isinstance(network, InSteps)
    assert isinstance(network, nn.Module)
    replaced = {f"network.{name}": value for name, value in weights.items()}
    summary, read = _Summary(network), _Read(network)
    pieces = _pieces(network, x, method.truncate_steps)
    rates = _Rates(method)

    before = {name: value.clone() for name, value in network.named_buffers()}
    found = []
    with torch.no_grad(), carried(network), recorded(network) as spikes:
        for piece, steps in pieces:
            found.append(functional_call(summary, replaced, (piece, steps)).requires_grad_())
            rates.add(spikes)
            spikes.clear()
        for name, value in network.named_buffers():
            value.copy_(before[name])  # batch norms count the second pass, not both

    loss = cross_entropy(functional_call(read, replaced, (found,)), targets)
    loss.backward(retain_graph=bool(weights))  # type: ignore[no-untyped-call]

    with carried(network), recorded(network) as spikes:
        for (piece, steps), known in zip(pieces, found, strict=True):
            again = functional_call(summary, replaced, (piece, steps))
            part = (again * known.grad).sum() + rates.term(spikes)
            part.backward(retain_graph=bool(weights))
            spikes.clear()
    return loss.item() + rates.penalty()


class _Rates:
    """The activity penalty over pieces: its value, and for a piece a term of the same gradient."""

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
        total = torch.zeros(())
        for off, chances, spikes in zip(self._off(), self.chances, layers, strict=False):
            total = total + 2 * self.weight * off / len(layers) / chances * spikes.sum()
        return total


class _Summary(nn.Module):
    """A network before its read-out, as a module whose weights can be replaced in a call."""

    def __init__(self, network: InSteps) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        return self.network.summary(x, steps)


class _Read(nn.Module):
    """Its read-out."""

    def __init__(self, network: InSteps) -> None:
        super().__init__()
        self.network = network

    def forward(self, summaries: list[torch.Tensor]) -> torch.Tensor:
        return self.network.scores(summaries)


def _pieces(network: InSteps, x: torch.Tensor, size: int) -> list[tuple[torch.Tensor, int]]:
    """Divide the weighted inputs by time; values of one step stand for all steps of a piece."""
    steps = network.steps
    sizes = [min(size, steps - start) for start in range(0, steps, size)]
    x = network.weighted(x)
    parts = [x] * len(sizes) if len(x) == 1 else list(torch.split(x, size))
    return list(zip(parts, sizes, strict=True))
