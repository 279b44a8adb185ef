"""Fronts of accuracy and energy: the cheapest network of each side that reaches an accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

SIDES = ("spiking", "conventional")

ACCOUNTS = {
    "plain": "operations and memory",
    "full": "also words, biases, front end, static power",
}
"""Accounts of :func:`spikesound.experiments.accounts.account_figures`, and what they count."""


@dataclass(frozen=True)
class Candidate:
    """A setting of the sweep, or one of its exits.

    Attributes
    ----------
    name, side : of the setting; one of :data:`SIDES`
    validation, accuracy, low, high : accuracy on validation clips; on test clips, with its interval
    energy_nj : a clip, by account, each at the network's cheapest design, in its own precision
    design : the design of each account
    spike_rate : spikes per neuron and step; None: of none
    seeds : of training
    """

    name: str
    side: str
    validation: float
    accuracy: float
    low: float
    high: float
    energy_nj: Mapping[str, float]
    design: Mapping[str, str]
    spike_rate: float | None
    seeds: int

    def of(self, account: str) -> float:
        """Return the energy by an account."""
        return self.energy_nj[account]


@dataclass(frozen=True)
class Reached:
    """The cheapest candidate of each side that reaches a validation accuracy; None: none does."""

    validation: float
    chosen: Mapping[str, Candidate | None]

    def ratio(self, account: str) -> float | None:
        """Return the spiking network's energy over the conventional one's."""
        ours, theirs = (self.chosen[side] for side in SIDES)
        return None if ours is None or theirs is None else ours.of(account) / theirs.of(account)


def candidates(rows: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """Return the settings of a sweep's rows, means over their seeds, and the exits of each.

    The ends of an interval are means as well: it shows what other recordings would change.
    """
    by_setting: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_setting.setdefault(str(row["setting"]), []).append(row)
    found = []
    for setting, own in by_setting.items():
        name = setting.removesuffix(", exits")
        found.append(_candidate(name, own, own))
        for number, exit_ in enumerate(own[0].get("exits", [])):
            exits = [row["exits"][number] for row in own]
            found.append(_candidate(f"{name}, exit at {exit_['confidence']:g}", own, exits))
    return found


def _candidate(
    name: str, rows: Sequence[Mapping[str, Any]], figures: Sequence[Mapping[str, Any]]
) -> Candidate:
    accounts = [each["accounts"]["own"] for each in figures]
    validation, accuracy, low, high = (
        mean(each[key] for each in figures)
        for key in ("validation_accuracy", "accuracy", "accuracy_low", "accuracy_high")
    )
    rates = [row["spike_rate"] for row in rows if row["spike_rate"] is not None]
    return Candidate(
        name,
        rows[0]["side"],
        validation,
        accuracy,
        low,
        high,
        {account: mean(own[f"{account}_nj"] for own in accounts) for account in ACCOUNTS},
        {account: accounts[0][f"{account}_design"] for account in ACCOUNTS},
        mean(rates) if rates else None,
        len(rows),
    )


def front(known: Sequence[Candidate], side: str, account: str) -> list[Candidate]:
    """Return the candidates of a side that no other of it beats, by validation and energy alone.

    The cheapest comes first. Test clips have no part in it.
    """
    own = [each for each in known if each.side == side]
    kept: list[Candidate] = []
    for each in sorted(own, key=lambda each: (each.of(account), -each.validation)):
        if not kept or each.validation > kept[-1].validation:
            kept.append(each)
    return kept


def reached(known: Sequence[Candidate], account: str) -> list[Reached]:
    """Return for each validation accuracy of the fronts the cheapest network of each side.

    From the highest accuracy down, one entry for each pair of networks.
    """
    fronts = {side: front(known, side, account) for side in SIDES}
    levels = sorted({each.validation for own in fronts.values() for each in own}, reverse=True)
    found: list[Reached] = []
    for level in levels:
        chosen = {
            side: next((each for each in own if each.validation >= level), None)
            for side, own in fronts.items()
        }
        if not found or found[-1].chosen != chosen:
            found.append(Reached(level, chosen))
        else:
            found[-1] = Reached(level, chosen)
    return found
