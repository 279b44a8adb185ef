"""Accuracy under noise, other changes of the sound, and faults of the hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from spikesound.report.numbers import as_float, interval, number, share, signed
from spikesound.report.plot import Axis, Plot, Series, Table, View
from spikesound.report.theme import Look

CLEAN = "clean"

Accuracy = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Condition:
    """What a condition is called, and whether a smaller level is the worse one."""

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
"""What is known of each condition; others are shown by their own names among the changes."""

GROUPS = ("noise", "change", "fault")


def plots(table: pd.DataFrame, look: Mapping[str, Look]) -> dict[str, list[Plot]]:
    """Return the plots of each group: accuracy over the levels, from clean to worst."""
    shown = table[table["model"].isin(list(look))]
    clean = shown[shown["condition"] == CLEAN]
    found: dict[str, list[Plot]] = {group: [] for group in GROUPS}
    names = [name for name in CONDITIONS if name in set(shown["condition"])]
    names += sorted(set(shown["condition"]) - set(CONDITIONS) - {CLEAN})
    for name in names:
        rows = shown[shown["condition"] == name]
        plot = _plot(name, rows, clean, look)
        found[_condition(name, rows).group].append(plot)
    return found


def _condition(name: str, rows: pd.DataFrame) -> Condition:
    if name in CONDITIONS:
        return CONDITIONS[name]
    title = name.replace("_", " ").capitalize()
    return Condition(title, str(rows["unit"].iloc[0]), "change")


def _plot(name: str, rows: pd.DataFrame, clean: pd.DataFrame, look: Mapping[str, Look]) -> Plot:
    condition = _condition(name, rows)
    levels = sorted({float(level) for level in rows["level"]}, reverse=condition.falling)
    percent = set(rows["unit"].dropna()) == {"share"}
    texts = [CLEAN, *(_level(level, percent) for level in levels)]
    unit = condition.axis.rpartition(", ")[2]
    places = [CLEAN, *(f"{text} {unit}" for text in texts[1:])]
    series, told, body = [], [], []
    for model, mark in look.items():
        found = _accuracies(model, rows, clean, levels)
        if found is None:
            continue
        shown = [f"{share(at)} [{interval(low, high)}]" for at, low, high in found]
        at, low, high = (_percent(column) for column in zip(*found, strict=True))
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
        told.append(f"{model} {share(found[0][0])} clean, {share(found[-1][0])} at {places[-1]}")
        body.append([model, *shown])
    return Plot(
        id=f"plot-{name.replace('_', '-')}",
        title=condition.title,
        x=Axis(condition.axis, ticks=list(range(len(texts))), texts=texts),
        y=Axis("Accuracy, %", range=(0, 100)),
        views={"": View(series, f"Accuracy under {condition.title.lower()}: {'; '.join(told)}.")},
        table=Table(["Model", *places], body),
        group="robustness",
        height=260,
    )


def _accuracies(
    model: str, rows: pd.DataFrame, clean: pd.DataFrame, levels: Sequence[float]
) -> list[Accuracy] | None:
    """Return accuracy and its interval when clean and at each level; None without any level."""
    keys = ["accuracy", "accuracy_low", "accuracy_high"]
    mine = rows[rows["model"] == model]
    if mine.empty:
        return None
    known = dict(zip(mine["level"].astype(float), mine[keys].to_numpy(), strict=True))
    whole = clean.loc[clean["model"] == model, keys].to_numpy()
    none = (None, None, None)
    records = [whole[0] if len(whole) else none, *(known.get(level, none) for level in levels)]
    return [(as_float(at), as_float(low), as_float(high)) for at, low, high in records]


def area_table(areas: Mapping[str, Mapping[str, float]], models: Sequence[str]) -> Table:
    """Return each model's areas under its accuracy-SNR curves, between 0 and 1."""
    keys = list(dict.fromkeys(key for model in models for key in areas.get(model, {})))
    names = {"noise_area": "mean", "noise_area_relative": "mean, of clean accuracy"}
    heads = ["Model", *(names.get(key, key.removesuffix("_area")) for key in keys)]
    rows = [
        [model, *(number(areas[model].get(key)) for key in keys)]
        for model in models
        if model in areas
    ]
    return Table(heads, rows)


def _percent(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else value * 100 for value in values]


def _level(level: float, percent: bool) -> str:
    return signed(f"{level * 100:g}" if percent else f"{level:,g}")
