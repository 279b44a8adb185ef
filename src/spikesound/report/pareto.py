"""Pareto front of models, and places of their names in a plot."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SIDES = {
    "top right": (1, 1),
    "bottom right": (1, -1),
    "top left": (-1, 1),
    "bottom left": (-1, -1),
    "middle right": (1, 0),
    "middle left": (-1, 0),
}
_WIDE, _HIGH = 640.0, 300.0  # the plot's area in pixels, on a screen that shows names
_LETTER, _LINE, _MARK = 6.6, 15.0, 7.0  # a letter's width, a line's height, half a marker

Box = tuple[float, float, float, float]


def dominated(costs: Sequence[float], gains: Sequence[float]) -> list[bool]:
    """Return for each point whether another costs no more and gains no less, and betters one.

    The points that are not dominated are the Pareto front.
    """
    pairs = list(zip(costs, gains, strict=True))
    return [
        any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in pairs)
        for cost, gain in pairs
    ]


def front(costs: Sequence[float], gains: Sequence[float]) -> list[tuple[float, float]]:
    """Return the points of the Pareto front, each once, the cheapest first."""
    out = dominated(costs, gains)
    points = {
        pair for pair, bad in zip(zip(costs, gains, strict=True), out, strict=True) if not bad
    }
    return sorted(points)


def name_places(
    names: Sequence[str],
    x: Sequence[float],
    y: Sequence[float],
    bars: Sequence[tuple[float, float]],
    x_range: Sequence[float],
) -> list[str]:
    """Return on which side of each point its name covers no other name, no point and no bar.

    The first free side of the point is taken, point after point; a name without a free side gets
    an empty text, and is left out of the picture (the key and the table still hold it).

    Parameters
    ----------
    x, y
        Of the points, on the scale of the ranges (so the logarithm, where the axis has one).
    bars
        Lower and upper end of each point's interval.
    x_range
        Ends of the axis; the other one goes from the lowest bar to the highest.
    """
    bottom, top = min(low for low, _ in bars), max(high for _, high in bars)

    def height(value: float) -> float:
        return (value - bottom) / max(top - bottom, 1e-9) * _HIGH

    spots = [
        (
            (a - x_range[0]) / (x_range[1] - x_range[0]) * _WIDE,
            height(b),
        )
        for a, b in zip(x, y, strict=True)
    ]
    taken: list[Box] = [(a - _MARK, b - _MARK, a + _MARK, b + _MARK) for a, b in spots]
    taken += [
        (a - 1, height(low), a + 1, height(high))
        for (a, _), (low, high) in zip(spots, bars, strict=True)
    ]
    sides = []
    for name, spot in zip(names, spots, strict=True):
        boxes = {side: _box(name, spot, *to) for side, to in _SIDES.items()}
        free = [side for side, box in boxes.items() if _inside(box) and not _covers(box, taken)]
        sides.append(free[0] if free else "")
        if free:
            taken.append(boxes[free[0]])
    return sides


def log10(values: Sequence[float]) -> list[float]:
    """Return the decimal logarithm of each value."""
    return [math.log10(value) for value in values]


def _box(name: str, spot: tuple[float, float], right: int, up: int) -> Box:
    wide = len(name) * _LETTER
    middle_x = spot[0] + right * (wide / 2 + (_MARK / 2 if up else _MARK + 4))
    middle_y = spot[1] + up * (_LINE / 2 + _MARK)
    half = _LINE / 2 - 1
    return middle_x - wide / 2, middle_y - half, middle_x + wide / 2, middle_y + half


def _inside(box: Box) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= _WIDE and box[3] <= _HIGH


def _covers(box: Box, others: Sequence[Box]) -> bool:
    return any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
        for other in others
    )
