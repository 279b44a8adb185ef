"""Watching a network run: which modules are called, and what is computed between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.costs.foreign import operations
from spikesound.costs.foreign.modules import (
    NORMS,
    NOTHING,
    SYNAPSES,
    count_synapses,
)
from spikesound.costs.foreign.neurons import Neuron, neuron_of
from spikesound.costs.foreign.pooling import (
    Pool,
    count_pooling,
    pool_of_function,
    pool_of_module,
)
from spikesound.costs.foreign.records import Record
from spikesound.costs.foreign.tags import Kind, Tag, Tags, tensors


@dataclass
class Watch:
    """Counts of a network, filled while it runs.

    Attributes
    ----------
    twin : whether spiking neurons are replaced by ReLU and the others by nothing
    records : of each layer, in the order of its first call
    """

    twin: bool = False
    records: dict[str, Record] = field(default_factory=dict)
    tags: Tags = field(default_factory=Tags)
    within: list[str] = field(default_factory=list)
    leaves: int = 0

    def record(self, name: str, kind: str, module: str) -> Record:
        """Return the record of a layer, a new one at its first call."""
        return self.records.setdefault(name, Record(name, kind, module))

    def leave(self, name: str, module: nn.Module, x: torch.Tensor, output: Any) -> Any:
        """Count a call of a module that is counted as a whole; return what replaces its output."""
        tag = self.tags.of(x)
        if tag is None:
            raise SpikesoundError(
                f"module {name!r} of class {type(module).__name__} reads what does not depend on "
                "the sample, or was computed outside of torch: it cannot be counted"
            )
        neuron = neuron_of(module)
        if neuron is not None:
            return self._neurons(name, module, neuron, x, output)
        if isinstance(module, NOTHING):
            self.tags[output] = tag
        elif isinstance(module, SYNAPSES):
            record = self.record(name, _kind(module), type(module).__name__)
            record.read(_input(tag))
            count_synapses(record, module, x, output)
            self.tags[output] = Tag("sums", name)
        elif isinstance(module, NORMS):
            self._norm(name, module, tag, output)
        else:
            record = self.record(name, "pooling", type(module).__name__)
            self._pooling(record, pool_of_module(module), tag, x, output)
        return None

    def recur(self, name: str, module: nn.Module, x: torch.Tensor, output: torch.Tensor) -> None:
        """Count a call of a recurrent neuron's synapses from its own spikes."""
        record = self.record(name, _kind(module), type(module).__name__)
        record.read("spikes")
        count_synapses(record, module, x, output)

    def _pooling(
        self, record: Record, pool: Pool, tag: Tag, x: torch.Tensor, output: torch.Tensor
    ) -> None:
        """Count a pooling; the maximum of spikes is spikes."""
        record.read(_input(tag))
        count_pooling(record, pool, x, output)
        keeps = pool.maximum and tag.kind in ("input", "spikes", "activations")
        self.tags[output] = Tag(tag.kind if keeps else "values")

    def _norm(self, name: str, module: nn.Module, tag: Tag, output: torch.Tensor) -> None:
        """Fold a batch norm into the synapses whose sums it takes; else count its products."""
        channels: Any = module.num_features
        if tag.producer is not None:
            layer = self.records[tag.producer]
            layer.weights = max(layer.weights, layer.folded(channels))
            self.tags[output] = tag
            return
        record = self.record(name, "pooling", type(module).__name__)
        record.read(_input(tag))
        record.multiplies, record.weights = True, 2 * channels
        self._elementwise(record, output, float(output.numel()))
        self.tags[output] = Tag("values")

    def _neurons(
        self, name: str, module: nn.Module, neuron: Neuron, x: torch.Tensor, output: Any
    ) -> Any:
        tag = self.tags.of(x)
        assert tag is not None
        every = tensors(output)
        self.tags.mark(output, Tag("values"))  # potentials; the first are the spikes
        first = every[0]
        unit = neuron.unit
        if self.twin and neuron.recurrent:
            raise SpikesoundError(
                f"module {name!r} of class {type(module).__name__}: recurrent neurons cannot be "
                "counted here, since their conventional twin has no single step"
            )
        if self.twin and unit != "relu":
            first = functional.relu(x) if neuron.spiking else x.clone()
            unit = "relu" if neuron.spiking else "none"
        own = self.records.get(tag.producer or "")
        steps = neuron.time_steps(module, x.shape[0])
        if own is None or own.fired_by not in ("", name):
            own = self.record(name, "neurons", type(module).__name__)
            own.read(_input(tag))
            own.sized(first.numel() // steps, first.numel() // steps)
        own.fired_by = name
        if unit != "none":
            own.neuron = unit
            own.neuron_updates += float(first.numel())
            own.updates_at += steps
            own.active_outputs += float(torch.count_nonzero(first))
        kind: Kind = "spikes" if neuron.spiking and not self.twin else "activations"
        if unit == "none" or not (neuron.spiking or unit == "relu"):
            kind = "values"
        self.tags[first] = Tag(kind)
        return _with_first(output, first) if self.twin else None

    def operation(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """Count an operation between modules.

        Raises
        ------
        SpikesoundError
            If it is none of those that can be counted.
        """
        read = [each for each in tensors((args, kwargs)) if self.tags.of(each) is not None]
        tag = self.tags.joint(read)
        name = operations.name_of(function)
        if tag is None or name in operations.CONSTANTS:
            return
        if name in operations.FREE:
            self.tags.mark(output, tag)
            self._written(name, output, tag)
            return
        where = self.within[-1] if self.within else "the module"
        if name not in operations.COUNTED and name not in operations.POOLS:
            raise SpikesoundError(
                f"{where} computes {name!r} itself, which cannot be counted; counted are modules "
                f"of the tables (docs/guide/cost.md) and between them views, "
                f"{', '.join(operations.COUNTED)}"
            )
        path = where.partition(" ")[0]
        layer = name if path == "network" else f"{path}.{name}"
        if name in operations.POOLS:
            pool = pool_of_function(function, args, kwargs)
            layer += " of " + "x".join(map(str, read[0].shape[-pool.axes - 1 :]))
            record = self.record(layer, "pooling", name)
            self._pooling(record, pool, tag, read[0], tensors(output)[0])
            return
        record = self.record(layer, "pooling", name)
        record.read(_input(tag))
        record.multiplies = name in operations.PRODUCTS
        result = tensors(output)[0]
        number = max(float(result.numel()), *(float(each.numel()) for each in read))
        skipping = name in ("add", "sum", "mean") and len(read) == 1
        active = float(torch.count_nonzero(read[0])) if skipping else number
        self._elementwise(record, result, number, active)
        kind: Kind = "activations" if name in operations.RECTIFIED else "values"
        self.tags.mark(output, Tag(kind))

    def _written(self, name: str, output: Any, tag: Tag) -> None:
        """Note what is written into a part of another tensor."""
        whole = output._base if name == "copy" and isinstance(output, torch.Tensor) else None
        if whole is not None:
            before = self.tags.of(whole)
            self.tags[whole] = tag if before in (None, tag) else Tag("values")

    def _elementwise(
        self, record: Record, output: torch.Tensor, number: float, active: float | None = None
    ) -> None:
        """Add operations on values one by one."""
        record.dense += number
        record.effective += number if active is None else active
        record.active_inputs += number if active is None else active
        record.sums_active += float(output.numel())
        record.elementwise += output.numel()
        record.calls += 1


def _input(tag: Tag) -> Kind:
    """Return what a layer reads: sums of another one are values to it."""
    return "values" if tag.kind == "sums" else tag.kind


def _kind(module: nn.Module) -> str:
    return "linear" if isinstance(module, nn.Linear) else "convolution"


def _with_first(output: Any, first: torch.Tensor) -> Any:
    if isinstance(output, tuple):
        return (first, *output[1:])
    return first
