"""Families, twins and variants of the models on the page, by the table of models."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from spikesound.params import Model, twins

Family = Literal["baseline", "ann", "snn"]
Pair = tuple[str, str]
"""A spiking model and its conventional twin."""

Rows = Mapping[str, Model]
"""Rows of the table of models, by name; models that are not in it are baselines."""


def family(name: str, table: Rows) -> Family:
    """Return ``snn`` of a spiking model, ``ann`` of a conventional one, ``baseline`` of others."""
    if name not in table:
        return "baseline"
    return "snn" if table[name].spiking else "ann"


def twin_pairs(names: Collection[str], table: Rows) -> list[Pair]:
    """Return each spiking model with its twin, in the order of the table, where both are there.

    Of the conventional models of the same architecture the twin is the one that was trained from
    random weights; for those fine-tuned from it see :func:`variants`.
    """
    return [
        pair
        for pair in twins(dict(table))
        if set(pair) <= set(names) and table[pair[1]].base is None
    ]


def variants(name: str, names: Collection[str], table: Rows) -> list[str]:
    """Return the conventional models that were fine-tuned from a model."""
    return [
        other
        for other in names
        if other in table and not table[other].spiking and table[other].base == name
    ]
