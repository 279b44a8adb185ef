"""A classifier's metric against its energy, and what the energy is made of."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from spikesound.evaluation.measures import Measure
from spikesound.evaluation.summary import Metrics
from spikesound.report.front_plot import ACCURACY, Point, front_view
from spikesound.report.numbers import as_float, axis_title, heading, number
from spikesound.report.plot import Axis, Choice, Plot, Table
from spikesound.report.results import COLUMNS
from spikesound.report.theme import Look

ACCOUNTINGS = {"memory": "with memory", "operations": "operations only"}
DATAFLOWS = {
    "no_reuse": "no reuse",
    "weight_stationary": "weight-stationary",
    "input_stationary": "input-stationary",
    "output_stationary": "output-stationary",
    "full_reuse": "full reuse",
}
_COLUMN = {"memory": "total_nj", "operations": "operations_nj"}


def profile_name(profile: str) -> str:
    """Return a profile's name as it is shown: ``fp32_45nm`` is ``FP32, 45 nm``."""
    kind, _, process = profile.partition("_")
    return f"{kind.upper()}, {process.replace('nm', ' nm')}" if process else profile


def default_setting(energy: pd.DataFrame, summary: Mapping[str, Metrics]) -> tuple[str, str]:
    """Return the profile and the dataflow whose totals are the summary's ``energy_nj``.

    Where the summary has none, the first of the table.
    """
    best: tuple[float, tuple[str, str]] | None = None
    energy = energy[[own_way(row, summary) for _, row in energy.iterrows()]]
    for (profile, dataflow), rows in energy.groupby(["profile", "dataflow"], sort=False):
        apart, compared = 0.0, 0
        for model, total in zip(rows["model"], rows["total_nj"], strict=True):
            wanted = as_float(summary.get(model, {}).get("energy_nj"))
            if wanted and total > 0:
                apart += abs(math.log(wanted / total))
                compared += 1
        distance = apart / compared if compared else math.inf
        if best is None or distance < best[0]:
            best = (distance, (str(profile), str(dataflow)))
    assert best is not None
    return best[1]


def energy_plot(
    energy: pd.DataFrame,
    summary: Mapping[str, Metrics],
    look: Mapping[str, Look],
    *,
    twins: Collection[str] = (),
    measure: Measure = ACCURACY,
) -> Plot | None:
    """Plot a metric over energy for every profile, dataflow and accounting, with the Pareto front.

    Every model is shown as it is run, and those of ``twins`` in their other execution too. None
    where no model of the table is in the summary.
    """
    shown = energy[energy["model"].isin(list(look)) & (energy["total_nj"] > 0)]
    if shown.empty:
        return None
    profile, dataflow = default_setting(shown, summary)
    views = {}
    for (kind, flow), rows in shown.groupby(["profile", "dataflow"], sort=False):
        for accounting, column in _COLUMN.items():
            points = [
                Point.of(
                    shown_name(row, summary),
                    row[column] / 1000,
                    summary[row["model"]],
                    look[row["model"]],
                    measure,
                )
                for _, row in rows.iterrows()
                if row[column] > 0 and (own_way(row, summary) or row["model"] in twins)
            ]
            setting = (
                f"{profile_name(str(kind))}, {flow_name(str(flow))}, {ACCOUNTINGS[accounting]}"
            )
            views[f"{accounting}|{kind}|{flow}"] = front_view(points, setting, measure)
    return Plot(
        id="plot-energy",
        title=f"{heading(measure)} against energy",
        x=Axis("Energy a clip, µJ (logarithmic)", log=True),
        y=Axis(axis_title(measure)),
        views=views,
        table=energy_table(shown, summary),
        choices=[
            Choice("accounting", "Counted", list(ACCOUNTINGS.items()), "memory"),
            Choice("profile", "Technology", options(shown["profile"], profile_name), profile),
            Choice("dataflow", "Dataflow", options(shown["dataflow"], flow_name), dataflow),
        ],
        height=430,
    )


def energy_table(energy: pd.DataFrame, summary: Mapping[str, Metrics]) -> Table:
    """Return what the energy of each model, profile and dataflow is made of."""
    parts = [column for column in COLUMNS["energy"] if column.endswith("_nj")]
    names = [part.removesuffix("_nj").capitalize().replace("Total", "All") for part in parts]
    heads = ["Model", "Technology", "Dataflow", *(f"{name}, µJ" for name in names)]
    rows = [
        [
            shown_name(row, summary),
            profile_name(str(row["profile"])),
            flow_name(str(row["dataflow"])),
            *(number(row[part] / 1000) for part in parts),
        ]
        for _, row in energy.iterrows()
    ]
    return Table(heads, rows)


def own_way(row: Any, summary: Mapping[str, Metrics]) -> bool:
    """Return whether a row has its model's own execution; any has where that is not stated."""
    return bool(
        summary.get(row["model"], {}).get("execution", row["execution"]) == row["execution"]
    )


def shown_name(row: Any, summary: Mapping[str, Metrics]) -> str:
    """Return a model's name, with the execution if it is not the model's own."""
    way = "" if own_way(row, summary) else f", {str(row['execution']).replace('_', '-')}"
    return f"{row['model']}{way}"


def operations_table(model: str, layers: pd.DataFrame) -> Table:
    """Return one model's operations by layer."""
    heads = [str(column).replace("_", " ").capitalize() for column in layers.columns]
    rows = [
        [number(v, 4) if as_float(v) is not None else str(v) for v in row]
        for row in layers.itertuples(index=False)
    ]
    return Table(heads, rows)


def options(values: pd.Series[str], name: Any) -> list[tuple[str, str]]:
    return [(str(value), name(str(value))) for value in dict.fromkeys(values)]


def flow_name(dataflow: str) -> str:
    return DATAFLOWS.get(dataflow, dataflow.replace("_", " "))
