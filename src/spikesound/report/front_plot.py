"""Metric against cost of the models, as points with the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spikesound.evaluation.measures import CLASSIFICATION, Measure
from spikesound.report.numbers import as_float, bounds_of, heading, number, value_of
from spikesound.report.pareto import dominated, front, log10, name_places
from spikesound.report.plot import Series, View
from spikesound.report.theme import Look

ACCURACY = CLASSIFICATION[0]


@dataclass(frozen=True)
class Cost:
    """Quantity on the x axis of the front.

    Attributes
    ----------
    name : as in "accuracy against <name>"
    unit : behind each number
    """

    name: str
    unit: str


ENERGY = Cost("energy a clip", "µJ")
POWER = Cost("power", "µW")


@dataclass(frozen=True)
class Point:
    """One model or setting: its cost, its metric with the interval, and its look."""

    name: str
    cost: float
    gain: float
    low: float | None
    high: float | None
    look: Look

    @classmethod
    def of(
        cls, model: str, cost: float, figures: Mapping[str, Any], look: Look, measure: Measure
    ) -> Point:
        """Take the metric and its interval from the summary's figures."""
        low, high = (as_float(figures.get(f"{measure.key}_{end}")) for end in ("low", "high"))
        return cls(model, float(cost), float(figures[measure.key]), low, high, look)


def front_view(
    points: Sequence[Point], setting: str, measure: Measure = ACCURACY, cost: Cost = ENERGY
) -> View:
    """Return points with their intervals, the dominated ones hollow, and the Pareto front."""
    costs, gains = [p.cost for p in points], [p.gain for p in points]
    beaten = dominated(costs, gains)
    line = front(costs, gains)
    x, y = log10(costs), [_scaled(gain, measure) for gain in gains]
    spread = max(0.5, max(x) - min(x))
    x_range = (min(x) - 0.08 * spread, max(x) + 0.24 * spread)  # names stand on the right
    lows = [_scaled(p.low if p.low is not None else p.gain, measure) for p in points]
    highs = [_scaled(p.high if p.high is not None else p.gain, measure) for p in points]
    places = _places(points, x, y, list(zip(lows, highs, strict=True)), x_range)
    series = [
        Series(
            name=p.name,
            family=p.look.family,
            symbol=p.look.symbol,
            x=[p.cost],
            y=[at],
            low=[low],
            high=[high],
            hover=[
                f"<b>{p.name}</b><br>{value_of(measure, p.gain)} "
                f"[{bounds_of(measure, p.low, p.high)}]"
                f"<br>{number(p.cost)} {_unit(cost)}" + ("<br>dominated" if bad else "")
            ],
            labels=[p.name if place or p.look.family == "snn" else ""],
            places=[place or "top center"],
            hollow=[bad],
        )
        for p, at, low, high, bad, place in zip(points, y, lows, highs, beaten, places, strict=True)
    ]
    steps = [c for c, _ in line], [_scaled(g, measure) for _, g in line]
    stairs = Series("Pareto front", "front", "circle", *steps, "front")
    best = [p.name for p, bad in zip(points, beaten, strict=True) if not bad]
    each = (f"{p.name} {value_of(measure, p.gain)} at {number(p.cost)} {cost.unit}" for p in points)
    alt = (
        f"{heading(measure)} against {cost.name} ({setting}): {'; '.join(each)}. "
        f"On the Pareto front: {', '.join(best)}."
    )
    return View([stairs, *series], alt, x_range)


def _scaled(value: float, measure: Measure) -> float:
    return value * 100 if measure.in_points else value


def _unit(cost: Cost) -> str:
    return f"{cost.unit} a clip" if cost is ENERGY else cost.unit


def _places(
    points: Sequence[Point],
    x: Sequence[float],
    y: Sequence[float],
    bars: Sequence[tuple[float, float]],
    x_range: Sequence[float],
) -> list[str]:
    """Return the place of each point's name; spiking models choose first."""
    order = sorted(range(len(points)), key=lambda i: points[i].look.family != "snn")
    chosen = name_places(
        [points[i].name for i in order],
        [x[i] for i in order],
        [y[i] for i in order],
        [bars[i] for i in order],
        x_range,
    )
    return [chosen[order.index(i)] for i in range(len(points))]
