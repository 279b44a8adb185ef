"""A detector's metric against its power, in each kind of sound."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from spikesound.evaluation.measures import Measure
from spikesound.evaluation.summary import Metrics
from spikesound.report.energy import ACCOUNTINGS, flow_name, options, profile_name
from spikesound.report.families import Pair
from spikesound.report.front_plot import POWER, Point, front_view
from spikesound.report.numbers import as_float, axis_title, heading, number, share
from spikesound.report.plot import Axis, Choice, Plot, Table
from spikesound.report.theme import Look

SOUNDS = {"events": "sound events", "background": "background alone", "silence": "silence"}
"""Kinds of sound, as they are written."""

EXECUTIONS = {
    "dense": "dense",
    "zero_skipping": "zero-skipping",
    "events": "event-driven",
    "events_lazy": "event-driven, lazy updates",
}
OWN = ("dense", "events")
"""Default execution of a conventional and of a spiking model."""

_COLUMN = {"memory": "total_uw", "operations": "operations_uw"}
_SETTING = ["profile", "dataflow"]


def default_setting(power: pd.DataFrame, summary: Mapping[str, Metrics]) -> tuple[str, str]:
    """Return the profile and the dataflow whose totals are the summary's ``<sound>_uw``.

    Where the summary has none, the first of the table.
    """
    own = power[power["execution"].isin(OWN) & (power["total_uw"] > 0)]
    apart: dict[tuple[str, str], float] = {}
    for (profile, dataflow), rows in own.groupby(_SETTING, sort=False):
        distances = []
        for model, sound, total in zip(rows["model"], rows["input"], rows["total_uw"], strict=True):
            wanted = as_float(summary.get(model, {}).get(f"{sound}_uw"))
            if wanted:
                distances.append(abs(math.log(wanted / total)))
        mean = sum(distances) / len(distances) if distances else math.inf
        apart[str(profile), str(dataflow)] = mean
    return min(apart, key=lambda setting: apart[setting])


def power_plot(
    power: pd.DataFrame,
    summary: Mapping[str, Metrics],
    look: Mapping[str, Look],
    measure: Measure,
    *,
    twins: Collection[str] = (),
) -> Plot | None:
    """Plot a metric over power for every sound, technology, dataflow and accounting.

    Every model is shown as it is run, and those of ``twins`` in their other execution too. None
    where no model of the table is in the summary.
    """
    shown = power[power["model"].isin(list(look)) & (power["total_uw"] > 0)]
    if shown.empty:
        return None
    profile, dataflow = default_setting(shown, summary)
    drawn = shown[shown["execution"].isin(OWN) | shown["model"].isin(list(twins))]
    views = {}
    for (sound, kind, flow), rows in drawn.groupby(["input", *_SETTING], sort=False):
        for accounting, column in _COLUMN.items():
            points = [
                Point.of(
                    shown_name(row),
                    _short(row[column]),
                    _rounded(summary[row["model"]], measure),
                    look[row["model"]],
                    measure,
                )
                for _, row in rows.iterrows()
                if row[column] > 0
            ]
            if not points:
                continue
            setting = ", ".join(
                (
                    SOUNDS.get(str(sound), str(sound)),
                    profile_name(str(kind)),
                    flow_name(str(flow)),
                    ACCOUNTINGS[accounting],
                )
            )
            key = f"{accounting}|{sound}|{kind}|{flow}"
            views[key] = front_view(points, setting, measure, POWER)
    return Plot(
        id="plot-power",
        title=f"{heading(measure)} against power",
        x=Axis("Power, µW (logarithmic)", log=True),
        y=Axis(axis_title(measure)),
        views=views,
        table=power_table(shown),
        choices=[
            Choice("accounting", "Counted", list(ACCOUNTINGS.items()), "memory"),
            Choice("sound", "In", options(shown["input"], sound_name), _first_sound(shown)),
            Choice("profile", "Technology", options(shown["profile"], profile_name), profile),
            Choice("dataflow", "Dataflow", options(shown["dataflow"], flow_name), dataflow),
        ],
        height=460,
    )


def power_table(power: pd.DataFrame) -> Table:
    """Return the power of each model and execution in each kind of sound, in µW.

    The columns are those of each sound with memory, then by operations alone.
    """
    sounds = list(dict.fromkeys(power["input"]))
    heads = ["Model", "Technology", "Dataflow"]
    heads += [f"{sound_name(sound).capitalize()}, µW" for sound in sounds]
    heads += [f"{sound_name(sound).capitalize()}, operations only, µW" for sound in sounds]
    body = []
    for _, rows in power.groupby(["model", "execution", *_SETTING], sort=False):
        first, values = rows.iloc[0], rows.set_index("input")
        body.append(
            [
                shown_name(first),
                profile_name(str(first["profile"])),
                flow_name(str(first["dataflow"])),
                *(
                    number(values[column].get(sound))
                    for column in ("total_uw", "operations_uw")
                    for sound in sounds
                ),
            ]
        )
    return Table(heads, body)


def rates_table(power: pd.DataFrame, look: Mapping[str, Look]) -> Table | None:
    """Return operations a second and spike rates of each model as run, in each kind of sound."""
    shown = power[power["model"].isin(list(look)) & power["execution"].isin(OWN)]
    if shown.empty:
        return None
    heads = ["Model", "In", "MAC/s", "AC/s", "Neuron updates/s", "Spike rate"]
    body = [
        [
            str(first["model"]),
            sound_name(str(first["input"])),
            *(number(first[key]) for key in ("macs_per_s", "acs_per_s", "updates_per_s")),
            share(first["spike_rate"]) if look[first["model"]].family == "snn" else number(None),
        ]
        for _, rows in shown.groupby(["model", "input"], sort=False)
        for first in [rows.iloc[0]]
    ]
    return Table(heads, body)


def ratios(
    power: pd.DataFrame, pair: Pair, setting: tuple[str, str], accounting: str, against: str
) -> dict[str, float]:
    """Return for each kind of sound the spiking model's power over its twin's.

    Parameters
    ----------
    against : execution of the twin
    """
    rows = power[(power["profile"] == setting[0]) & (power["dataflow"] == setting[1])]
    ours, theirs = (
        rows[(rows["model"] == model) & (rows["execution"] == execution)].set_index("input")
        for model, execution in zip(pair, ("events", against), strict=True)
    )
    column = _COLUMN[accounting]
    return {
        str(sound): float(ours[column][sound]) / float(theirs[column][sound])
        for sound in ours.index
        if sound in theirs.index and theirs[column][sound] > 0
    }


def shown_name(row: Any) -> str:
    """Return a model's name, with the execution if it is not the one by which models are run."""
    execution = str(row["execution"])
    other = EXECUTIONS.get(execution, execution).removeprefix("event-driven, ")
    return str(row["model"]) if execution in OWN else f"{row['model']}, {other}"


def sound_name(sound: str) -> str:
    """Return a kind of sound as it is written."""
    return SOUNDS.get(sound, sound.replace("_", " "))


def _first_sound(power: pd.DataFrame) -> str:
    return "background" if "background" in set(power["input"]) else str(power["input"].iloc[0])


def _rounded(figures: Metrics, measure: Measure) -> Metrics:
    """Return the metric and its interval to four decimals: the page stays small."""
    keys = [f"{measure.key}{end}" for end in ("", "_low", "_high")]
    return {key: None if figures.get(key) is None else round(figures[key], 4) for key in keys}


def _short(value: float) -> float:
    return float(f"{value:.4g}")
