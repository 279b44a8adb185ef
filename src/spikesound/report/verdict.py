"""What the figures say, in plain words, and nothing that they do not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spikesound.evaluation.differences import BETTER, NOT_SHOWN, WORSE, read_difference
from spikesound.evaluation.summary import Metrics
from spikesound.report.break_even import break_even_rate
from spikesound.report.energy import default_setting
from spikesound.report.families import twin
from spikesound.report.numbers import (
    as_float,
    interval,
    number,
    p_value,
    points,
    share,
    signed,
    times,
)
from spikesound.report.results import Results

NO_PAIR = (
    "No spiking network stands beside its conventional twin here, so these figures say nothing yet "
    "about whether spiking is worth it."
)
NO_ENERGY = "What they need in energy was not measured in this run."

Pair = tuple[str, str]


@dataclass(frozen=True)
class Fact:
    """One figure of the verdict, to be seen before anything is read."""

    label: str
    value: str
    note: str


def pairs(summary: Mapping[str, Metrics]) -> list[Pair]:
    """Return each spiking model with its conventional twin, the best on validation first."""
    models = {name: figures for name, figures in summary.items() if name != "dataset"}
    found = [(name, other) for name in models if (other := twin(name, models)) is not None]
    # Not by the test's accuracy, which is what the page then tells.
    return sorted(
        found, key=lambda pair: (-float(models[pair[0]].get("validation_accuracy", 0)), pair)
    )


def verdict(summary: Mapping[str, Metrics], results: Results) -> list[str]:
    """Return two sentences on the spiking model with a twin that is best on validation.

    The first is on accuracy, the second on energy; one sentence where there is no such model.
    """
    found = pairs(summary)
    if not found:
        return [NO_PAIR]
    return [on_accuracy(summary, results, found[0]), on_energy(summary, results, found[0])]


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
    test = paired(results, *pair)
    confidence = f"{float(dataset['confidence']) * 100:g} %"
    if test is None:
        return f"{both}: {_intervals_say(ours, theirs)}, and no paired test was made."
    difference = read_difference(test, "accuracy")
    assert difference is not None
    outcome = difference.outcome(float(dataset["confidence"]))
    more = {BETTER: "more", WORSE: "less"}.get(outcome)
    shown = f"the spiking network is {more} accurate" if more else NOT_SHOWN
    value, low, high = (points(each) for each in difference[:3])
    p = p_value(test["accuracy_p_corrected"])
    return (
        f"{both}: {shown} ({value} points, {confidence} interval {low} to {high}; "
        f"{test.get('accuracy_test', 'paired test')}, corrected, {p})."
    )


def on_energy(summary: Mapping[str, Metrics], results: Results, pair: Pair) -> str:
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
    text += _cheapest_variant(summary, pair)
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


def _cheapest_variant(summary: Mapping[str, Metrics], pair: Pair) -> str:
    """Name the twin's variant (fewer bits, fewer activations) that needs least, and the ratio."""
    variants = {
        name: float(figures["energy_nj"])
        for name, figures in summary.items()
        if name.startswith(f"{pair[1]}-") and as_float(figures.get("energy_nj"))
    }
    if not variants:
        return ""
    name = min(variants, key=lambda variant: variants[variant])
    needs = times(float(summary[pair[0]]["energy_nj"]) / variants[name])
    return f" (and {needs} times that of {name}, the twin’s cheapest variant)"


def facts(summary: Mapping[str, Metrics], results: Results) -> list[Fact]:
    """Return the figures that the verdict rests on, as far as they are there."""
    found = pairs(summary)
    if not found:
        return []
    pair = found[0]
    ours, theirs = summary[pair[0]], summary[pair[1]]
    gap = float(ours["accuracy"]) - float(theirs["accuracy"])
    plus = "+" if gap > 0 else ""
    listed = [
        Fact(
            "Accuracy",
            f"{plus}{points(gap)} points",
            f"{share(ours['accuracy'])} against {share(theirs['accuracy'])}",
        )
    ]
    for label, key in (("operations only", "energy_operations_nj"), ("with memory", "energy_nj")):
        found_ratio = _ratio(ours, theirs, key)
        if found_ratio is not None:
            note = f"{number(ours[key])} against {number(theirs[key])} nJ a clip"
            listed.append(Fact(f"Energy, {label}", f"{times(found_ratio)} ×", note))
    rate = as_float(ours.get("spike_rate"))
    if rate is not None:
        told = []
        for accounting, label in (("operations", "operations only"), ("memory", "with memory")):
            known, limit = break_even(summary, results, pair, accounting)
            if known:
                told.append(f"{_at(limit)} {label}")
        note = f"breaks even {', '.join(told)}" if told else "of neurons in a time step"
        listed.append(Fact("Spike rate", share(rate), note))
    return listed


def break_even(
    summary: Mapping[str, Metrics], results: Results, pair: Pair, accounting: str
) -> tuple[bool, float | None]:
    """Return whether the pair's break-even rate is known at the run's own setting, and the rate."""
    setting = None if results.energy is None else default_setting(results.energy, summary)
    steps = summary[pair[0]].get("steps")
    return break_even_rate(results.break_even, pair, setting, accounting, steps)


def paired(results: Results, a: str, b: str) -> dict[str, Any] | None:
    """Return the paired tests of two models, a minus b, whichever way round they were stored."""
    stored = results.comparisons or {}
    if f"{a} vs {b}" in stored:
        return dict(stored[f"{a} vs {b}"])
    if f"{b} vs {a}" not in stored:
        return None
    turned = dict(stored[f"{b} vs {a}"])
    for name in ("accuracy", "map"):
        if (difference := read_difference(turned, name)) is not None:
            other = difference.reversed()
            ends = {"": other.value, "_low": other.low, "_high": other.high}
            turned |= {f"{name}_difference{end}": value for end, value in ends.items()}
    return turned


def ratio(ours: Metrics, theirs: Metrics) -> float | None:
    """Return energy with memory, ours over theirs."""
    return _ratio(ours, theirs, "energy_nj")


def _at(limit: float | None) -> str:
    if limit is None:
        return "never"
    return "at any rate" if limit >= 1 else f"at {share(limit)}"


def in_words(test: Mapping[str, Any], alpha: float) -> str:
    """Say in which of accuracy and mAP the first model is better or worse, if a test shows it."""
    shown = {}
    for metric, name in (("accuracy", "accuracy"), ("map", "mAP")):
        difference = read_difference(test, metric)
        if difference is not None and difference.p_corrected is not None:
            outcome = difference.outcome(1 - alpha)
            if outcome != NOT_SHOWN:
                shown[name] = outcome
    return ", ".join(f"{how} in {name}" for name, how in shown.items()) or NOT_SHOWN


def comparison_rows(results: Results, alpha: float = 0.05) -> list[list[str]]:
    """Return pair, difference, interval and p of accuracy, those of mAP, and the words."""
    rows = []
    for name, test in (results.comparisons or {}).items():
        row = [name]
        for metric, scale in (("accuracy", points), ("map", _three)):
            difference = as_float(test.get(f"{metric}_difference"))
            if difference is None:
                row += ["–", "–"]
                continue
            low, high = test[f"{metric}_difference_low"], test[f"{metric}_difference_high"]
            row.append(f"{scale(difference)} [{scale(low)} to {scale(high)}]")
            row.append(p_value(test[f"{metric}_p_corrected"]))
        rows.append([*row, in_words(test, alpha)])
    return rows


def _three(value: float) -> str:
    return signed(f"{value:.3f}")


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
