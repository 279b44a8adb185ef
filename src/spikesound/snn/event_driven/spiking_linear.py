"""A linear layer with its neurons, from spikes to spikes, and a stack of such layers."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.params import LIFParams
from spikesound.snn.event_driven import layer
from spikesound.snn.event_driven.frozen import FrozenStack
from spikesound.snn.event_driven.layer import Packed, Ready, Weights
from spikesound.snn.kernels.torch_lif import State, rest
from spikesound.snn.kernels.untraced import untraced
from spikesound.snn.neurons.lif import LIF

INFERENCE_CROSSOVER = 0.4
TRAINING_CROSSOVER = 0.3
"""Density of input spikes above which the product is dense; benchmarks/neurons compares both."""


class SpikingLinear(nn.Module):
    """Linear layer and leaky integrate-and-fire in one, doing work only for inputs that spiked.

    .. math:: I_t = W x_t + b, \\qquad S = \\mathrm{LIF}(I)

    Where the inputs are spikes, on the processor, and fewer of them than the crossover, the rows of
    weights of the active inputs are added up; else the product is dense. Both have the same sums
    in another order: currents differ by the rounding of float32, about 1e-6 of the sum of the
    weights' magnitudes, and a spike differs only where a potential is that near to its threshold.

    Neither ``linear`` nor ``neuron`` is called on the first way: hooks on them see nothing.

    Parameters
    ----------
    inputs, outputs : number of units
    params : of the neurons
    """

    def __init__(self, inputs: int, outputs: int, params: LIFParams) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        # One input's weights in one piece, under torch's own shape (output, input).
        self.linear.weight = nn.Parameter(self.linear.weight.detach().t().contiguous().t())
        self.neuron = LIF(params)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        """Map spikes (time, batch, input) to spikes (time, batch, output), from rest.

        Other values than 0 and 1 are allowed, and take the dense product. Inputs may be of any
        type; the spikes are of the weights', also under autocast.

        Raises
        ------
        SpikesoundError
            If the spikes have another shape.
        """
        return run([self], spikes)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the state at rest, for spikes (batch, input) shaped as ``like``."""
        return rest(self.linear.weight.new_empty(*like.shape[:-1], self.linear.out_features))

    def step(self, spikes: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the spikes (batch, input) of one time step to those put out and the state after it.

        Without gradients the state returned is a new one, and the old one stays as it was. On the
        sparse way the result is that of a call on the whole sequence, bit by bit.
        """
        layer.check_shape(spikes.unsqueeze(0).shape, self.linear.in_features)
        stepped = None if torch.compiler.is_exporting() else self._sparse_step(spikes, state)
        if stepped is not None:
            return stepped
        spikes, after = self.neuron.step(self.currents(spikes), state)
        return spikes, State(*after)

    @untraced
    def _sparse_step(self, spikes: torch.Tensor, state: State) -> tuple[torch.Tensor, State] | None:
        """Take a step on the sparse way; None: these spikes take the dense one."""
        if not self.sparse(spikes) or _learns(self, spikes):
            return None
        inputs = layer.pack(spikes.unsqueeze(0))
        if inputs is None or inputs.density > INFERENCE_CROSSOVER:
            return None
        after = State(*(part.clone() for part in state))
        _, out = layer.infer(inputs, self.ready(), dense=True, state=after)
        return out[0], after

    def currents(self, x: torch.Tensor) -> torch.Tensor:
        """Return the dense product, of the type of the weights."""
        weight = self.linear.weight
        return functional.linear(x.to(weight.dtype), weight, self.linear.bias).to(weight.dtype)

    def sparse(self, x: torch.Tensor) -> bool:
        """Return whether inputs and layer are of a kind that the sparse way can take."""
        neuron = self.neuron
        kinds = x.device.type == "cpu" and self.linear.weight.dtype == torch.float32
        scalar = neuron.beta.numel() == neuron.threshold.numel() == 1
        return kinds and scalar and neuron.backend in ("auto", "numba") and x.numel() > 0

    def weights(self) -> Weights:
        """Return the layer's parameters, for the kernels."""
        return Weights(self.linear.weight, self.linear.bias, *self.neuron.constants())

    def ready(self) -> Ready:
        """Return the arrays for inference."""
        return self.weights().ready(self.neuron.rule)


class SpikingStack(nn.Sequential):
    """Spiking linear layers, one after the other, that hand on their spikes as bits.

    The same as calling one after the other, but that each layer's spikes need not be searched for.
    """

    def __init__(self, *layers: SpikingLinear) -> None:
        super().__init__(*layers)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        """Map spikes (time, batch, input) to the last layer's (time, batch, output), from rest."""
        return run([cast(SpikingLinear, each) for each in self], spikes)

    def frozen(self) -> FrozenStack:
        """Return the stack as it is now for inference, with nothing left to prepare in a call.

        Raises
        ------
        SpikesoundError
            If a layer is not on the processor in float32, its backend is not auto or numba, it has
            more than one decay or threshold, or the next one takes another number of inputs than it
            puts out.
        """
        layers = [cast(SpikingLinear, each) for each in self]
        for number, each in enumerate(layers):
            if not each.sparse(each.linear.weight):
                raise SpikesoundError(
                    f"layer {number}: frozen layers are float32, on cpu, with backend auto or "
                    f"numba and one decay and threshold; not {each.linear.weight.dtype}, "
                    f"{each.linear.weight.device.type}, {each.neuron.backend}, "
                    f"{each.neuron.beta.numel()} and {each.neuron.threshold.numel()}"
                )
        copies = copy.deepcopy(layers)
        for each in copies:
            each.requires_grad_(False)
        return FrozenStack(
            [each.ready() for each in copies],
            INFERENCE_CROSSOVER,
            lambda number, x: run(copies[number:], x),
        )

    def initial_state(self, like: torch.Tensor) -> tuple[State, ...]:
        """Return each layer's state at rest, for spikes (batch, input) shaped as ``like``."""
        return tuple(cast(SpikingLinear, each).initial_state(like) for each in self)

    def step(
        self, spikes: torch.Tensor, states: tuple[State, ...]
    ) -> tuple[torch.Tensor, tuple[State, ...]]:
        """Map the spikes (batch, input) of one time step to the last layer's and all new states."""
        after = []
        for each, state in zip(self, states, strict=True):
            spikes, state = cast(SpikingLinear, each).step(spikes, state)
            after.append(state)
        return spikes, tuple(after)


def run(layers: list[SpikingLinear], x: torch.Tensor) -> torch.Tensor:
    """Run layers one after the other, each sparse or dense by the density of what it gets.

    ``torch.compile`` calls it as it is; ``torch.export`` gets the dense products.
    """
    if not torch.compiler.is_exporting():
        return _run(layers, x)
    for each in layers:
        layer.check_shape(x.shape, each.linear.in_features)
        x = each.neuron(each.currents(x))
    return x


@untraced
def _run(layers: list[SpikingLinear], x: torch.Tensor) -> torch.Tensor:
    known: Packed | None = None  # x as bits; if so, x itself may hold zeros in place of spikes
    filled = True  # whether x holds its spikes
    for number, each in enumerate(layers):
        last = number == len(layers) - 1
        learns = _learns(each, x)
        layer.check_shape(x.shape, each.linear.in_features)
        if known is None and each.sparse(x):
            known = layer.pack(x)
        if known is None or known.density > (TRAINING_CROSSOVER if learns else INFERENCE_CROSSOVER):
            if not filled:
                assert known is not None
                x = x + known.dense()  # zeros, that gradients pass through
            x = each.neuron(each.currents(x))
            known, filled = None, True
        elif learns:
            known, x = layer.train(x, known, each.weights(), each.neuron.rule, dense=last)
            filled = last
        else:
            known, x = layer.infer(known, each.ready(), dense=last)
            filled = last
    return x


def _learns(each: SpikingLinear, x: torch.Tensor) -> bool:
    parts = each.parameters()
    return torch.is_grad_enabled() and (
        x.requires_grad or any(part.requires_grad for part in parts)
    )
