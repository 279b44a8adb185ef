"""The paired comparisons of a run: rows of a table, and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikesound.evaluation.differences import NOT_SHOWN, Difference, read_difference
from spikesound.evaluation.measures import Measure
from spikesound.evaluation.summary import Metrics
from spikesound.evaluation.verdict import verdict
from spikesound.report.families import Pair, Rows, twin_pairs
from spikesound.report.numbers import (
    NONE,
    as_float,
    difference_of,
    heading,
    p_value,
    true_minus,
    value_of,
)
from spikesound.report.plot import Table
from spikesound.report.results import Results

_CALLED = ("the spiking network", "its twin")


def ordered_pairs(summary: Mapping[str, Metrics], table: Rows, measure: Measure) -> list[Pair]:
    """Return each spiking model with its twin, the best on validation first.

    Where no validation metric is there (a detector's is its loss, which differs with the labels
    trained on) they stand in the order of the table. Never by the metric on the test clips, which
    is what the page then says of them.
    """
    key = f"validation_{measure.key}"
    pairs = twin_pairs([name for name in summary if name != "dataset"], table)
    return sorted(pairs, key=lambda pair: -float(summary[pair[0]].get(key, 0)))


def paired(
    results: Results, a: str, b: str, measures: Sequence[Measure]
) -> dict[str, Difference] | None:
    """Return the differences of two models, a minus b, whichever way round they were stored."""
    for key, turned in ((f"{a} vs {b}", False), (f"{b} vs {a}", True)):
        stored = (results.comparisons or {}).get(key)
        if stored is not None:
            return {
                name: each.reversed() if turned else each
                for name, each in _differences(stored, measures).items()
            }
    return None


def name_of_test(results: Results, a: str, b: str, measure: Measure) -> str:
    """Return the name of the test of a metric of two models."""
    stored = results.comparisons or {}
    test = stored.get(f"{a} vs {b}", stored.get(f"{b} vs {a}", {}))
    return str(test.get(f"{measure.key}_test", "paired test"))


def margin_of(results: Results, a: str, b: str) -> float | None:
    """Return the margin within which the equivalence of two models was tested; None: it was not."""
    stored = results.comparisons or {}
    test = stored.get(f"{a} vs {b}", stored.get(f"{b} vs {a}", {}))
    return as_float(test.get("equivalence_margin"))


def comparison_table(
    results: Results, measures: Sequence[Measure], confidence: float
) -> Table | None:
    """Return each pair's differences with their intervals, p where tested, and the outcome."""
    if not results.comparisons:
        return None
    each = {name: _differences(test, measures) for name, test in results.comparisons.items()}
    tested = any(
        d.p_corrected is not None for differences in each.values() for d in differences.values()
    )
    heads = ["Pair"]
    for measure in measures:
        heads.append(f"{heading(measure)} [{confidence * 100:g} %]")
        heads += ["p"] if tested else []
    rows = []
    for name, differences in each.items():
        row = [name]
        for measure in measures:
            row += _cells(differences.get(measure.key), measure, tested=tested)
        rows.append([*row, in_words(differences, measures, confidence)])
    return Table([*heads, "In words"], rows)


def in_words(
    differences: Mapping[str, Difference], measures: Sequence[Measure], confidence: float
) -> str:
    """Return in words which metrics of the first model are better or worse, if that is shown."""
    shown = {
        measure.title: differences[measure.key].outcome(
            confidence, lower_is_better=measure.lower_is_better
        )
        for measure in measures
        if measure.key in differences
    }
    parts = [f"{how} in {name}" for name, how in shown.items() if how != NOT_SHOWN]
    return ", ".join(parts) or NOT_SHOWN


def sentence(
    summary: Mapping[str, Metrics], results: Results, pair: Pair, measures: Sequence[Measure]
) -> str:
    """Return one sentence on a pair: the first metric of both, and what differs."""
    first = measures[0]
    ours, theirs = (value_of(first, summary[model].get(first.key)) for model in pair)
    dataset = summary["dataset"]
    both = (
        f"On {dataset['clips_scored']} clips the spiking {pair[0]} scores {ours} in "
        f"{first.title} and its conventional twin {pair[1]} {theirs}"
    )
    differences = paired(results, *pair, measures)
    if differences is None:
        return f"{both}; no paired comparison was made."
    confidence = float(dataset["confidence"])
    conclusion = verdict(
        differences, *_CALLED, measures=measures, confidence=confidence,
        margin=margin_of(results, *pair),
    )  # fmt: skip
    return f"{both}: {true_minus(conclusion)}."


def _differences(test: Mapping[str, Any], measures: Sequence[Measure]) -> dict[str, Difference]:
    by_metric = {measure.key: read_difference(test, measure.key) for measure in measures}
    return {key: each for key, each in by_metric.items() if each is not None}


def _cells(difference: Difference | None, measure: Measure, *, tested: bool) -> list[str]:
    if difference is None:
        return [NONE, NONE] if tested else [NONE]
    value, low, high = (difference_of(measure, each) for each in difference[:3])
    cells = [f"{value} [{low} to {high}]"]
    if tested:
        cells.append(NONE if difference.p_corrected is None else p_value(difference.p_corrected))
    return cells
