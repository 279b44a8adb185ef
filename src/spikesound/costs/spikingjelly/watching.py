"""A network in modules that SpikingJelly's counters know, and what they count of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from spikesound.costs.counting import Counted, counting
from spikesound.costs.layer import LayerCounts
from spikesound.models.export.exported import library
from spikesound.models.loading import TrainedModel
from spikesound.models.plain_modules import PlainModules
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.lif import LIF

EXTRA = "opinions"


@dataclass(frozen=True)
class Watched:
    """A network that was run once, counted by both.

    Attributes
    ----------
    network : as modules; its neurons are SpikingJelly's in name, and compute as ours
    inputs : (step, clip, frame, bin)
    layers : our counts of the layers with weights, means per clip
    by_name : the module of each
    """

    network: PlainModules
    inputs: torch.Tensor
    layers: list[LayerCounts]
    by_name: dict[str, nn.Conv2d | nn.Linear]

    @property
    def clips(self) -> int:
        """Number of clips in the batch."""
        return int(self.inputs.shape[1])


def watched(model: TrainedModel, inputs: torch.Tensor) -> Watched:
    """Return a CNN as modules that SpikingJelly knows, with our counts of a batch.

    SpikingJelly counts the additions of a neuron by the torch operations of its code. That is a
    matter of the code, not of the neuron: ours are kernels, of which it sees none. It knows a
    neuron by its class, so that each is wrapped in one of its own.

    Raises
    ------
    SpikesoundError
        If SpikingJelly is not installed, or the network is no CNN.
    """
    counted = Counted()
    network = PlainModules(model.network, *inputs.shape[2:]).eval()
    for number, neuron in enumerate(network.neurons):
        network.neurons[number] = wrapped(neuron)
    with torch.no_grad(), counting(model.network, model.spec, counted):
        model.network(inputs)
    layers = [each for each in counted.layers if each.kind == "convolution"]
    by_name: dict[str, nn.Conv2d | nn.Linear] = {}
    for layer, convolution in zip(layers, network.convolutions, strict=True):
        assert isinstance(convolution, nn.Conv2d)
        by_name[layer.layer] = convolution
    assert isinstance(network.readout, nn.Linear)
    by_name["readout"] = network.readout
    layers += [each for each in counted.layers if each.layer == "readout"]
    return Watched(network, inputs, layers, by_name)


def wrapped(neuron: nn.Module) -> nn.Module:
    """Return one of SpikingJelly's neurons that runs ours; others as they are."""
    names = {IF: "IFNode", LIF: "LIFNode"}
    if type(neuron) not in names:
        return neuron
    base: Any = getattr(library("spikingjelly.activation_based.neuron", EXTRA), names[type(neuron)])

    class Wrapped(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(step_mode="m")
            self.own = neuron

        def multi_step_forward(self, x_seq: torch.Tensor) -> torch.Tensor:
            self.v = torch.zeros_like(x_seq[0])  # as large as the state that it stands for
            spikes: torch.Tensor = self.own(x_seq)
            return spikes

    made: nn.Module = Wrapped()
    return made.eval()


def counters() -> Any:
    """Return SpikingJelly's module of counters."""
    logger = library("loguru", EXTRA).logger
    logger.disable("spikingjelly")  # a line a count
    return library("spikingjelly.activation_based.op_counter", EXTRA)


def dispatched(seen: Watched, watching: Iterable[Any]) -> None:
    """Run the network under counters of torch's operations."""
    with torch.no_grad(), counters().DispatchCounterMode(list(watching)):
        seen.network(seen.inputs)


def by_module(seen: Watched, counter: Any) -> None:
    """Run the network under a counter of calls of modules."""
    with torch.no_grad(), counters().ModuleCounterMode([counter], model=seen.network):
        seen.network(seen.inputs)


def of_layer(seen: Watched, counter: Any, layer: str) -> float:
    """Return what a counter has of a layer's module, over all of its columns."""
    module = seen.by_name[layer]
    names = {
        f"{type(seen.network).__name__}.{name}"
        for name, each in seen.network.named_modules(remove_duplicate=False)
        if each is module
    }
    found = counter.get_counts()
    return float(sum(sum(found[name].values()) for name in names & set(found)))
