"""Energy of a row over all accounts: at its cheapest and at its dearest, in each precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikesound.costs.accounts import profiles_of
from spikesound.costs.front_end import SoundInput
from spikesound.costs.spans import OWN, Design, Scope, Span, span
from spikesound.costs.tables import Counts, own_profile
from spikesound.experiments.row import Row
from spikesound.features import clip_samples
from spikesound.features.front_end import read_front_end
from spikesound.params import CostParams

Spans = Mapping[str, Span]
"""Energies of a network by precision: a profile, or ``own``."""


def sound_of(row: Row) -> SoundInput:
    """Return the sound that a row's networks take in."""
    features = read_front_end(row.data().features, row.folds[0]).features
    return SoundInput(features, clip_samples(features) / features.rate_hz)


def spans_of(model: Counts, params: CostParams) -> dict[str, Span]:
    """Return a network's energies over all accounts, by precision."""
    found = {profile: span(model, params, profile) for profile in profiles_of(model, params)}
    return found | {OWN: found[own_profile(model, params)]}


def mean_spans(parts: Sequence[tuple[float, Spans]], *, fetch: str) -> dict[str, Span]:
    """Return the mean of energies, weighted, of designs with one way to fetch weights.

    Parameters
    ----------
    parts : weights, whose sum is 1, and energies
    """
    first = parts[0][1]
    return {
        precision: {
            scope: {
                design: sum(weight * each[precision][scope][design] for weight, each in parts)
                for design in designs
                if design.fetch == fetch
            }
            for scope, designs in scopes.items()
        }
        for precision, scopes in first.items()
    }


def account_figures(spans: Spans) -> dict[str, dict[str, Any]]:
    """Return by precision what a network needs over accounts, nJ a clip.

    ``plain``: operations and memory accesses, nothing besides; ``full``: whole words, biases, front
    end, static power and wide sums as well. Each has the energy of the network's cheapest design
    (dataflow, fetching, coding of zeros, execution), and its name. ``lowest_nj`` and ``highest_nj``
    are over all accounts.
    """
    return {precision: _figures(scopes) for precision, scopes in spans.items()}


def _figures(scopes: Span) -> dict[str, Any]:
    ordered = sorted(scopes, key=_extent)
    ends = {"plain": ordered[0], "full": ordered[-1]}
    every = [nj for designs in scopes.values() for nj in designs.values()]
    found: dict[str, Any] = {"lowest_nj": round(min(every), 1), "highest_nj": round(max(every), 1)}
    for name, scope in ends.items():
        design, nj = min(scopes[scope].items(), key=_energy)
        found[f"{name}_nj"], found[f"{name}_design"] = round(nj, 1), str(design)
    return found


def _energy(item: tuple[Design, float]) -> float:
    return item[1]


def _extent(scope: Scope) -> int:
    """Return how much an account counts besides operations and accesses."""
    flags = (scope.biases, scope.features, scope.static, scope.wide_sums)
    return (scope.word_bits > 1) + sum(flags)
