"""The spike rate below which a spiking network needs less energy than its opponent."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from spikesound.evaluation.summary import Metrics
from spikesound.report.energy import ACCOUNTINGS, flow_name, options, profile_name
from spikesound.report.numbers import as_float, share
from spikesound.report.plot import Axis, Choice, Plot, Series, Table, View
from spikesound.report.theme import Look


def break_even_plot(
    table: pd.DataFrame,
    summary: Mapping[str, Metrics],
    look: Mapping[str, Look],
    pair: tuple[str, str],
    setting: tuple[str, str] | None,
) -> Plot | None:
    """Plot the break-even spike rate over the steps, by both accountings, with the model's point.

    Parameters
    ----------
    pair
        The spiking model and its opponent that are shown first.
    setting
        The profile and the dataflow shown first.
    """
    shown = table[table["model"].isin(list(look))]
    if shown.empty:
        return None
    both = zip(shown["model"], shown["against"], strict=True)
    names = list(dict.fromkeys(f"{model} against {against}" for model, against in both))
    keys = ["model", "against", "profile", "dataflow"]
    groups = {
        (f"{model} against {against}", str(profile), str(flow)): rows
        for (model, against, profile, flow), rows in shown.groupby(keys, sort=False)
    }
    wanted = f"{pair[0]} against {pair[1]}"
    first = wanted if wanted in names else names[0]
    own = [(p, f) for n, p, f in groups if n == first]
    profile, dataflow = setting if setting in own else own[0]
    views = {
        "|".join(key): _break_even_view(rows, key[0], summary, look) for key, rows in groups.items()
    }
    return Plot(
        id="plot-break-even",
        title="Break-even spike rate",
        x=Axis(
            "Time steps",
            log=True,
            ticks=sorted(float(s) for s in set(shown["steps"])),
            texts=[str(s) for s in sorted(set(shown["steps"]))],
        ),
        y=Axis("Spikes per neuron and step, %", range=(0, _ceiling(shown, summary))),
        views=views,
        table=rate_table(shown),
        choices=[
            Choice("pair", "Pair", [(name, name) for name in names], first),
            Choice("profile", "Technology", options(shown["profile"], profile_name), profile),
            Choice("dataflow", "Dataflow", options(shown["dataflow"], flow_name), dataflow),
        ],
    )


def rate_table(table: pd.DataFrame) -> Table:
    """Return the break-even rates as texts."""
    heads = ["Model", "Against", "Technology", "Dataflow", "Counted", "Steps", "Break-even rate"]
    rows = [
        [
            str(row["model"]),
            str(row["against"]),
            profile_name(str(row["profile"])),
            flow_name(str(row["dataflow"])),
            ACCOUNTINGS.get(str(row["accounting"]), str(row["accounting"])),
            str(row["steps"]),
            "never" if as_float(row["break_even_rate"]) is None else share(row["break_even_rate"]),
        ]
        for _, row in table.iterrows()
    ]
    return Table(heads, rows)


def _break_even_view(
    rows: pd.DataFrame, name: str, summary: Mapping[str, Metrics], look: Mapping[str, Look]
) -> View:
    model = str(rows["model"].iloc[0])
    described, series = [], []
    for accounting, part in rows.groupby("accounting", sort=False):
        ordered = part.sort_values("steps")
        rates = [as_float(rate) for rate in ordered["break_even_rate"]]
        label = ACCOUNTINGS.get(str(accounting), str(accounting))
        memory = accounting == "memory"
        series.append(
            Series(
                name=f"break-even, {label}",
                family="ink" if memory else "soft",
                symbol="circle" if memory else "square",
                dash="solid" if memory else "dash",
                x=[float(step) for step in ordered["steps"]],
                y=[None if rate is None else rate * 100 for rate in rates],
                kind="line",
                hover=[
                    f"<b>{label}</b><br>below {share(rate)} at T = {steps}"
                    for rate, steps in zip(rates, ordered["steps"], strict=True)
                ],
            )
        )
        known = [
            f"{share(rate)} at {steps} steps" if rate is not None else f"never at {steps} steps"
            for rate, steps in zip(rates, ordered["steps"], strict=True)
        ]
        described.append(f"{label}: {', '.join(known)}")
    rate, steps = as_float(summary[model].get("spike_rate")), summary[model].get("steps")
    if rate is not None and isinstance(steps, (int, float)):
        hover = f"<b>{model}</b><br>{share(rate)} at T = {steps}"
        mark = look[model]
        series.append(
            Series(model, mark.family, mark.symbol, [steps], [rate * 100], "own", hover=[hover])
        )
        described.append(f"{model} itself: {share(rate)} at {steps} steps")
    return View(series, f"Break-even spike rate of {name}. {'; '.join(described)}.")


def break_even_rate(
    table: pd.DataFrame | None,
    pair: tuple[str, str],
    setting: tuple[str, str] | None,
    accounting: str,
    steps: object,
) -> tuple[bool, float | None]:
    """Return whether there is a row for this, and its rate; None where it never breaks even."""
    if table is None or setting is None:
        return False, None
    rows = table[
        (table["model"] == pair[0])
        & (table["against"] == pair[1])
        & (table["profile"] == setting[0])
        & (table["dataflow"] == setting[1])
        & (table["accounting"] == accounting)
        & (table["steps"] == steps)
    ]
    return (False, None) if rows.empty else (True, as_float(rows["break_even_rate"].iloc[0]))


def _ceiling(table: pd.DataFrame, summary: Mapping[str, Metrics]) -> float:
    """Return the top of the axis in percent: above every rate, and no more than 100."""
    rates = [r for r in map(as_float, table["break_even_rate"]) if r is not None]
    rates += [r for m in set(table["model"]) if (r := as_float(summary[m].get("spike_rate")))]
    return min(100.0, 115 * max(rates, default=1.0))
