"""Other settings, some of them trained from several seeds: what one run cannot show."""

from __future__ import annotations

import pandas as pd

from spikesound.report.energy import ACCOUNTINGS
from spikesound.report.front_plot import Point, front_view
from spikesound.report.numbers import as_float, number, share, times
from spikesound.report.plot import Axis, Choice, Plot, Table
from spikesound.report.theme import SYMBOLS, Look

WITHIN = 0.02
"""A spiking setting this near in accuracy (a share) counts as equal enough to ask what it saves."""

_ENERGY = {"memory": "energy_nj", "operations": "energy_operations_nj"}


def settings(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a setting: the mean over its seeds, and the spread of accuracy."""
    numbers = rows.assign(
        **{
            key: pd.to_numeric(rows[key], errors="coerce")
            for key in (
                "accuracy",
                "validation_accuracy",
                "spike_rate",
                "energy_nj",
                "energy_operations_nj",
            )
        }
    )
    return (
        numbers.groupby(["setting", "family"], sort=False)
        .agg(
            seeds=("seed", "nunique"),
            accuracy=("accuracy", "mean"),
            validation=("validation_accuracy", "mean"),
            lowest=("accuracy", "min"),
            highest=("accuracy", "max"),
            spike_rate=("spike_rate", "mean"),
            energy_nj=("energy_nj", "mean"),
            energy_operations_nj=("energy_operations_nj", "mean"),
        )
        .reset_index()
    )


def plot(rows: pd.DataFrame) -> Plot | None:
    """Plot mean accuracy over mean energy, a point a setting; the bar spans the seeds."""
    means = settings(rows)
    means = means[means["family"].isin(list(SYMBOLS))]
    if not (means["energy_nj"] > 0).any():
        return None
    views = {}
    for accounting, column in _ENERGY.items():
        points = [
            Point(
                str(row["setting"]),
                row[column] / 1000,
                row["accuracy"],
                row["lowest"],
                row["highest"],
                Look(row["family"], SYMBOLS[row["family"]][0], "solid"),
            )
            for _, row in means[means[column] > 0].iterrows()
        ]
        views[accounting] = front_view(points, ACCOUNTINGS[accounting])
    heads = ["Setting", "Seeds", "Accuracy, mean", "Lowest", "Highest", "Spike rate"]
    heads += ["Operations, µJ", "All, µJ"]
    body = [
        [
            str(row["setting"]),
            str(row["seeds"]),
            *(share(row[key]) for key in ("accuracy", "lowest", "highest", "spike_rate")),
            number(row["energy_operations_nj"] / 1000),
            number(row["energy_nj"] / 1000),
        ]
        for _, row in means.iterrows()
    ]
    return Plot(
        id="plot-study",
        title="Settings and seeds",
        x=Axis("Energy a clip, µJ (logarithmic)", log=True),
        y=Axis("Accuracy, %"),
        views=views,
        table=Table(heads, body),
        choices=[Choice("accounting", "Counted", list(ACCOUNTINGS.items()), "memory")],
        height=430,
    )


def sentence(rows: pd.DataFrame) -> str:
    """Say what the cheapest spiking setting needs that is about as accurate as the best other.

    The settings are chosen by validation: of the conventional ones that with the best mean, of the
    spiking ones the cheapest that is no more than :data:`WITHIN` below it. The figures are of the
    test clips.
    """
    means = settings(rows)
    spiking = means[(means["family"] == "snn") & (means["energy_nj"] > 0)]
    others = means[(means["family"] == "ann") & (means["energy_nj"] > 0)]
    if spiking.empty or others.empty:
        return ""
    best = others.iloc[int(others["validation"].to_numpy().argmax())]
    near = spiking[spiking["validation"] >= best["validation"] - WITHIN]
    start = (
        f"The conventional setting that is best on validation is {best['setting']} "
        f"({share(best['accuracy'])} on the test clips); "
    )
    if near.empty:
        top = spiking.iloc[int(spiking["validation"].to_numpy().argmax())]
        return (
            f"{start}on validation none of the {len(spiking)} spiking settings comes within "
            f"{WITHIN * 100:g} points of it: the nearest is {top['setting']} "
            f"({share(top['accuracy'])} on the test clips)."
        )
    cheap = near.iloc[int(near["energy_nj"].to_numpy().argmin())]
    rate = as_float(cheap["spike_rate"])
    firing = "" if rate is None else f", at a spike rate of {share(rate)}"
    are = "is" if len(near) == 1 else "are"
    return (
        f"{start}of the {len(spiking)} spiking settings {len(near)} {are} "
        f"within {WITHIN * 100:g} points of it on validation, the cheapest {cheap['setting']} "
        f"({share(cheap['accuracy'])} on the test clips{firing}), which needs "
        f"{times(cheap['energy_nj'] / best['energy_nj'])} times its energy with memory counted, "
        f"{times(cheap['energy_operations_nj'] / best['energy_operations_nj'])} times by "
        "operations alone."
    )
