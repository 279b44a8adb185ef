"""Layers of a network, as counting, folding, faults, conversion and export use them.

Every network has a method ``layers()`` that returns its :class:`Layer` list in the order of
computation. Whoever treats networks dispatches on the kind of layer, never on the network's class.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.grid import Grid
from spikesound.snn.neurons import SpikingNeuron
from spikesound.snn.neurons.spiking import substeps

Kind = Literal[
    "convolution",
    "causal_convolution",
    "linear",
    "join",
    "gated",
    "recurrent",
    "competition",
    "best_matching",
    "decoding",
    "pooling",
    "frame_pooling",
    "running_pooling",
    "own_code",
    "tap",
]
"""Kind of operation of a layer.

================== ===================================================== ====================
kind               what it computes                                      input of its module
================== ===================================================== ====================
convolution        convolution over frames and bins, pooling             (step, batch, channel,
                   (:class:`Grid`), norm, neuron                         frame, bin)
causal_convolution convolution over this and earlier frames and over     (frame, batch,
                   bins (:class:`Causal`), norm, neuron                  channel[, bin])
linear             a linear map, and what integrates it                  (..., batch, feature)
join               outputs of two layers, added or side by side          the first of them
gated              LSTM, GRU or RNN over frames                          see :class:`Gates`
recurrent          linear map, norm, spiking neurons with synapses from  (frame, batch, feature)
                   each other
competition        neurons of some frames and all bins, of which one     (step, batch, frame, bin)
                   wins
best_matching      units of which the one nearest to the input spikes    (frame, batch, bin)
decoding           sum over steps of the input times the decoding        (step, batch, frame, bin)
                   weights of its steps
pooling            sum over steps and bins of its module's *output*, or  as convolution
                   all of the pooling (:class:`Places`)
frame_pooling      mean and maximum over frames of that                  as convolution
running_pooling    mean and maximum over frames, frame by frame, of its  as gated
                   module's output
own_code           a network of a user's code, whole                     as its section says
tap                what stands in it to be watched, and computes nothing as its module's
================== ===================================================== ====================
"""

Source = Literal["input", "values", "activations", "spikes", "spike_numbers", "pooled"]
"""Kind of input of a layer: the network's input, its values decoded from spikes, outputs of
neurons, sums of several neurons' spikes, or means and maxima of such."""

Join = Literal["sum", "beside"]


@dataclass(frozen=True)
class Causal:
    """A convolution over frames t, t - d, ..., t - (n - 1) d, and over bins, whose mean is taken.

    Attributes
    ----------
    taps, dilation : n and d
    width : of the kernel along the bins, padded by half; 1: no bins
    pool : neighbouring bins averaged
    inputs, outputs : (channels, bins); one bin where the input has no such axis
    """

    taps: int
    dilation: int
    width: int
    pool: int
    inputs: tuple[int, int]
    outputs: tuple[int, int]


