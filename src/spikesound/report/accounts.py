"""Energy over all accounts: ranges of shares, each part alone, the front at the extremes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from spikesound.evaluation.measures import Measure
from spikesound.evaluation.summary import Metrics
from spikesound.report.energy import options, profile_name
from spikesound.report.families import Pair
from spikesound.report.front_plot import ENERGY, POWER, Cost, Point, front_view
from spikesound.report.numbers import axis_title, heading, number, value_of
from spikesound.report.plot import Axis, Choice, Plot, Table
from spikesound.report.theme import Look

OWN = "own"
EXTREMES = {"best": "each at its cheapest account", "worst": "each at its dearest account"}
EXECUTIONS = {
    "dense": "dense",
    "zero_skipping": "zeros skipped",
    "any": "its cheapest",
}


@dataclass(frozen=True)
class Tables:
    """Tables of :mod:`spikesound.costs.accounts`, and what their figures are.

    Attributes
    ----------
    unit : nj, a clip, or uw
    """

    shares: pd.DataFrame
    parts: pd.DataFrame
    bounds: pd.DataFrame
    unit: str

    @property
    def cost(self) -> Cost:
        """Name and unit of the figures."""
        return ENERGY if self.unit == "nj" else POWER


def precision_name(profile: str) -> str:
    """Return a profile's name, or that of the precision that each network was trained in."""
    return "each in its own precision" if profile == OWN else profile_name(profile)


def bounds_plot(
    tables: Tables, summary: Mapping[str, Metrics], look: Mapping[str, Look], measure: Measure
) -> Plot | None:
    """Plot a metric over energy, each model at its cheapest or at its dearest account.

    None where no model of the table is in the summary.
    """
    bounds = tables.bounds[tables.bounds["model"].isin(list(look))]
    if bounds.empty:
        return None
    views = {}
    for profile, rows in bounds.groupby("profile", sort=False):
        for extreme, words in EXTREMES.items():
            points = [
                Point.of(model, cost, summary[model], look[model], measure)
                for model, cost in zip(rows["model"], rows[f"{extreme}_{tables.unit}"], strict=True)
            ]
            setting = f"{precision_name(str(profile))}, {words}"
            views[f"{profile}|{extreme}"] = front_view(points, setting, measure, tables.cost)
    return Plot(
        id="plot-accounts",
        title=f"{heading(measure)} against {tables.cost.name}, over all accounts",
        x=Axis(f"{tables.cost.name.capitalize()}, {tables.cost.unit} (logarithmic)", log=True),
        y=Axis(axis_title(measure)),
        views=views,
        table=bounds_table(tables, bounds),
        choices=[
            Choice("profile", "Precision", options(bounds["profile"], precision_name), OWN),
            Choice("extreme", "Account", list(EXTREMES.items()), "best"),
        ],
        height=430,
    )


def bounds_table(tables: Tables, bounds: pd.DataFrame) -> Table:
    """Return each model's least and greatest energy with their accounts."""
    unit = tables.cost.unit
    heads = ["Model", "Precision", f"Least, {unit}", f"Greatest, {unit}", "At least", "At greatest"]
    rows = [
        [
            str(row["model"]),
            precision_name(str(row["profile"])),
            number(row[f"best_{tables.unit}"]),
            number(row[f"worst_{tables.unit}"]),
            str(row["best_account"]),
            str(row["worst_account"]),
        ]
        for _, row in bounds.iterrows()
    ]
    return Table(heads, rows)


def shares_table(shares: pd.DataFrame) -> Table:
    """Return the range of the spiking network's share of each opponent's energy."""
    heads = ["Against", "Execution", "Precision", "Design", "Stated", "From", "To", "From: account"]
    rows = [
        [
            str(row["against"]),
            EXECUTIONS.get(str(row["execution"]), str(row["execution"])),
            precision_name(str(row["profile"])),
            "the same" if row["design"] == "same" else "each its cheapest",
            _share(row["stated"]),
            _share(row["lowest"]),
            _share(row["highest"]),
            str(row["lowest_account"]),
            str(row["highest_account"]),
        ]
        for _, row in shares.iterrows()
    ]
    return Table([*heads, "To: account"], rows)


