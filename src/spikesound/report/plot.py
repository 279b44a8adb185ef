"""Interactive plots as plain data: what page.js draws, and the table that says the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Series:
    """One model's points, or its line.

    Attributes
    ----------
    name, family, symbol, dash
        Whose, and how it looks (:mod:`spikesound.report.theme`).
    x, y
        One number a point; None is a gap.
    low, high
        Ends of the interval of each y (of each x, in a ``range``); empty where there is none.
    kind
        ``points``, ``line`` (with its markers and a band between low and high), ``thin`` (a line
        alone), ``front`` (a staircase without markers), ``own`` (one large point) or ``range``
        (points whose intervals lie along x).
    hover
        Text shown at each point under the pointer.
    labels, places
        Text at each point, and on which side of it; empty where there is none.
    hollow
        Whether each point is drawn as an outline.
    """

    name: str
    family: str
    symbol: str
    x: Sequence[float]
    y: Sequence[float | None]
    kind: str = "points"
    dash: str = "solid"
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    hover: Sequence[str] = ()
    labels: Sequence[str] = ()
    places: Sequence[str] = ()
    hollow: Sequence[bool] = ()


@dataclass(frozen=True)
class Axis:
    """An axis; ``ticks`` and ``texts`` where they are not the numbers themselves."""

    title: str
    log: bool = False
    range: Sequence[float] | None = None
    ticks: Sequence[float] | None = None
    texts: Sequence[str] | None = None


@dataclass(frozen=True)
class View:
    """Content of a plot at one setting of its switches, with its description in words.

    ``x_range``: ends of the x axis, as logarithms where it has them; None leaves them to the plot.
    ``x``, ``y``: the axes where they are not the plot's.
    """

    series: Sequence[Series]
    alt: str
    x_range: Sequence[float] | None = None
    x: Axis | None = None
    y: Axis | None = None


@dataclass(frozen=True)
class Choice:
    """A switch of a plot: its values with what they are called; ``value`` is the first shown."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    value: str


@dataclass(frozen=True)
class Table:
    """Heads and rows, as texts."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Plot:
    """A plot with its switches and its table.

    Attributes
    ----------
    views
        By the values of the choices, joined by ``|``; one, with the key ``""``, where there are no
        choices.
    group
        Plots of one group share the checkboxes that show and hide models.
    """

    id: str
    title: str
    x: Axis
    y: Axis
    views: Mapping[str, View]
    table: Table
    choices: Sequence[Choice] = ()
    group: str = ""
    height: int = 380
    first: View = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", self.views["|".join(c.value for c in self.choices)])


def drawn(plots: Sequence[Plot]) -> str:
    """Return what page.js draws as JSON that may stand within a ``<script>`` element."""
    keys = ("id", "x", "y", "views", "group", "height")
    content: list[dict[str, Any]] = []
    for plot in plots:
        whole = asdict(plot)
        content.append({key: whole[key] for key in keys})
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
