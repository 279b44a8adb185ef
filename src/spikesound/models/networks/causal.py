"""Causal layers: each goes through a sequence at once, or on from where it stopped."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spikesound.models.folding import Normed
from spikesound.models.grid import merged_average
from spikesound.models.layers import Causal, Layer, Source
from spikesound.snn.neurons import SpikingNeuron
from spikesound.snn.neurons.bounds import unit

State = Any
"""State of a layer between calls: tensors, in tuples of its own."""

Spikes = list[torch.Tensor]
"""Gets each spiking layer's spikes of the frames that are processed, in order."""


class CausalBlock(Normed):
    """Convolution over frames and bins, mean over neighbouring bins, batch norm, neuron.

    .. math::
        I_t[c, v] = \\mathrm{BN}\\Big(\\frac1p \\sum_{u = p v}^{p v + p - 1} \\sum_{i, j, c'}
        w[c, c', i, j] \\, x_{t - i}[c', u + j - \\lfloor k/2 \\rfloor]\\Big)

    Frames before the first are zero. The mean is merged into the kernel, as one convolution of
    stride p along the bins: before the neuron all is linear.

    Parameters
    ----------
    inputs, outputs : channels
    bins : of the input
    kernel : k, odd; of frames, this one and those before
    pool : p
    neuron : on (time, batch, channel, bin)
    """

    synapses_name = "convolution"

    def __init__(
        self, inputs: int, outputs: int, bins: int, kernel: int, pool: int, neuron: nn.Module
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.neuron = neuron
        self.kernel, self.pool = kernel, pool
        self.inputs, self.outputs = (inputs, bins), (outputs, bins // pool)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, channel, bin) to the same with other channels and fewer bins."""
        out: torch.Tensor = self.neuron(self.currents(self._padded(x, None)))
        return out

    def rest(self, batch: int) -> State:
        """Return the state before the first frame."""
        weight = self.convolution.weight
        before = weight.new_zeros(self.kernel - 1, batch, *self.inputs)
        return before, rest(self.neuron, weight.new_zeros(batch, *self.outputs))

    def advance(
        self, x: torch.Tensor, state: State, spikes: Spikes | None = None
    ) -> tuple[torch.Tensor, State]:
        """Map the next frames, (time, batch, channel, bin), and return the state after them."""
        padded = self._padded(x, state[0])
        out, after = advance(self.neuron, self.currents(padded), state[1], spikes)
        return out, (padded[len(x) :], after)

    def currents(self, padded: torch.Tensor) -> torch.Tensor:
        """Return what goes to the neuron, of as many frames as come after the first k - 1."""
        maps = padded.permute(1, 2, 0, 3).contiguous(memory_format=torch.channels_last)
        out = functional.conv2d(
            maps, self.merged(), self.convolution.bias, (1, self.pool), (0, self.kernel // 2)
        )
        normed: torch.Tensor = self.norm(out[..., : self.outputs[1]])
        return normed.permute(2, 0, 1, 3)

    def merged(self) -> torch.Tensor:
        """Return the kernel with the mean over bins in it, (output, input, k, k + p - 1)."""
        return merged_average(self.convolution.weight, (1, self.pool))

    def layer(self, name: str, source: Source) -> Layer:
        """Return it as a layer."""
        geometry = Causal(self.kernel, 1, self.kernel, self.pool, self.inputs, self.outputs)
        return causal_layer(self, name, source, geometry)

    def _padded(self, x: torch.Tensor, before: torch.Tensor | None) -> torch.Tensor:
        if before is None:
            before = x.new_zeros(self.kernel - 1, *x.shape[1:])
        return torch.cat([before, x])


class CausalLayer(Normed):
    """Dilated convolution over frames, batch norm, neuron.

    .. math:: I_t = \\mathrm{BN}\\Big(\\sum_{i=0}^{n-1} W_i \\, x_{t - i d}\\Big)

    Parameters
    ----------
    inputs, outputs : features
    taps, dilation : n and d
    neuron : on (time, batch, feature)
    """

    synapses_name = "convolution"

    def __init__(
        self, inputs: int, outputs: int, taps: int, dilation: int, neuron: nn.Module
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, taps, dilation=dilation, bias=False)
        self.norm: nn.Module = nn.BatchNorm1d(outputs)
        self.neuron = neuron
        self.before = (taps - 1) * dilation
        self.inputs, self.outputs = inputs, outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, inputs) to (time, batch, outputs)."""
        before = x.new_zeros(self.before, *x.shape[1:])
        out: torch.Tensor = self.neuron(self.currents(torch.cat([before, x])))
        return out

    def rest(self, batch: int) -> State:
        """Return the state before the first frame."""
        weight = self.convolution.weight
        before = weight.new_zeros(self.before, batch, self.inputs)
        return before, rest(self.neuron, weight.new_zeros(batch, self.outputs))

    def advance(
        self, x: torch.Tensor, state: State, spikes: Spikes | None = None
    ) -> tuple[torch.Tensor, State]:
        """Map the next frames, (time, batch, inputs), and return the state after them."""
        padded = torch.cat([state[0], x])
        out, after = advance(self.neuron, self.currents(padded), state[1], spikes)
        return out, (padded[len(x) :], after)

    def currents(self, padded: torch.Tensor) -> torch.Tensor:
        """Return what goes to the neuron."""
        found: torch.Tensor = self.norm(self.convolution(padded.permute(1, 2, 0)))
        return found.permute(2, 0, 1)

    def layer(self, name: str, source: Source) -> Layer:
        """Return it as a layer."""
        taps, dilation = self.convolution.kernel_size[0], self.convolution.dilation[0]
        geometry = Causal(taps, dilation, 1, 1, (self.inputs, 1), (self.outputs, 1))
        return causal_layer(self, name, source, geometry)


def causal_layer(
    module: CausalBlock | CausalLayer, name: str, source: Source, geometry: Causal
) -> Layer:
    """Return a causal convolution as a layer."""
    return Layer(
        name,
        "causal_convolution",
        module,
        source,
        module.convolution,
        module.norm,
        module.neuron,
        geometry=geometry,
        by_frame=True,
    )


class Integrator(nn.Module):
    """Leaky integration of what is read: one membrane a class, that does not spike.

    .. math:: U_t = \\beta U_{t-1} + (1 - \\beta) I_t

    with one learnt decay, used within [0, 1].
    """

    def __init__(self, classes: int, beta: float = 0.5) -> None:
        super().__init__()
        self.classes = classes
        self.beta = nn.Parameter(torch.tensor(beta))

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, class) to potentials of the same shape."""
        return self.advance(currents, self.rest(currents.shape[1]))[0]

    def rest(self, batch: int) -> State:
        """Return the state before the first frame."""
        return self.beta.new_zeros(batch, self.classes)

    def advance(self, currents: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the next frames, and return the state after them."""
        beta = unit(self.beta)
        potentials = []
        for current in ((1 - beta) * currents).unbind(0):
            state = torch.addcmul(current, beta, state)
            potentials.append(state)
        return torch.stack(potentials), state


def rest(neuron: nn.Module, like: torch.Tensor) -> State:
    """Return a neuron's state at rest; one that keeps nothing has none."""
    return neuron.initial_state(like) if isinstance(neuron, SpikingNeuron) else ()


def advance(
    neuron: nn.Module, currents: torch.Tensor, state: State, spikes: Spikes | None
) -> tuple[torch.Tensor, State]:
    """Let a neuron go on by the next frames."""
    if not isinstance(neuron, SpikingNeuron):
        return neuron(currents), state
    out, state = neuron.advance(currents, state)
    if spikes is not None:
        spikes.append(out)
    return out, state
