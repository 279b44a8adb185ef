"""Rows of the table of models with other values, for trainings in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from spikesound.core.errors import choose
from spikesound.params import Model, Section, parsed

S = TypeVar("S", bound=Section)

Changes = Mapping[str, Mapping[str, Any]]
"""Other values by part of a row and key: ``{"recipe": {"epochs": 20}}``."""

PARTS = {
    "network": "network_params",
    "neuron": "neuron_params",
    "method": "method_params",
    "recipe": "recipe",
}
"""Parts of a row whose values can be changed, and the fields that hold them."""


def changed(model: Model, changes: Changes) -> Model:
    """Return a row with other values.

    Raises
    ------
    SpikesoundError
        If there is no such part or parameter.
    """
    for part, values in changes.items():
        field = choose(PARTS, part, f"part of model {model.name} to change")
        section = updated(getattr(model, field), values, f"{model.name}.{part}")
        model = replace(model, **{field: section})
    return model


def updated(section: S, values: Mapping[str, Any], where: str) -> S:
    """Return a section with other values; errors name it by ``where``."""
    return parsed(type(section), section.model_dump() | dict(values), where.split("."))
