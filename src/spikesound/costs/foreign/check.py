"""Modules that cannot be counted, found when they are called."""

from __future__ import annotations

from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.foreign.modules import CONTAINERS, LEAVES, leaf_of
from spikesound.costs.foreign.neurons import NEURONS, library, neuron_of


def check_module(module: nn.Module, name: str) -> None:
    """Raise if a module of torch or of a library of neurons is in no table.

    Modules of one's own are followed while they run.

    Raises
    ------
    SpikesoundError
        Names the module, its class, and the classes of its library that can be counted.
    """
    if neuron_of(module) is not None or leaf_of(module) is not None:
        _check_inhibition(module, name)
        return
    package = library(module)
    if package in NEURONS and type(module).__name__ not in CONTAINERS.get(package, set()):
        raise SpikesoundError(
            f"module {name!r} of class {type(module).__module__}.{type(module).__name__} cannot "
            f"be counted; counted of {package}: {', '.join(countable(package))}"
        )


def _check_inhibition(module: nn.Module, name: str) -> None:
    """Raise if a neuron of snnTorch lets only one neuron of a layer spike."""
    if getattr(module, "inhibition", False):
        raise SpikesoundError(
            f"module {name!r} of class {type(module).__name__}: inhibition=True cannot be counted"
        )


def countable(package: str) -> list[str]:
    """Return the names of a library's classes that can be counted."""
    own = set(NEURONS.get(package, {})) | CONTAINERS.get(package, set())
    leaves = {known.__name__ for known in LEAVES} if package in ("torch", "spikingjelly") else set()
    return sorted(own | leaves)