def parts_table(tables: Tables, ours: str, profile: str) -> Table:
    """Return the spiking network's share of each opponent's energy, one part of the account each.

    Parameters
    ----------
    profile : one of those in the table; a quantised opponent has figures in an integer one alone
    """
    shares = part_shares(tables, ours, profile)
    heads = ["Account", *(name for name in shares.columns)]
    rows = [[str(part), *(_share(each) for each in row)] for part, row in shares.iterrows()]
    return Table(heads, rows)


def part_shares(tables: Tables, ours: str, profile: str) -> pd.DataFrame:
    """Return shares by account (rows) and opponent with its execution (columns)."""
    parts = tables.parts[tables.parts["profile"] == profile]
    against = list(dict.fromkeys(tables.shares.loc[tables.shares["model"] == ours, "against"]))
    total = f"total_{tables.unit}"
    mine = parts[parts["model"] == ours].set_index("part")[total]
    columns = {}
    for name in against:
        for execution, rows in parts[parts["model"] == name].groupby("execution", sort=False):
            column = f"{name}, {EXECUTIONS[str(execution)]}"
            columns[column] = mine / rows.set_index("part")[total]
    return pd.DataFrame(columns).reindex(list(dict.fromkeys(parts["part"])))


def cheapest_rows(
    tables: Tables,
    summary: Mapping[str, Metrics],
    spiking: Mapping[str, bool],
    measure: Measure,
    profile: str = OWN,
) -> list[tuple[float, dict[tuple[bool, str], tuple[str, float] | None]]]:
    """Return for each value of the metric the cheapest model of each side that reaches it.

    Parameters
    ----------
    spiking : for each model whether it spikes

    Returns
    -------
    list of (value, models)
        the highest value first; models by (spiking, ``best`` or ``worst``): name and energy, each
        model at its cheapest or at its dearest account; None where none reaches the value
    """
    known = {
        str(row["model"]): row
        for row in tables.bounds.to_dict("records")
        if row["profile"] == profile and row["model"] in summary and row["model"] in spiking
    }
    gains = {name: float(summary[name][measure.key]) for name in known}
    rows = []
    for value in sorted(set(gains.values()), reverse=True):
        reached: dict[tuple[bool, str], tuple[str, float] | None] = {}
        for side in (True, False):
            names = [n for n, gain in gains.items() if gain >= value and spiking[n] == side]
            for extreme in EXTREMES:
                spent = {n: float(known[n][f"{extreme}_{tables.unit}"]) for n in names}
                name = min(spent, key=lambda each: spent[each], default=None)
                reached[side, extreme] = None if name is None else (name, spent[name])
        rows.append((value, reached))
    return rows


def cheapest_table(
    tables: Tables,
    summary: Mapping[str, Metrics],
    spiking: Mapping[str, bool],
    measure: Measure,
    profile: str = OWN,
) -> Table:
    """Return the cheapest way of each side to reach each value of the metric."""
    sides = [(side, extreme) for extreme in EXTREMES for side in (True, False)]
    words = {True: "Spiking", False: "Conventional"}
    heads = [f"{heading(measure)} of at least"]
    heads += [
        f"{words[side]}, {'least' if extreme == 'best' else 'greatest'}, {tables.cost.unit}"
        for side, extreme in sides
    ]
    rows = []
    for value, reached in cheapest_rows(tables, summary, spiking, measure, profile):
        cells = [
            "–" if known is None else f"{known[0]}: {number(known[1])}"
            for known in (reached[each] for each in sides)
        ]
        rows.append([value_of(measure, value), *cells])
    return Table(heads, rows)


def sentence(tables: Tables, pair: Pair) -> str:
    """Say between what shares of its opponents' energy the spiking network needs."""
    shares = tables.shares[tables.shares["model"] == pair[0]]
    if shares.empty:
        return ""
    twin = shares[(shares["against"] == pair[1]) & (shares["design"] == "same")]
    best = shares[shares["design"] == "best"].to_dict("records")
    dearest = max(best, key=lambda row: float(row["highest"]))
    kindest = min(best, key=lambda row: float(row["lowest"]))
    return (
        f"With the same design on both sides, {pair[0]} needs {_share(twin['lowest'].min())} to "
        f"{_share(twin['highest'].max())} times the energy of {pair[1]}, by what is counted. With "
        f"each side at its own cheapest design, it needs from {_share(kindest['lowest'])} times "
        f"that of {kindest['against']} ({precision_name(str(kindest['profile']))}) to "
        f"{_share(dearest['highest'])} times that of {dearest['against']} "
        f"({precision_name(str(dearest['profile']))})."
    )


def _share(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"
