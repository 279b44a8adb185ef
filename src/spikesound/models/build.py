"""From a spec to a network with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from spikesound.core.errors import choose
from spikesound.models.folding import fold
from spikesound.models.networks import NETWORKS
from spikesound.models.networks.layout import Layout
from spikesound.models.spec import Spec
from spikesound.snn.neurons import NEURONS


def build(spec: Spec, activation: Callable[[], nn.Module] | None = None) -> nn.Module:
    """Return the network of a spec, with new weights.

    Parameters
    ----------
    activation : makes what takes the place of the neuron; None: the neuron of the spec

    Raises
    ------
    SpikesoundError
        If the network or the neuron is not in its registry, or has other parameters.
    """
    make = choose(NETWORKS, spec.network, "network")
    section = spec.neuron_section()
    make_neuron = choose(NEURONS, spec.neuron, "neuron")
    layout = Layout(
        spec.bins,
        len(spec.classes),
        spec.steps,
        None if spec.step_weights is None else tuple(spec.step_weights),
        spec.readout,
        spec.attention,
    )
    network = make(spec.network_section(), layout, activation or (lambda: make_neuron(section)))
    if spec.folded:
        fold(network)
    return network


def parts_of(spec: Spec) -> list[Callable[..., Any]]:
    """Return what a spec's network is made by, for :func:`spikesound.core.source.code_digest`."""
    return [
        choose(NETWORKS, spec.network, "network"),
        choose(NEURONS, spec.neuron, "neuron"),
    ]
