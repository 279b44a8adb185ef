"""Hooks by which a network is watched while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from spikesound.core.errors import SpikesoundError
from spikesound.costs.foreign.check import check_module
from spikesound.costs.foreign.modules import leaf_of
from spikesound.costs.foreign.neurons import neuron_of
from spikesound.costs.foreign.watch import Watch


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
            self.watch.operation(func, args, dict(kwargs or {}), output)
        return output


@contextmanager
def watching(network: nn.Module, watch: Watch) -> Iterator[None]:
    """Count what the network does within the context.

    Raises
    ------
    SpikesoundError
        If a module of a library that is called is of a class that cannot be counted.
    """
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
        if not watch.leaves:
            check_module(module, name)
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
        elif name.endswith(".recurrent"):
            watch.recur(name, module, arguments[0], output)
        watch.leaves -= 1
        return replaced

    return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
