"""Specs of every network of the registry, at the sizes that params.yaml gives."""

from __future__ import annotations

from typing import Any

from spikesound.models import classifier_spec
from spikesound.params import Params


def spec(params: Params, name: str, **changes: Any) -> classifier_spec.Spec:
    values: dict[str, Any] = {
        "model": f"ann-{name}",
        "network": name,
        "network_params": getattr(params.networks, name).model_dump(),
        "neuron": None,
        "neuron_params": None,
        "classes": ["/m/1", "/m/2", "/m/3"],
        "bins": 20,
        "steps": 1,
        "encoding": "features",
        "fold": "1",
        "seed": 0,
    }
    return classifier_spec.Spec.model_validate(values | changes)


def spiking(params: Params, name: str, **changes: Any) -> classifier_spec.Spec:
    lif = params.neurons.lif.model_dump()
    return spec(params, name, neuron="lif", neuron_params=lif, steps=3, **changes)
