"""The family of a model and its conventional twin, as its name says them."""

from __future__ import annotations

from collections.abc import Mapping

from spikesound.core.errors import unknown

_FAMILIES = ("baseline", "ann", "snn")

OWN_SHAPE = frozenset({"stdp", "memristor", "som"})
"""Ways of training that make a network of their own."""


def family(model: str) -> str:
    """Return ``baseline``, ``ann`` or ``snn``: the first part of the model's name.

    Raises
    ------
    SpikesoundError
        If the name begins with none of them.
    """
    first = model.split("-", 1)[0]
    if first not in _FAMILIES or first == model:
        raise unknown(f"family in model name {model!r}:", first, _FAMILIES)
    return first


def twin(model: str, models: Mapping[str, object]) -> str | None:
    """Return the conventional model of a spiking model's shape, or None where it is not there."""
    if family(model) != "snn" or model.rpartition("-")[2] in OWN_SHAPE:
        return None
    other = f"ann-{model.split('-')[1]}"
    return other if other in models else None
