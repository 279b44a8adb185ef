"""The pairs of models that are compared, by the table of models."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from spikesound.params.table import Model, twins

Names = tuple[str, str]
"""The two models of a pair: the first is compared with the second."""


def pair_key(pair: Names) -> str:
    """Return the name of a pair in files: ``<first> vs <second>``."""
    return " vs ".join(pair)


def in_order(models: Mapping[str, Model], *baselines: str) -> list[str]:
    """Return the baselines, the conventional models, then the spiking ones, each by name."""
    return [*baselines, *sorted(models, key=lambda name: (models[name].spiking, name))]


def all_pairs(models: Mapping[str, Model], *baselines: str) -> list[Names]:
    """Return each spiking model with all others, as classification compares them.

    Its twin and what was fine-tuned from it come first, then the other conventional models and the
    baselines; at the end the spiking models among each other.

    Parameters
    ----------
    models
        Of one task, by name: rows of :meth:`spikesound.params.Params.table`.
    baselines
        Names of models that are not in the table.
    """
    names = in_order(models)
    spiking = [name for name in names if models[name].spiking]
    opponents = set(twins(dict(models)))
    pairs = []
    for name in spiking:
        others = [other for other in names if not models[other].spiking]
        others.sort(key=lambda other: (name, other) not in opponents)
        pairs += [(name, other) for other in (*others, *baselines)]
    return pairs + list(combinations(spiking, 2))


def twin_pairs(models: Mapping[str, Model], *baselines: str) -> list[Names]:
    """Return each spiking model with its twin, and every model with the baselines.

    This is what detection compares, whose models differ in the labels they are trained on too.
    Parameters are those of :func:`all_pairs`.
    """
    return twins(dict(models)) + [(name, other) for name in models for other in baselines]
