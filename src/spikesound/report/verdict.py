"""The verdict on a classifier and its twin: two sentences, and the figures behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikesound.evaluation.differences import BETTER, NOT_SHOWN, WORSE
from spikesound.evaluation.measures import CLASSIFICATION, Measure
from spikesound.evaluation.summary import Metrics
from spikesound.report.break_even import break_even_rate
from spikesound.report.comparison import name_of_test, ordered_pairs, paired, sentence
from spikesound.report.energy import default_setting
from spikesound.report.families import Pair, Rows, variants
from spikesound.report.front_plot import ACCURACY
from spikesound.report.numbers import (
    as_float,
    difference_of,
    heading,
    interval,
    number,
    p_value,
    points,
    share,
    times,
    value_of,
)
from spikesound.report.results import Results

NO_PAIR = (
    "No spiking network stands beside its conventional twin here, so these figures say nothing yet "
    "about whether spiking is worth it."
)
NO_ENERGY = "What they need in energy was not measured in this run."


@dataclass(frozen=True)
class Fact:
    """One figure of the verdict, to be seen before anything is read."""

    label: str
    value: str
    note: str


def verdict(
    summary: Mapping[str, Metrics], results: Results, table: Rows, measure: Measure = ACCURACY
) -> list[str]:
    """Return two sentences on the spiking model with a twin that is best on validation.

    The first is on the metric, the second on energy; one sentence where there is no such model.
    """
    pairs = ordered_pairs(summary, table, measure)
    if not pairs:
        return [NO_PAIR]
    return [
        on_metric(summary, results, pairs[0], measure),
        on_energy(summary, results, pairs[0], table),
    ]


def on_metric(
    summary: Mapping[str, Metrics], results: Results, pair: Pair, measure: Measure = ACCURACY
) -> str:
    """Say which of the pair is better, or that no difference is shown."""
    if measure is ACCURACY:
        return on_accuracy(summary, results, pair)
    return sentence(summary, results, pair, [measure])


def on_accuracy(summary: Mapping[str, Metrics], results: Results, pair: Pair) -> str:
    """Say which of the pair is more accurate, or that no difference is shown.

    A difference is shown where the paired test's corrected p-value is below one minus the run's
    confidence. Without that test it is only said whether the two intervals overlap.
    """
    ours, theirs = summary[pair[0]], summary[pair[1]]
    dataset = summary["dataset"]
    both = (
        f"On {dataset['clips_scored']} clips the spiking {pair[0]} names the right "
        f"sound for {share(ours['accuracy'])} and its conventional twin {pair[1]} for "
        f"{share(theirs['accuracy'])}"
    )
    differences = paired(results, *pair, CLASSIFICATION)
    confidence = f"{float(dataset['confidence']) * 100:g} %"
    if differences is None:
        return f"{both}: {_intervals_say(ours, theirs)}, and no paired test was made."
    difference = differences[ACCURACY.key]
    assert difference.p_corrected is not None
    outcome = difference.outcome(float(dataset["confidence"]))
    more = {BETTER: "more", WORSE: "less"}.get(outcome)
    shown = f"the spiking network is {more} accurate" if more else NOT_SHOWN
    value, low, high = (points(each) for each in difference[:3])
    p = p_value(difference.p_corrected)
    return (
        f"{both}: {shown} ({value} points, {confidence} interval {low} to {high}; "
        f"{name_of_test(results, *pair, ACCURACY)}, corrected, {p})."
    )


def on_energy(summary: Mapping[str, Metrics], results: Results, pair: Pair, table: Rows) -> str:
    """Say what the spiking model needs beside its twin, by both accountings, and at what rate."""
    ours, theirs = summary[pair[0]], summary[pair[1]]
    operations, memory = _ratio(ours, theirs, "energy_operations_nj"), ratio(ours, theirs)
    if operations is None or memory is None:
        return NO_ENERGY
    text = (
        f"Counting multiply-accumulates and accumulates alone it needs {times(operations)} times "
        f"the twin’s energy, with memory counted {times(memory)} times, so that "
        f"{_conclusion(operations, memory)}"
    )
    text += _cheapest_variant(summary, pair, table)
    rate = as_float(ours.get("spike_rate"))
    known, limit = break_even(summary, results, pair, "memory")
    if rate is None or not known:
        return f"{text}."
    if limit is None:
        return (
            f"{text}; it fires at {share(rate)}, and with memory no spike rate would be low enough."
        )
    side = "below" if rate < limit else "above"
    limited = f"{side} its break-even rate with memory, {share(limit)}"
    return f"{text}; it fires at {share(rate)}, {limited}."


def _cheapest_variant(summary: Mapping[str, Metrics], pair: Pair, table: Rows) -> str:
    """Name the twin's variant (fewer bits, fewer activations) that needs least, and the ratio."""
    needed = {
        name: own
        for name in variants(pair[1], summary, table)
        if (own := _own_energy(summary[name])) is not None
    }
    ours = _own_energy(summary[pair[0]])
    if not needed or ours is None:
        return ""
    name = min(needed, key=lambda variant: needed[variant])
    needs = times(ours / needed[name])
    return (
        f" (and {needs} times that of {name}, the twin’s cheapest variant, each in its own "
        "precision)"
    )