@dataclass(frozen=True)
class Gates:
    """LSTM, GRU or RNN cells over frames.

    Attributes
    ----------
    gates : number of linear maps of each cell: 4, 3, 1
    clip_axis : the input is (1, batch, frame, bin), else (frame, batch, feature)
    """

    gates: int
    clip_axis: bool

    def frames_first(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input as (frame, batch, feature)."""
        return x[0].transpose(0, 1) if self.clip_axis else x


@dataclass(frozen=True)
class Places:
    """Pooling over all frames and bins at once, or over the frames of each bin.

    Attributes
    ----------
    attention : a mean weighted by attention; else mean plus maximum
    each_bin : of each bin on its own
    """

    attention: bool
    each_bin: bool = False


@dataclass(frozen=True)
class Layer:
    """One layer of a network. After :func:`spikesound.models.folding.fold` request them again.

    Attributes
    ----------
    name : as in the tables of costs; unique in the network
    kind : what it computes
    module : whose call takes the layer's input and returns its output; of the kinds of pooling the
        module whose output is pooled
    source : what its input is
    synapses : holds the weights; None: there are none
    norm : batch norm between synapses and neuron, ``nn.Identity`` once it is folded
    neuron : what the sums go to, None: nothing
    units : which neurons these are, where they are not the network's: ``alif``, ``li`` (a membrane
        that is read), ``winner``, ``lstm``, ...
    geometry : of convolutions and gated cells, and of pooling over all places
    reads : names of the layers whose outputs it gets side by side; empty: the one before
    join : of a join: whether it adds the outputs of the layers that it reads, or takes them as
        further channels
    by_frame : it runs frame by frame, from a stream without a beginning
    each_step : of pooling: at each step instead of once
    substeps : of frames, in each of which a place of its input may have a spike
    readout : its outputs are those of the classes
    """

    name: str
    kind: Kind
    module: nn.Module
    source: Source
    synapses: nn.Module | None = None
    norm: nn.Module | None = None
    neuron: nn.Module | None = None
    units: str | None = None
    geometry: Grid | Causal | Gates | Places | None = None
    reads: tuple[str, ...] = ()
    join: Join | None = None
    by_frame: bool = False
    each_step: bool = False
    substeps: int = 1
    readout: bool = False

    @property
    def spiking(self) -> bool:
        """Whether its outputs are spikes."""
        return isinstance(self.neuron, SpikingNeuron)


@runtime_checkable
class Layered(Protocol):
    """A network."""

    def layers(self) -> list[Layer]:
        """Return the layers in the order of computation."""
        ...


def layers_of(network: nn.Module) -> list[Layer]:
    """Return a network's layers.

    Raises
    ------
    SpikesoundError
        If it is a module without layers.
    """
    if not isinstance(network, Layered):
        raise SpikesoundError(
            f"{type(network).__name__}: expected a network with a method layers(), and got none"
        )
    return network.layers()


def hidden(network: nn.Module) -> list[Layer]:
    """Return the layers whose sums go to neurons: not the read-out, and no gated cells."""
    return [
        layer
        for layer in layers_of(network)
        if layer.neuron is not None and layer.kind != "gated" and not layer.readout
    ]


def spiking_neurons(network: nn.Module) -> nn.ModuleList:
    """Return the spiking neurons of a network's hidden layers: not those of its read-out."""
    neurons = [layer.neuron for layer in hidden(network) if layer.spiking]
    return nn.ModuleList([neuron for neuron in neurons if neuron is not None])


@contextmanager
def recorded(network: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Give a list to which each hidden layer adds its neurons' outputs when the network is called.

    The outputs keep their gradients. Clear the list between calls: it grows with each.
    """
    found: list[torch.Tensor] = []

    def record(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        found.append(output)

    neurons = [layer.neuron for layer in hidden(network)]
    hooks = [neuron.register_forward_hook(record) for neuron in neurons if neuron is not None]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def inputs_of(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Give a list to which each call of a module adds its input, with its gradients."""
    found: list[torch.Tensor] = []
    hook = module.register_forward_pre_hook(lambda module, inputs: found.append(inputs[0]))
    try:
        yield found
    finally:
        hook.remove()


def output_of(neuron: nn.Module) -> Source:
    """Return the kind of input of a layer behind this neuron."""
    if substeps(neuron) > 1:
        return "spike_numbers"
    return "spikes" if isinstance(neuron, SpikingNeuron) else "activations"


@runtime_checkable
class InSteps(Protocol):
    """A network that can be run in pieces of its time steps, and read after each step.

    Truncated backpropagation and the anytime curve go by it. A forward pass is
    ``scores([summary(weighted(x), steps)])``; with the states of the neurons carried on
    (:func:`spikesound.snn.neurons.spiking.carried`), so is one in pieces, with a summary of each.
    """

    steps: int

    def weighted(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply the input of each step by the step's weight, if there are such."""
        ...

    def summary(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Return what the read-out needs of these steps, of weighted inputs."""
        ...

    def scores(self, summaries: list[torch.Tensor]) -> torch.Tensor:
        """Return class scores (batch, class) from the summaries of all steps, in pieces."""
        ...

    def scores_by_step(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores after each step (step, batch, class); the last are those of a call."""
        ...
