"""The answer on a classifier and its twin, and the two sentences that give its tests."""

from __future__ import annotations

from collections.abc import Mapping

from spikesound.evaluation.differences import BETTER, NOT_SHOWN, WORSE, Difference
from spikesound.evaluation.measures import CLASSIFICATION, Measure
from spikesound.evaluation.summary import Metrics
from spikesound.report.answer import (
    Answer,
    Fact,
    bars,
    battery,
    conditions,
    headline,
    of_a_hundred,
    said,
)
from spikesound.report.break_even import break_even_rate
from spikesound.report.comparison import margin_of, name_of_test, ordered_pairs, paired, sentence
from spikesound.report.energy import default_setting
from spikesound.report.families import Pair, Rows, family, variants
from spikesound.report.front_plot import ACCURACY
from spikesound.report.inputs import ReportInputs
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


def answer(inputs: ReportInputs) -> Answer:
    """Return the answer on the spiking model with a twin that is best on validation."""
    summary, results, measure = inputs.summary, inputs.results, inputs.headline
    pairs = ordered_pairs(summary, inputs.table, measure)
    if not pairs:
        return Answer([NO_PAIR])
    pair = pairs[0]
    ours, theirs = summary[pair[0]], summary[pair[1]]
    difference = (paired(results, *pair, [measure]) or {}).get(measure.key)
    other = cheapest_variant(summary, pair, inputs.table)
    outcome = None if difference is None else difference.outcome(inputs.confidence)
    costs = {
        name: needed / 1000
        for name in inputs.models
        if (needed := own_energy_nj(summary[name])) is not None
    }
    gained = (value_of(measure, figures[measure.key]) for figures in (ours, theirs))
    return Answer(
        [
            headline(pair, ratio(ours, theirs), other, outcome, "energy"),
            f"{heading(measure)}: {' against '.join(gained)}{said(outcome)}, on "
            f"{summary['dataset']['clips_scored']} clips that the networks were not trained on.",
        ],
        conditions(difference, measure, inputs.confidence, margin_of(results, *pair)),
        _facts(inputs, pair, costs, difference),
        bars(
            costs,
            {name: value_of(measure, summary[name][measure.key]) for name in costs},
            "µJ",
            {name: family(name, inputs.table) for name in costs},
            pair,
        ),
        "Energy a clip",
        heading(measure),
    )


def _facts(
    inputs: ReportInputs, pair: Pair, costs: Mapping[str, float], difference: Difference | None
) -> list[Fact]:
    """Return energy a clip, life of a battery, and clips of a hundred, as far as they are there."""
    measure, listed = inputs.headline, []
    if set(pair) <= set(costs):
        ours, theirs = (costs[name] for name in pair)
        note = f"against {number(theirs)} µJ of {pair[1]}, with memory"
        listed.append(Fact("Energy a clip", f"{number(ours)} µJ", note))
        seconds = inputs.status["seconds"][inputs.status["state"] == "ok"].median()
        listed.append(battery(ours * 1e-6 / seconds, theirs * 1e-6 / seconds))
    if measure is not ACCURACY:
        return [*listed, metric_fact(inputs.summary, pair, measure)]
    shares = [float(inputs.summary[name][measure.key]) for name in pair]
    note = f"{share(shares[0])} against {share(shares[1])}"
    if difference is not None:
        low, high = (points(end) for end in (difference.low, difference.high))
        level = f"{inputs.confidence * 100:g} %"
        note += f"; {level} interval of the difference: {low} to {high} points"
    return [*listed, of_a_hundred("Right of a hundred clips", shares[0], shares[1], note)]


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
    text += _beside_variant(summary, pair, table)
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


def _beside_variant(summary: Mapping[str, Metrics], pair: Pair, table: Rows) -> str:
    """Name the twin's variant (fewer bits, fewer activations) that needs least, and the ratio."""
    found = cheapest_variant(summary, pair, table)
    if found is None:
        return ""
    return (
        f" (and {times(found[1])} times that of {found[0]}, the twin’s cheapest variant, each in "
        "its own precision)"
    )


def cheapest_variant(
    summary: Mapping[str, Metrics], pair: Pair, table: Rows
) -> tuple[str, float] | None:
    """Return the twin's variant that needs least energy, and the pair's first over it."""
    needed = {
        name: own
        for name in variants(pair[1], summary, table)
        if (own := own_energy_nj(summary[name])) is not None
    }
    ours = own_energy_nj(summary[pair[0]])
    if not needed or ours is None:
        return None
    name = min(needed, key=lambda variant: needed[variant])
    return name, ours / needed[name]


def own_energy_nj(figures: Metrics) -> float | None:
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
