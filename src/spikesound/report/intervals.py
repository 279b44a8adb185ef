"""The metrics of each model with their intervals, model under model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikesound.evaluation.measures import Measure
from spikesound.evaluation.summary import Metrics
from spikesound.report.numbers import as_float, axis_title, bounds_of, heading, value_of
from spikesound.report.plot import Axis, Choice, Plot, Series, Table, View
from spikesound.report.theme import Look

_ROW_PX = 24


def interval_plot(
    summary: Mapping[str, Metrics],
    look: Mapping[str, Look],
    measures: Sequence[Measure],
    title: str,
) -> Plot | None:
    """Plot each model's metrics with their intervals; None where no model has any of them."""
    present = [
        measure
        for measure in measures
        if any(as_float(summary[model].get(measure.key)) is not None for model in look)
    ]
    if not present:
        return None
    models = list(look)
    rows = list(range(len(models)))[::-1]  # the first model stands on top
    views = {measure.key: _view(summary, look, measure, rows) for measure in present}
    return Plot(
        id="plot-metrics",
        title=title,
        x=Axis(axis_title(present[0])),
        y=Axis("", ticks=rows, texts=models, range=(-0.7, len(models) - 0.3)),
        views=views,
        table=Table(
            ["Model", *(f"{heading(measure)} [interval]" for measure in present)],
            [[model, *(_text(summary[model], measure) for measure in present)] for model in models],
        ),
        choices=[
            Choice("metric", "Metric", [(m.key, heading(m)) for m in present], present[0].key),
        ],
        height=90 + _ROW_PX * len(models),
    )


def _view(
    summary: Mapping[str, Metrics], look: Mapping[str, Look], measure: Measure, rows: Sequence[int]
) -> View:
    series, described = [], []
    for (model, mark), row in zip(look.items(), rows, strict=True):
        ends = ("", "_low", "_high")
        value, low, high = (as_float(summary[model].get(f"{measure.key}{end}")) for end in ends)
        if value is None:
            continue
        text = _text(summary[model], measure)
        has_interval = low is not None and high is not None
        series.append(
            Series(
                name=model,
                family=mark.family,
                symbol=mark.symbol,
                x=[measure.scaled(value)],
                y=[row],
                low=[measure.scaled(low or 0.0)] if has_interval else (),
                high=[measure.scaled(high or 0.0)] if has_interval else (),
                kind="range",
                hover=[f"<b>{model}</b><br>{heading(measure)} {text}"],
            )
        )
        described.append(f"{model} {text}")
    return View(
        series,
        f"{heading(measure)} of each model with its interval: {'; '.join(described)}.",
        x=Axis(axis_title(measure), range=(0, _top(series))),
    )


def _text(figures: Metrics, measure: Measure) -> str:
    ends = (figures.get(f"{measure.key}_{end}") for end in ("low", "high"))
    return f"{value_of(measure, figures.get(measure.key))} [{bounds_of(measure, *ends)}]"


def _top(series: Sequence[Series]) -> float:
    """Return the end of the axis: a tenth above the highest value and interval; of zeros 1."""
    highest = max(max([*each.x, *(high or 0.0 for high in each.high)]) for each in series)
    return 1.1 * highest or 1.0
