"""A trained network on disk: weights as safetensors, everything needed to rebuild it as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from spikesound.core.errors import SpikesoundError, choose
from spikesound.models.layers import fold
from spikesound.models.networks import NETWORKS, OWN
from spikesound.models.networks.layout import Layout
from spikesound.params import Networks, Neurons, OwnNetworks, Section
from spikesound.snn.neurons import NEURONS
from spikesound.snn.quantisation.qcfs import QCFS

WEIGHTS = "model.safetensors"
SPEC = "spec.json"


class Spec(Section):
    """What a network is, apart from its weights.

    ``neuron`` is None for a conventional network, whose neuron is ReLU. ``encoding`` is the name
    of the encoding it was trained on, or ``"features"``; ``step_weights`` are what it multiplies
    its input by at each step. ``folded``: its batch norms are folded into the convolutions.
    ``activation_bits``: of a conventional network whose ReLU is rounded to so many bits.
    """

    model: str
    network: str
    network_params: dict[str, Any]
    neuron: str | None
    neuron_params: dict[str, Any] | None
    classes: list[str]
    bins: int
    steps: int
    encoding: str
    fold: str
    seed: int
    readout: str = "rate"
    step_weights: list[float] | None = None
    folded: bool = False
    activation_bits: int | None = None


def build(spec: Spec, activation: Callable[[], nn.Module] | None = None) -> nn.Module:
    """Make the network of a spec, with new weights.

    Parameters
    ----------
    activation : makes what takes the place of the neuron; None: the neuron of the spec

    Raises
    ------
    SpikesoundError
        If the network or the neuron is not in its registry, or has other parameters.
    """
    make = choose(NETWORKS | OWN, spec.network, "network")
    sections: type[Section] = OwnNetworks if spec.network in OWN else Networks
    network_params = _section(sections, spec.network, spec.network_params)

    def neuron() -> nn.Module:
        if spec.neuron is None:
            bits = spec.activation_bits
            return nn.ReLU() if bits is None else QCFS(2**bits - 1)
        make_neuron = choose(NEURONS, spec.neuron, "neuron")
        return make_neuron(_section(Neurons, spec.neuron, spec.neuron_params or {}))

    weights = None if spec.step_weights is None else tuple(spec.step_weights)
    layout = Layout(spec.bins, len(spec.classes), spec.steps, weights, spec.readout)
    network = make(network_params, layout, activation or neuron)
    if spec.folded:
        fold(network)
    return network


def save(folder: Path, spec: Spec, network: nn.Module) -> None:
    """Write weights and spec into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    (folder / SPEC).write_text(spec.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> tuple[Spec, nn.Module]:
    """Read spec and weights, and return the network ready for inference.

    Raises
    ------
    SpikesoundError
        If a file is missing, damaged or does not fit the other.
    """
    for name in (SPEC, WEIGHTS):
        if not (folder / name).is_file():
            raise SpikesoundError(
                f"{folder / name}: no such file; train the model first (dvc repro)"
            )
    try:
        spec = Spec.model_validate(json.loads((folder / SPEC).read_text(encoding="utf-8")))
    except (ValidationError, ValueError) as error:
        raise SpikesoundError(f"{folder / SPEC}: not a model's spec") from error
    network = build(spec)
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, RuntimeError) as error:
        line = str(error).splitlines()[0]
        raise SpikesoundError(f"{folder / WEIGHTS}: weights do not fit {SPEC}: {line}") from error
    return spec, network.eval()


def _section(sections: type[Section], name: str, values: dict[str, Any]) -> Section:
    kind = sections.model_fields[name].annotation
    assert isinstance(kind, type)
    assert issubclass(kind, Section)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise SpikesoundError(
            f"{name}: parameters do not fit: {error.errors()[0]['msg']}"
        ) from error
