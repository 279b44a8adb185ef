"""The answer at the top of the page: sentences, their conditions, three figures, one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikesound.evaluation.differences import BETTER, NOT_SHOWN, WORSE, Difference
from spikesound.evaluation.measures import Measure
from spikesound.report.families import Family, Pair
from spikesound.report.numbers import number, times

COIN_CELL_J = 0.225 * 3600 * 3
"""Energy of a coin cell CR2032: 225 mAh at 3 V."""

_YEAR = 365


@dataclass(frozen=True)
class Fact:
    """One figure of the answer, to be seen before anything is read."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Bar:
    """One network in the picture: its cost as a bar, and what it gets right.

    Attributes
    ----------
    width : of the bar, percent of the longest
    of_pair : whether it is one of the two that the answer is on
    """

    name: str
    family: Family
    cost: str
    gain: str
    width: float
    of_pair: bool


@dataclass(frozen=True)
class Answer:
    """What stands above everything else.

    Attributes
    ----------
    sentences : the answer comes first
    conditions : under which it holds
    facts : at most three
    bars : of the picture, the cheapest network first
    cost, gain : what the picture's bars and its last column show
    """

    sentences: Sequence[str]
    conditions: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    bars: Sequence[Bar] = ()
    cost: str = ""
    gain: str = ""


def headline(
    pair: Pair,
    needs: float | None,
    other: tuple[str, float] | None,
    outcome: str | None,
    what: str,
) -> str:
    """Return the answer in one sentence.

    Parameters
    ----------
    needs : what the spiking network of the pair needs, over its twin's; None: not measured
    other : the cheapest conventional variant of the twin, and the same ratio to it
    outcome : of the comparison with the twin; None: not compared
    what : energy or power
    """
    ours, twin = pair
    if needs is None:
        return f"Not to be said: the {what} that {ours} and {twin} need was not measured."
    ratio = f"{ours} needs {times(needs)} times the {what} of its conventional twin {twin}"
    if needs >= 1:
        return f"No: {ratio}."
    if other is not None and other[1] >= 1:
        return (
            f"Not against every conventional network: {ratio}, but {times(other[1])} times that of "
            f"{other[0]}, which does without spikes, each at its own precision."
        )
    if outcome == WORSE:
        return f"Only if some quality may be given up: {ratio}, and is shown to be worse."
    if outcome == BETTER:
        return f"Yes, by these figures: {ratio}, and is shown to be better."
    return f"Perhaps: {ratio}; whether it is worse, these clips do not show."


def said(outcome: str | None) -> str:
    """Return what a comparison shows of the spiking network, behind its figures."""
    shown = {NOT_SHOWN: NOT_SHOWN, WORSE: "shown to be worse", BETTER: "shown to be better"}
    return "" if outcome is None else f" ({shown[outcome]})"


def conditions(
    difference: Difference | None, measure: Measure, confidence: float, margin: float | None
) -> list[str]:
    """Return the conditions under which the answer holds.

    Parameters
    ----------
    difference : of the pair, in the metric of the answer; None: not compared
    margin : of equivalence, a share; None: not tested
    """
    found = [
        "Energy is counted, not measured on a chip: operations and memory accesses times published "
        "energies of each. Another technology or dataflow may turn the answer; all are below.",
        "Each network was trained once; another training seed gives somewhat other figures.",
    ]
    if difference is None:
        return [*found, "The two networks were not compared clip by clip."]
    unit = f"points of {measure.title}" if measure.in_points else f"of {measure.title}"
    equal = difference.equivalent(confidence)
    if equal is not None and margin and difference.outcome(confidence) == NOT_SHOWN:
        shown = "It is shown" if equal else "It is not shown either"
        found.append(f"{shown} that the two are equal within {margin * measure.scale:g} {unit}.")
    if difference.detectable is not None:
        least = f"{difference.detectable * measure.scale:.{measure.decimals}f}"
        found.append(
            f"These clips show a difference of {least} {unit} or more with a power of 80 %, before "
            "the correction for several comparisons; smaller ones they would often miss."
        )
    return found


def battery(watts: float, twin_watts: float) -> Fact:
    """Return how long a coin cell feeds the network, and its twin."""
    return Fact(
        "Runs on a coin cell for",
        lifetime(watts),
        f"against {lifetime(twin_watts)}: a CR2032 (225 mAh, 3 V) that feeds this network alone, "
        "without a pause. Microphone, features, leakage and self-discharge come on top.",
    )


def lifetime(watts: float) -> str:
    """Return how long a coin cell lasts: in days, from three years on in years."""
    days = COIN_CELL_J / watts / 86400
    return f"{days:,.0f} days" if days < 3 * _YEAR else f"{days / _YEAR:,.1f} years"


def of_a_hundred(label: str, share: float, twin_share: float, note: str) -> Fact:
    """Return the difference of two shares, as a number of a hundred things."""
    gap = round(100 * (share - twin_share), 1) + 0.0
    value = "as many" if gap == 0 else f"{abs(gap):g} {'more' if gap > 0 else 'fewer'}"
    return Fact(label, value, note)


def bars(
    costs: Mapping[str, float],
    gains: Mapping[str, str],
    unit: str,
    families: Mapping[str, Family],
    pair: Pair,
) -> list[Bar]:
    """Return the bars of networks, the cheapest first; costs are in the unit."""
    longest = max(costs.values(), default=1.0)
    return [
        Bar(
            name,
            families[name],
            f"{number(cost)} {unit}",
            gains[name],
            round(100 * cost / longest, 1),
            name in pair,
        )
        for name, cost in sorted(costs.items(), key=lambda item: item[1])
    ]
