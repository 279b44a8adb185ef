"""What is compared between the settings of an experiment, when all its rows are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, get_args

import pandas as pd

from spikesound.core import schema
from spikesound.costs.break_even import break_even_rate
from spikesound.costs.layer import LayerCounts, read_layers
from spikesound.costs.models import counts_of
from spikesound.costs.tables import Counts, price
from spikesound.evaluation.classification import OPERATIONS, read_predictions
from spikesound.evaluation.clusters import recordings_of
from spikesound.evaluation.comparisons import compare_pairs
from spikesound.evaluation.correction import holm
from spikesound.evaluation.pairing import Side, side_of
from spikesound.evaluation.settings import Settings
from spikesound.experiments.noise_tests import in_noise
from spikesound.experiments.row import Row
from spikesound.experiments.seeds import compare_over_seeds
from spikesound.params import Dataflow
from spikesound.params.experiments import ComparisonParams

Figures = Mapping[tuple[str, int], Mapping[str, Any]]
"""Figures of each row, by setting and seed."""


def compared(
    compare: ComparisonParams, rows: Sequence[Row], figures: Figures
) -> dict[str, dict[str, Any]]:
    """Return the comparisons of an experiment on one set of clips with single labels.

    Returns
    -------
    dict
        ``pairs``: paired tests of each spiking setting, not trained in noise, with ``against`` and
        with the conventional setting at equal energy, of the first seed, corrected over all;
        ``seeds``: with ``against`` where both were trained with several seeds, corrected likewise
        (:func:`spikesound.experiments.seeds.compare_over_seeds`); ``noise``:
        areas under the curves in noise, and pairs of them; ``rates``: the firing rate at which the
        spiking setting ``rate_of`` needs a share of the energy of ``against``, by technology,
        dataflow and execution of the latter, and number of time steps.
    """
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.name, row)
    default, places = rows[0].default, first[compare.against].places()
    recordings = recordings_of(schema.read_table(places.clips, schema.CLIPS))
    tests = default.evaluate
    settings = Settings(
        tests.resamples, tests.permutations, tests.confidence, default.seed,
        tests.equivalence_margin,
    )  # fmt: skip
    spiking = [row for row in first.values() if row.model.spiking and row.noise is None]
    pairs = {f"{row.name} vs {compare.against}": (row.name, compare.against) for row in spiking}
    pairs |= _equal_energy(compare, spiking, figures, first)
    noisy = {name: first[name] for name in compare.noise}
    return {
        "pairs": _tested(pairs, first, recordings, settings),
        "seeds": _over_seeds(compare.against, rows, figures, recordings, settings),
        "noise": in_noise(noisy, recordings, settings) if noisy else {},
        "rates": _rates(compare, first[compare.rate_of], first[compare.against]),
    }


def _equal_energy(
    compare: ComparisonParams, spiking: list[Row], figures: Figures, first: Mapping[str, Row]
) -> dict[str, tuple[str, str]]:
    """Return for each spiking setting the cheapest conventional one that needs no less energy.

    By the technology and dataflow shown first; no label takes part in the choice. Where even the
    dearest needs less, it is that one.
    """

    def total(name: str) -> float:
        return float(figures[name, first[name].seed]["energy_nj"])

    ordered = sorted(compare.equal_energy, key=total)
    pairs = {}
    for row in spiking if ordered else []:
        enough = [twin for twin in ordered if total(twin) >= total(row.name)]
        twin = enough[0] if enough else ordered[-1]
        pairs[f"{row.name} vs {twin}, at equal energy"] = (row.name, twin)
    return pairs


def _tested(
    pairs: Mapping[str, tuple[str, str]],
    first: Mapping[str, Row],
    recordings: Mapping[str, str],
    settings: Settings,
) -> dict[str, Any]:
    sides: dict[str, Side] = {}
    for name in dict.fromkeys(name for pair in pairs.values() for name in pair):
        like = next(iter(sides.values()), None)
        sides[name] = side_of(name, _predictions(first[name]), like)
    named = {key: (sides[one], sides[other]) for key, (one, other) in pairs.items()}
    return compare_pairs(named, recordings, settings)


def _over_seeds(
    against: str,
    rows: Sequence[Row],
    figures: Figures,
    recordings: Mapping[str, str],
    settings: Settings,
) -> dict[str, Any]:
    by_name: dict[str, dict[int, Row]] = {}
    for row in rows:
        by_name.setdefault(row.name, {})[row.seed] = row
    seeds = list(by_name[against])
    found = {}
    for name, own in by_name.items():
        row = next(iter(own.values()))
        if len(seeds) > 1 and row.model.spiking and row.noise is None and set(seeds) <= set(own):
            found[f"{name} vs {against}"] = compare_over_seeds(
                [[_predictions(by_name[n][seed]) for seed in seeds] for n in (name, against)],
                [[figures[n, seed]["energy_nj"] for seed in seeds] for n in (name, against)],
                recordings,
                settings,
            )
    for test in ("p", "equivalence_p"):
        adjusted = holm([each[test] for each in found.values()])
        for each, value in zip(found.values(), adjusted, strict=True):
            each[f"{test}_corrected"] = round(value, 4)
    return found


def _rates(compare: ComparisonParams, one: Row, other: Row) -> dict[str, Any]:
    costs = one.default.costs
    snn, ann = _counts(one), _counts(other)
    found: dict[str, dict[str, float | None]] = {}
    for profile, dataflow in product(costs.profiles, get_args(Dataflow)):

        def cost(
            layers: Sequence[LayerCounts], profile: str = profile, dataflow: Dataflow = dataflow
        ) -> float:
            return price(snn, costs, profile, dataflow, layers=layers).total_nj

        for way in ann.executions():
            wanted = compare.share * price(ann, costs, profile, dataflow, way).total_nj
            rates = {
                str(steps): break_even_rate(snn.layers, steps, cost, wanted)
                for steps in compare.rate_steps
            }
            found[f"{profile}_{dataflow}_{way}"] = {
                steps: None if rate is None else round(rate, 4) for steps, rate in rates.items()
            }
    return found


def _counts(row: Row) -> Counts:
    layers = read_layers(row.places().counts / OPERATIONS)
    return counts_of(row.model, layers, row.params.costs)


def _predictions(row: Row) -> pd.DataFrame:
    return read_predictions(row.places().predictions)
