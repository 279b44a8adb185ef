"""Accuracy after some of the time steps, or of the seconds of input."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from spikesound.report.numbers import as_float, interval, number, share
from spikesound.report.plot import Axis, Plot, Series, Table, View
from spikesound.report.theme import Look

AXES = {
    "steps": ("Over time steps", "Time steps", "step"),
    "seconds": ("Over seconds of input", "Seconds of input", "s"),
}


def plots(table: pd.DataFrame, look: Mapping[str, Look]) -> list[Plot]:
    """Return accuracy over steps and over seconds, as far as the table has them."""
    shown = table[table["model"].isin(list(look))]
    return [
        _plot(axis, rows, look) for axis in AXES if not (rows := shown[shown["axis"] == axis]).empty
    ]


def _plot(axis: str, rows: pd.DataFrame, look: Mapping[str, Look]) -> Plot:
    title, label, unit = AXES[axis]
    series, described, body = [], [], []
    for model, mark in look.items():
        mine = rows[rows["model"] == model].sort_values("at")
        if mine.empty:
            continue
        low, high = mine["accuracy_low"], mine["accuracy_high"]
        bounds = [interval(a, b) for a, b in zip(low, high, strict=True)]
        points = list(zip(mine["at"], mine["accuracy"], bounds, strict=True))
        series.append(
            Series(
                name=model,
                family=mark.family,
                symbol=mark.symbol,
                dash=mark.dash,
                x=[float(at) for at in mine["at"]],
                y=[float(value) * 100 for value in mine["accuracy"]],
                low=[None if (v := as_float(x)) is None else v * 100 for x in low],
                high=[None if (v := as_float(x)) is None else v * 100 for x in high],
                kind="line",
                hover=[
                    f"<b>{model}</b><br>{unit} {number(at)}<br>{share(value)} [{bound}]"
                    for at, value, bound in points
                ],
            )
        )
        body += [[model, number(at), share(v), bound] for at, v, bound in points]
        first, last = points[0], points[-1]
        described.append(
            f"{model} {share(first[1])} at {number(first[0])}, {share(last[1])} at "
            f"{number(last[0])}"
        )
    steps = sorted(set(rows["at"].astype(float))) if axis == "steps" else None
    return Plot(
        id=f"plot-anytime-{axis}",
        title=title,
        x=Axis(label, ticks=steps, texts=None if steps is None else [f"{s:g}" for s in steps]),
        y=Axis("Accuracy, %", range=(0, 100)),
        views={"": View(series, f"Accuracy {title.lower()}: {'; '.join(described)}.")},
        table=Table(["Model", label, "Accuracy", "Interval"], body),
        group="anytime",
        height=300,
    )
