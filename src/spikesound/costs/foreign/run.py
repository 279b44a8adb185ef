"""Counts of a network of another library, and of its conventional twin, on a sample."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError, short
from spikesound.costs.break_even import spike_rate
from spikesound.costs.foreign.hooks import watching
from spikesound.costs.foreign.neurons import library
from spikesound.costs.foreign.records import Reading, counts
from spikesound.costs.foreign.sample import Sample
from spikesound.costs.foreign.tags import Tag, tensors
from spikesound.costs.foreign.watch import Watch
from spikesound.costs.layer import LayerCounts
from spikesound.costs.neuron_work import spikes


@dataclass(frozen=True)
class Counted:
    """Counts of a network and of its twin, means per sample.

    Attributes
    ----------
    layers : of the network, in the order of computation
    twin : of the network with ReLU in place of its spiking neurons and the same weights, at one
        step, on the mean of the sample over time
    steps : time steps of the network
    samples : in the batch
    values : what the sample was taken for
    classes : class of each layer's module, by the layer's name
    """

    layers: list[LayerCounts]
    twin: list[LayerCounts]
    steps: int
    samples: int
    values: str
    classes: dict[str, str]

    @property
    def rate(self) -> float:
        """Spikes per neuron and time step."""
        return spike_rate(self.layers)


def count(network: nn.Module, sample: Sample) -> Counted:
    """Run a network on a sample from rest and count it, and then its twin.

    Raises
    ------
    SpikesoundError
        If the sample does not fit, the network fails on it, has no spiking neuron, or has a module
        or an operation that cannot be counted.
    """
    sample.check()
    values = sample.known()
    reading = Reading(sample.samples, values == "spikes", values == "constant")
    watch = Watch()
    _present(network, sample, watch)
    layers = counts(list(watch.records.values()), reading)
    if not any(spikes(layer) for layer in layers):
        raise SpikesoundError(
            f"{type(network).__name__}: no spiking neuron took part; the classes that can be "
            "counted are listed in docs/guide/cost.md"
        )
    steps = max(layer.steps for layer in layers if layer.neuron != "none")
    classes = {record.name: record.module for record in watch.records.values()}
    twin = _twin(network, sample, steps)
    return Counted(layers, twin, steps, sample.samples, values, classes)


def count_call(network: nn.Module, x: torch.Tensor, *, spikes: bool) -> list[LayerCounts]:
    """Run a network once on an input (time, batch, ...), and return its counts, means per sample.

    Parameters
    ----------
    spikes : whether the input is spikes, else values

    Raises
    ------
    SpikesoundError
        If it has a module or an operation that cannot be counted.
    """
    watch = Watch()
    with torch.inference_mode(False):  # in it, views would not be seen as such
        sample = Sample(x.clone(), "tb", "spikes" if spikes else "values")
        _present(network, sample, watch)
    return counts(list(watch.records.values()), Reading(x.shape[1], spikes, constant=False))


def _present(network: nn.Module, sample: Sample, watch: Watch) -> None:
    """Run a copy of the network, so that no state is left in it."""
    copied = _copied(network).eval()
    _reset(copied)
    try:
        with watching(copied, watch):
            if sample.each_step:
                _step_by_step(copied, sample.steps_of_time(), watch)
            else:
                copied(_marked(sample.x, watch))
    except SpikesoundError:
        raise
    except Exception as error:  # of the user's own code
        raise SpikesoundError(
            f"{type(network).__name__}: fails on the sample of shape {tuple(sample.x.shape)} "
            f"(layout {sample.layout}, {'each step' if sample.each_step else 'one call'}): "
            f"{type(error).__name__}: {short(' '.join(str(error).split()), 300)}"
        ) from error


def _copied(network: nn.Module) -> nn.Module:
    """Return a copy; states that an earlier run left in it have a history, and lose it."""
    left = [value for module in network.modules() for value in tensors(vars(module))]
    memo = {id(value): value.detach().clone() for value in left if not value.is_leaf}
    return copy.deepcopy(network, memo)


def _step_by_step(network: nn.Module, x: torch.Tensor, watch: Watch) -> None:
    """Call the network once a step; a parameter ``state`` of its gets the state it returned."""
    takes_state = "state" in inspect.signature(network.forward).parameters
    state: Any = None
    for step in range(len(x)):
        given = _marked(x[step], watch)
        output = network(given, state) if takes_state else network(given)
        if takes_state:
            state = output[1]


def _marked(x: torch.Tensor, watch: Watch) -> torch.Tensor:
    given = x.clone()
    watch.tags[given] = Tag("input")
    return given


def _reset(network: nn.Module) -> None:
    """Set the neurons of libraries that keep their state to rest."""
    for module in network.modules():
        package = library(module)
        for method in {"snntorch": ("reset_mem",), "spikingjelly": ("reset",)}.get(package, ()):
            if hasattr(module, method):
                getattr(module, method)()


def _twin(network: nn.Module, sample: Sample, steps: int) -> list[LayerCounts]:
    """Return the counts of the conventional twin at one step.

    It gets the mean of the sample over time in one step. A network whose own loop asks for all of
    its steps gets that mean at each, and what it does at each is counted once.
    """
    watch = Watch(twin=True)
    one = replace(sample, x=sample.one_step(), values="values", steps=None)
    if sample.each_step:
        one = replace(one, steps=1 if sample.layout == "b" else None)
    try:
        _present(network, one, watch)
    except SpikesoundError:
        if sample.layout == "b" or sample.each_step:
            raise
        watch = Watch(twin=True)
        time = sample.layout.index("t")
        repeated = one.x.repeat_interleave(sample.x.shape[time], time)
        _present(network, replace(one, x=repeated), watch)
    layers = counts(list(watch.records.values()), Reading(sample.samples, False, False))
    called = max((layer.steps for layer in layers if layer.neuron != "none"), default=1)
    return [_at_one_step(layer, called) for layer in layers]


def _at_one_step(layer: LayerCounts, steps: int) -> LayerCounts:
    """Return what a layer of a stateless network does at one of equal steps.

    A sum over the steps, in one call, goes with its values.
    """
    in_one_call = layer.passes % steps != 0
    if in_one_call and not (layer.kind == "pooling" and layer.dense % steps == 0):
        return replace(layer, steps=1 if layer.steps == steps else layer.steps)
    return replace(
        layer,
        passes=max(1, layer.passes // steps),
        steps=max(1, layer.steps // steps),
        dense=layer.dense / steps,
        effective=layer.effective / steps,
        active_inputs=layer.active_inputs / steps,
        active_outputs=layer.active_outputs / (1 if in_one_call else steps),
        neuron_updates=layer.neuron_updates / steps,
        distinct=layer.distinct / steps,
    )
