"""Modules of a network that cannot be counted, found before it runs."""

from __future__ import annotations

from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.foreign.modules import CONTAINERS, LEAVES, leaf_of
from spikesound.costs.foreign.neurons import NEURONS, library, neuron_of


def check_modules(network: nn.Module, name: str = "") -> None:
    """Raise if a module of torch or of a library of neurons is in no table.

    What stands within a module that is counted as a whole is not looked at. Modules of one's own
    are followed while they run.

    Raises
    ------
    SpikesoundError
        Names the module, its class, and the classes of its library that can be counted.
    """
    if neuron_of(network) is not None or leaf_of(network) is not None:
        _check_inhibition(network, name)
        return
    package = library(network)
    if package in NEURONS and type(network).__name__ not in CONTAINERS.get(package, set()):
        raise SpikesoundError(
            f"module {name or 'network'!r} of class {type(network).__module__}."
            f"{type(network).__name__} cannot be counted; counted of {package}: "
            f"{', '.join(countable(package))}"
        )
    for child, module in network.named_children():
        check_modules(module, f"{name}.{child}" if name else child)


def _check_inhibition(module: nn.Module, name: str) -> None:
    """Raise if a neuron of snnTorch lets only one neuron of a layer spike."""
    if getattr(module, "inhibition", False):
        raise SpikesoundError(
            f"module {name or 'network'!r} of class {type(module).__name__}: inhibition=True "
            "cannot be counted"
        )


def countable(package: str) -> list[str]:
    """Return the names of a library's classes that can be counted."""
    own = set(NEURONS.get(package, {})) | CONTAINERS.get(package, set())
    leaves = {known.__name__ for known in LEAVES} if package in ("torch", "spikingjelly") else set()
    return sorted(own | leaves)
