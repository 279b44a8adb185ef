"""Watching a network run: which modules are called, and what is computed between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from spikesound.core.errors import SpikesoundError
from spikesound.costs.foreign import operations
from spikesound.costs.foreign.check import check_modules
from spikesound.costs.foreign.modules import (
    NORMS,
    NOTHING,
    SYNAPSES,
    count_pooling,
    count_synapses,
    leaf_of,
)
from spikesound.costs.foreign.neurons import Neuron, neuron_of
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
            record.read(_input(tag))
            count_pooling(record, module, x, output)
            keeps = "Max" in type(module).__name__ and tag.kind in ("spikes", "activations")
            self.tags[output] = Tag(tag.kind if keeps else "values")
        return None

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

    def operation(self, function: Any, arguments: Any, output: Any) -> None:
        """Count an operation between modules.

        Raises
        ------
        SpikesoundError
            If it is none of those that can be counted.
        """
        read = [each for each in tensors(arguments) if self.tags.of(each) is not None]
        tag = self.tags.joint(read)
        name = operations.name_of(function)
        if tag is None or name in operations.CONSTANTS:
            return
        if name in operations.FREE:
            self.tags.mark(output, tag)
            return
        where = self.within[-1] if self.within else "the module"
        if name not in operations.COUNTED:
            raise SpikesoundError(
                f"{where} computes {name!r} itself, which cannot be counted; counted are modules "
                f"of the tables (docs/guide/cost.md) and between them views, "
                f"{', '.join(operations.COUNTED)}"
            )
        path = where.partition(" ")[0]
        layer = name if path == "network" else f"{path}.{name}"
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


class _Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands every operation outside of counted modules to the watch."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.watch = watch

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if not self.watch.leaves:
            self.watch.operation(func, (args, dict(kwargs or {})), output)
        return output


@contextmanager
def watching(network: nn.Module, watch: Watch) -> Iterator[None]:
    """Count what the network does within the context.

    Raises
    ------
    SpikesoundError
        If a module of a library is of a class that cannot be counted.
    """
    check_modules(network)
    handles = []
    for name, module in network.named_modules():
        whole = neuron_of(module) is not None or leaf_of(module) is not None
        shown = name.removeprefix(getattr(network, "prefix", "")) or "network"
        handles += _hooks(shown, module, watch, whole)
    try:
        with torch.no_grad(), _Mode(watch):
            yield
    finally:
        for handle in handles:
            handle.remove()


def _hooks(name: str, module: nn.Module, watch: Watch, whole: bool) -> list[Any]:
    def enter(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        if whole:
            watch.leaves += 1
        elif not watch.leaves:
            watch.within.append(f"{name} (class {type(module).__name__})")

    def leave(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> Any:
        if not whole:
            if not watch.leaves:
                watch.within.pop()
            return None
        replaced = None
        if watch.leaves == 1:
            if not arguments:
                raise SpikesoundError(f"module {name!r}: its input must not be a keyword argument")
            replaced = watch.leave(name, module, arguments[0], output)
        watch.leaves -= 1
        return replaced

    return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