def _own_energy(figures: Metrics) -> float | None:
    """Return the energy of a model's own precision; of a summary without it, that shown first."""
    return as_float(figures.get("energy_own_nj")) or as_float(figures.get("energy_nj"))


def metric_fact(summary: Mapping[str, Metrics], pair: Pair, measure: Measure) -> Fact:
    """Return the difference of a pair in a metric, without a judgement."""
    ours, theirs = (summary[model][measure.key] for model in pair)
    gap = float(ours) - float(theirs)
    plus = "+" if gap > 0 else ""
    return Fact(
        heading(measure),
        f"{plus}{difference_of(measure, gap)}{' points' if measure.in_points else ''}",
        f"{value_of(measure, ours)} against {value_of(measure, theirs)}",
    )


def facts(
    summary: Mapping[str, Metrics], results: Results, table: Rows, measure: Measure = ACCURACY
) -> list[Fact]:
    """Return the figures that the verdict rests on, as far as they are there."""
    pairs = ordered_pairs(summary, table, measure)
    if not pairs:
        return []
    pair = pairs[0]
    ours, theirs = summary[pair[0]], summary[pair[1]]
    listed = [metric_fact(summary, pair, measure)]
    for label, key in (("operations only", "energy_operations_nj"), ("with memory", "energy_nj")):
        found_ratio = _ratio(ours, theirs, key)
        if found_ratio is not None:
            note = f"{number(ours[key])} against {number(theirs[key])} nJ a clip"
            listed.append(Fact(f"Energy, {label}", f"{times(found_ratio)} ×", note))
    rate = as_float(ours.get("spike_rate"))
    if rate is not None:
        described = []
        for accounting, label in (("operations", "operations only"), ("memory", "with memory")):
            known, limit = break_even(summary, results, pair, accounting)
            if known:
                described.append(f"{_at(limit)} {label}")
        note = f"breaks even {', '.join(described)}" if described else "of neurons in a time step"
        listed.append(Fact("Spike rate", share(rate), note))
    return listed


def break_even(
    summary: Mapping[str, Metrics], results: Results, pair: Pair, accounting: str
) -> tuple[bool, float | None]:
    """Return whether the pair's break-even rate is known at the run's own setting, and the rate."""
    setting = None if results.energy is None else default_setting(results.energy, summary)
    steps = summary[pair[0]].get("steps")
    return break_even_rate(results.break_even, pair, setting, accounting, steps)


def ratio(ours: Metrics, theirs: Metrics) -> float | None:
    """Return energy with memory, ours over theirs."""
    return _ratio(ours, theirs, "energy_nj")


def _at(limit: float | None) -> str:
    if limit is None:
        return "never"
    return "at any rate" if limit >= 1 else f"at {share(limit)}"


def _ratio(ours: Metrics, theirs: Metrics, key: str) -> float | None:
    a, b = as_float(ours.get(key)), as_float(theirs.get(key))
    return a / b if a is not None and b else None


def _conclusion(operations: float, memory: float) -> str:
    if operations < 1 and memory < 1:
        return "it needs less by both accounts"
    if operations >= 1 and memory >= 1:
        return "it does not need less by either account"
    if operations < 1:
        return "it needs less only as long as memory is left out"
    return "it needs less only once memory is counted"


def _intervals_say(ours: Metrics, theirs: Metrics) -> str:
    ends = [float(x[f"accuracy_{end}"]) for x in (ours, theirs) for end in ("low", "high")]
    both = f"({interval(*ends[:2])} and {interval(*ends[2:])} %)"
    if ends[1] < ends[2] or ends[0] > ends[3]:
        more = "less" if ends[1] < ends[2] else "more"
        return f"their intervals {both} do not overlap, so the spiking network is {more} accurate"
    return f"their intervals {both} overlap, which shows no difference"
