"""A metric under noise, other changes of the sound, and faults of the hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.measures import CLASSIFICATION, DETECTION, Measure
from spikesound.report.numbers import (
    as_float,
    axis_title,
    bounds_of,
    heading,
    number,
    signed,
    value_of,
)
from spikesound.report.plot import Axis, Plot, Series, Table, View
from spikesound.report.theme import Look

CLEAN = "clean"

Value = tuple[float | None, float | None, float | None]
"""A metric and the ends of its interval."""

_MEASURES = {measure.key: measure for measure in (*CLASSIFICATION, *DETECTION)}


@dataclass(frozen=True)
class Condition:
    """Name of a condition, and whether a smaller level is the worse one."""

    title: str
    axis: str
    group: str
    falling: bool = False


CONDITIONS: Mapping[str, Condition] = {
    "white": Condition("White noise", "Signal-to-noise ratio, dB", "noise", falling=True),
    "pink": Condition("Pink noise", "Signal-to-noise ratio, dB", "noise", falling=True),
    "babble": Condition("Babble of voices", "Signal-to-noise ratio, dB", "noise", falling=True),
    "background": Condition("Real background", "Signal-to-noise ratio, dB", "noise", falling=True),
    "reverberation": Condition("Reverberation", "Reverberation time, s", "change"),
    "gain": Condition("Gain", "Gain, dB", "change"),
    "low_pass": Condition("Low-pass filter", "Cut-off, Hz", "change", falling=True),
    "high_pass": Condition("High-pass filter", "Cut-off, Hz", "change"),
    "codec": Condition("Lossy codec", "Bit rate, kbit/s", "change", falling=True),
    "dropped_frames": Condition("Dropped frames", "Share of the frames, %", "change"),
    "weight_noise": Condition("Noise on the weights", "Share of their deviation, %", "fault"),
    "stuck_silent": Condition("Neurons stuck silent", "Share of the neurons, %", "fault"),
    "stuck_firing": Condition("Neurons stuck firing", "Share of the neurons, %", "fault"),
    "dropped_spikes": Condition("Dropped spikes", "Share of the spikes, %", "fault"),
    "weight_bits": Condition("Fewer bits a weight", "Bits", "fault", falling=True),
}
"""Known conditions; others are shown by their own names among the changes."""

GROUPS = ("noise", "change", "fault")


def measure_of(table: pd.DataFrame) -> Measure:
    """Return the metric of a table of robustness: the first that it has a column of.

    Raises
    ------
    SpikesoundError
        If it has none.
    """
    for key in table.columns:
        if key in _MEASURES:
            return _MEASURES[key]
    raise SpikesoundError(f"robustness: no measure column; must be one of {', '.join(_MEASURES)}")


def plots(table: pd.DataFrame, look: Mapping[str, Look]) -> dict[str, list[Plot]]:
    """Return the plots of each group: the metric over the levels, from clean to worst."""
    measure = measure_of(table)
    shown = table[table["model"].isin(list(look))]
    clean = shown[shown["condition"] == CLEAN]
    by_group: dict[str, list[Plot]] = {group: [] for group in GROUPS}
    names = [name for name in CONDITIONS if name in set(shown["condition"])]
    names += sorted(set(shown["condition"]) - set(CONDITIONS) - {CLEAN})
    for name in names:
        rows = shown[shown["condition"] == name]
        plot = _plot(name, rows, clean, look, measure)
        by_group[_condition(name, rows).group].append(plot)
    return by_group


def _condition(name: str, rows: pd.DataFrame) -> Condition:
    if name in CONDITIONS:
        return CONDITIONS[name]
    title = name.replace("_", " ").capitalize()
    return Condition(title, str(rows["unit"].iloc[0]), "change")


def _plot(
    name: str,
    rows: pd.DataFrame,
    clean: pd.DataFrame,
    look: Mapping[str, Look],
    measure: Measure,
) -> Plot:
    condition = _condition(name, rows)
    levels = sorted({float(level) for level in rows["level"]}, reverse=condition.falling)
    percent = set(rows["unit"].dropna()) == {"share"}
    texts = [CLEAN, *(_level(level, percent) for level in levels)]
    unit = condition.axis.rpartition(", ")[2]
    places = [CLEAN, *(f"{text} {unit}" for text in texts[1:])]
    series, described, body = [], [], []
    for model, mark in look.items():
        values = _values(model, rows, clean, levels, measure.key)
        if values is None:
            continue
        shown = [
            f"{value_of(measure, at)} [{bounds_of(measure, low, high)}]" for at, low, high in values
        ]
        at, low, high = (_scaled(column, measure) for column in zip(*values, strict=True))
        series.append(
            Series(
                name=model,
                family=mark.family,
                symbol=mark.symbol,
                dash=mark.dash,
                x=list(range(len(texts))),
                y=at,
                low=low,
                high=high,
                kind="line",
                hover=[
                    f"<b>{model}</b><br>{place}<br>{text}"
                    for place, text in zip(places, shown, strict=True)
                ],
            )
        )
        first, last = value_of(measure, values[0][0]), value_of(measure, values[-1][0])
        described.append(f"{model} {first} clean, {last} at {places[-1]}")
        body.append([model, *shown])
    return Plot(
        id=f"plot-{name.replace('_', '-')}",
        title=condition.title,
        x=Axis(condition.axis, ticks=list(range(len(texts))), texts=texts),
        y=Axis(axis_title(measure), range=(0, 100 if measure.in_points else 1)),
        views={
            "": View(
                series,
                f"{heading(measure)} under {condition.title.lower()}: {'; '.join(described)}.",
            )
        },
        table=Table(["Model", *places], body),
        group="robustness",
        height=260,
    )


def _values(
    model: str, rows: pd.DataFrame, clean: pd.DataFrame, levels: Sequence[float], key: str
) -> list[Value] | None:
    """Return a metric and its interval when clean and at each level; None without any level."""
    keys = [key, f"{key}_low", f"{key}_high"]
    mine = rows[rows["model"] == model]
    if mine.empty:
        return None
    known = dict(zip(mine["level"].astype(float), mine[keys].to_numpy(), strict=True))
    whole = clean.loc[clean["model"] == model, keys].to_numpy()
    none = (None, None, None)
    records = [whole[0] if len(whole) else none, *(known.get(level, none) for level in levels)]
    return [(as_float(at), as_float(low), as_float(high)) for at, low, high in records]


def area_table(areas: Mapping[str, Mapping[str, float]], models: Sequence[str]) -> Table:
    """Return each model's areas under its curves over SNR, between 0 and 1."""
    keys = list(dict.fromkeys(key for model in models for key in areas.get(model, {})))
    names = {"noise_area": "mean", "noise_area_relative": "mean, relative to clean"}
    heads = ["Model", *(names.get(key, key.removesuffix("_area")) for key in keys)]
    rows = [
        [model, *(number(areas[model].get(key)) for key in keys)]
        for model in models
        if model in areas
    ]
    return Table(heads, rows)


def _scaled(values: Sequence[float | None], measure: Measure) -> list[float | None]:
    factor = 100 if measure.in_points else 1
    return [None if value is None else value * factor for value in values]


def _level(level: float, percent: bool) -> str:
    return signed(f"{level * 100:g}" if percent else f"{level:,g}")
