"""Specs of every network of the registry for whole clips, at the sizes that params.yaml gives."""

from __future__ import annotations

from typing import Any

from spikesound.models.spec import Spec
from spikesound.params import Params


def spec(params: Params, name: str, **changes: Any) -> Spec:
    """Return the spec of a conventional network for clips with one label of three."""
    values: dict[str, Any] = {
        "model": f"ann-{name}",
        "task": "classification",
        "network": name,
        "network_params": params.networks[name].model_dump(),
        "neuron": "relu",
        "neuron_params": {},
        "labels": "single",
        "classes": ["/m/1", "/m/2", "/m/3"],
        "names": ["One", "Two", "Three"],
        "bins": 20,
        "fold": "1",
        "seed": 0,
    }
    return Spec.model_validate(values | changes)


def spiking(params: Params, name: str, **changes: Any) -> Spec:
    """Return the spec of its spiking twin, of three time steps."""
    lif = params.neurons["lif"].model_dump()
    return spec(params, name, neuron="lif", neuron_params=lif, steps=3, **changes)


def encoded(params: Params, name: str) -> dict[str, Any]:
    """Return what a spec says of an encoding."""
    return {"encoding": name, "encoding_params": params.encodings[name].model_dump()}
