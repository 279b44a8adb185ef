"""Tables over accounts: each part alone, ranges of shares, each network's cheapest and dearest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd

from spikesound.costs.execution import Execution
from spikesound.costs.spans import OWN, Design, Scope, Span, span
from spikesound.costs.tables import Counts, own_profile, price
from spikesound.params import AccountParams, CostParams

Spans = Mapping[tuple[str, str], Span]
"""Energies by model and profile."""


def account_tables(
    models: Mapping[str, Counts], pairs: Sequence[tuple[str, str]], params: CostParams
) -> dict[str, pd.DataFrame]:
    """Return the tables of this module by the names of their files.

    Parameters
    ----------
    pairs : spiking models and their opponents

    Raises
    ------
    SpikesoundError
        If an account has the front end or static power, and a model has no sound.
    """
    energies = spans(models, params)
    return {
        "parts": parts_table(models, params),
        "shares": shares_table(models, pairs, energies, params),
        "bounds": bounds_table(energies),
    }


def spans(models: Mapping[str, Counts], params: CostParams) -> Spans:
    """Return the energies of each model in each profile of its own, and in its own precision.

    A quantised model has none in a float profile, in which its bits would not count.
    """
    known: dict[tuple[str, str], Span] = {}
    for name, model in models.items():
        for profile in profiles_of(model, params):
            known[name, profile] = span(model, params, profile)
        known[name, OWN] = known[name, own_profile(model, params)]
    return known


def profiles_of(model: Counts, params: CostParams) -> list[str]:
    """Return the profiles that a model is priced in."""
    return [
        name
        for name, profile in params.profiles.items()
        if not model.quantised or profile.integer or name == own_profile(model, params)
    ]


def parts_table(models: Mapping[str, Counts], params: CostParams) -> pd.DataFrame:
    """Return the energy of every model in accounts that differ in one part from that shown first.

    Columns: part (``stated``, or a key of ``costs.accounts`` and its value), profile, model,
    execution, total_nj. In every profile, in which a quantised model has its own precision.
    """
    rows: list[dict[str, Any]] = []
    for name, model in models.items():
        for profile, execution in product(profiles_of(model, params), model.executions()):
            for part, dataflow, account in _single_parts(params):
                if model.stream and account.fetch != "step":
                    continue
                priced = price(model, params, profile, dataflow, execution, account=account)
                rows.append(
                    {"part": part, "profile": profile, "model": name, "execution": execution}
                    | {"total_nj": round(priced.total_nj, 3)}
                )
    return pd.DataFrame(rows)


def _single_parts(params: CostParams) -> Iterator[tuple[str, Any, AccountParams]]:
    yield "stated", params.dataflow, params.account
    for dataflow in params.accounts.dataflow:
        if dataflow != params.dataflow:
            yield f"dataflow: {dataflow}", dataflow, params.account
    for key in AccountParams.model_fields:
        for value in getattr(params.accounts, key):
            if value != getattr(params.account, key):
                shown = str(value).lower() if isinstance(value, bool) else value
                changed = params.account.model_copy(update={key: value})
                yield f"{key}: {shown}", params.dataflow, changed


def shares_table(
    models: Mapping[str, Counts],
    pairs: Sequence[tuple[str, str]],
    energies: Spans,
    params: CostParams,
) -> pd.DataFrame:
    """Return the range of the spiking network's share of each opponent's energy, over accounts.

    Columns: model, against, execution (of the opponent), profile (or ``own``: each in its own
    precision, where the opponent is quantised), design (``same``: both have one dataflow, one way
    to fetch weights and one coding of zeros; ``best``: each side has its cheapest), stated (in the
    account shown first), lowest, highest, and the accounts at which these are reached.
    """
    rows: list[dict[str, Any]] = []
    for name, other in pairs:
        opponent = models[other]
        profiles = [p for p in profiles_of(opponent, params) if (name, p) in energies]
        if opponent.quantised:
            profiles = [p for p in profiles if params.profiles[p].integer] + [OWN]
        for profile in profiles:
            ours, theirs = energies[name, profile], energies[other, profile]
            head = {"model": name, "against": other}
            for execution in opponent.executions():
                found = list(_same(ours, theirs, execution))
                same = {"execution": execution, "profile": profile, "design": "same"}
                stated = _stated(models[name], opponent, execution, profile, params)
                rows.append(head | same | stated | _range(found))
            rows.append(
                head
                | {"execution": "any", "profile": profile, "design": "best"}
                | _range(list(_best(ours, theirs)))
            )
    return pd.DataFrame(rows)


def _stated(
    ours: Counts, theirs: Counts, execution: Execution, profile: str, params: CostParams
) -> dict[str, float]:
    """Return the share in the account shown first."""
    kinds = [own_profile(each, params) if profile == OWN else profile for each in (ours, theirs)]
    ours_nj = price(ours, params, kinds[0], params.dataflow).total_nj
    theirs_nj = price(theirs, params, kinds[1], params.dataflow, execution).total_nj
    return {"stated": round(ours_nj / theirs_nj, 4)}


Share = tuple[float, str]
"""A share, and the account that gives it."""


def _same(ours: Span, theirs: Span, execution: Execution) -> Iterator[Share]:
    for scope in _common(ours, theirs):
        of_others = {
            design.without_execution: nj
            for design, nj in theirs[scope].items()
            if design.execution == execution
        }
        for design, nj in ours[scope].items():
            common = ", ".join(design.without_execution).replace("_", " ")
            yield nj / of_others[design.without_execution], f"{common}; counted: {scope}"


def _best(ours: Span, theirs: Span) -> Iterator[Share]:
    for scope in _common(ours, theirs):
        (our_nj, our), (their_nj, their) = cheapest(ours[scope]), cheapest(theirs[scope])
        yield our_nj / their_nj, f"{our}; against {their}; counted: {scope}"


def _common(ours: Span, theirs: Span) -> list[Scope]:
    return [scope for scope in ours if scope in theirs]


def _range(shares: Sequence[Share]) -> dict[str, Any]:
    low, high = _extremes(shares)
    return {
        "lowest": round(low[0], 4),
        "highest": round(high[0], 4),
        "lowest_account": low[1],
        "highest_account": high[1],
    }


def _extremes(values: Sequence[Share]) -> tuple[Share, Share]:
    """Return the least and the greatest; of equal ones the first."""
    return min(values, key=lambda each: each[0]), max(values, key=lambda each: each[0])


def cheapest(energies: Mapping[Design, float]) -> tuple[float, Design]:
    """Return the least energy and the design that has it."""
    design = min(energies, key=lambda each: energies[each])
    return energies[design], design


def bounds_table(energies: Spans) -> pd.DataFrame:
    """Return each model's energy at its cheapest and at its dearest account, in each profile.

    Columns: model, profile (or ``own``), best_nj, worst_nj, best_account, worst_account.
    """
    rows: list[dict[str, Any]] = []
    for (name, profile), of_model in energies.items():
        every = [
            (nj, f"{design}; counted: {scope}")
            for scope, by_design in of_model.items()
            for design, nj in by_design.items()
        ]
        low, high = _extremes(every)
        rows.append(
            {"model": name, "profile": profile}
            | {"best_nj": round(low[0], 1), "worst_nj": round(high[0], 1)}
            | {"best_account": low[1], "worst_account": high[1]}
        )
    return pd.DataFrame(rows)
