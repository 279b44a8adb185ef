"""The tables over all accounts, in README.md and docs/results/; benchmarks/tables.py fills them in.

From metrics/<task>/costs: cells from energy.csv, the others from shares.csv, parts.csv, bounds.csv.
"""

import pandas as pd
from metric_files import FLOWS, ROOT, read, rows

from spikesound.evaluation.measures import CLASSIFICATION
from spikesound.evaluation.table import percent
from spikesound.report.accounts import EXECUTIONS, cheapest_rows, part_shares, precision_name
from spikesound.report.accounts import Tables as AccountTables
from spikesound.report.energy import profile_name

OURS = "snn-cnn-surrogate"

_OPPONENTS = (
    ("ann-cnn", "dense"),
    ("ann-cnn", "zero_skipping"),
    ("ann-cnn-sparse", "zero_skipping"),
    ("ann-cnn-int8", "zero_skipping"),
    ("ann-cnn-int3", "zero_skipping"),
)
"""Opponents of the spiking network, as they are run."""


def cells() -> str:
    """Return for each technology and dataflow the network that needs least, of the CNNs."""
    spent: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for row in rows("metrics/classification/costs/energy.csv"):
        if "cnn" in row["model"]:
            name = f"{row['model']}, {EXECUTIONS.get(row['execution'], 'event-driven')}"
            cell = spent.setdefault((row["profile"], row["dataflow"]), [])
            cell.append((float(row["total_nj"]), name))
    lines = [f"| Technology | {' | '.join(flow.replace('_', ' ') for flow in FLOWS)} |\n"]
    lines += [f"|---|{'---|' * len(FLOWS)}\n"]
    for profile in dict.fromkeys(profile for profile, _ in spent):
        least = [min(spent[profile, flow])[1] for flow in FLOWS]
        lines.append(f"| {profile_name(profile)} | {' | '.join(least)} |\n")
    return "".join(lines)


def account_shares() -> str:
    """Shares of each opponent's energy: one part of the account changed, float32 and int8."""
    tables = _account_tables("classification", "nj")
    heads = [f"{name}, {EXECUTIONS[execution]}" for name, execution in _OPPONENTS]
    lines = [f"| Technology | Account | {' | '.join(heads)} |\n"]
    lines += [f"|---|---|{'---:|' * len(heads)}\n"]
    for profile in ("fp32_45nm", "int8_45nm"):
        shares = part_shares(tables, OURS, profile)
        for part, row in shares.iterrows():
            cells = [f"{row[head]:.2f}" if row.get(head, 0) > 0 else "–" for head in heads]
            lines.append(f"| {profile_name(profile)} | {part} | {' | '.join(cells)} |\n")
    return "".join(lines)


def account_range() -> str:
    """Range of the share over all accounts: with one design for both, and each at its cheapest."""
    return _ranges("classification", OURS)


def detection_range() -> str:
    """Range of the share of power over all accounts, in sound, with strong labels."""
    return _ranges("detection", "snn-tcn-strong")


def account_front() -> str:
    """Cheapest model of each side that reaches an accuracy: own precision, and all in int8."""
    tables = _account_tables("classification", "nj")
    summary = read("metrics/classification/summary.json")
    spiking = {name: name.startswith("snn") for name in summary if name != "dataset"}
    lines = []
    for profile in ("own", "int8_45nm"):
        found = cheapest_rows(tables, summary, spiking, CLASSIFICATION[0], profile)
        for value, reached in found:
            cells = [precision_name(profile), f"{percent(value)} %"]
            for extreme in ("best", "worst"):
                for side in (True, False):
                    known = reached[side, extreme]
                    cells.append("–" if known is None else f"{known[0]}: {known[1] / 1000:.3g}")
            lines.append(f"| {' | '.join(cells)} |\n")
    heads = "Precision | Accuracy of at least | Spiking, least | Conventional, least"
    head = f"| {heads} | Spiking, greatest | Conventional, greatest |\n|---|{'---:|' * 5}\n"
    return head + "".join(lines)


def accounts_short() -> str:
    """Shares of each opponent's energy in the accounts that README names, kind and unkind."""
    tables, spent = _account_tables("classification", "nj"), {}
    for row in rows("metrics/classification/costs/energy.csv"):
        key = row["model"], row["execution"], row["profile"], row["dataflow"]
        spent[key] = {name: float(row[name]) for name in ("operations_nj", "total_nj")}
    once = {
        profile: part_shares(tables, OURS, profile).loc["fetch: clip"]
        for profile in ("fp32_45nm", "int8_45nm")
    }
    heads = ["MAC and AC, FP32", "FP32", "FP32, weights once", "INT8", "INT8, weights once"]
    heads += ["INT8, input-stationary", "all accounts, same design", "each at its cheapest"]
    lines = [f"| Against | {' | '.join(heads)} |\n|---|{'---:|' * len(heads)}\n"]
    ranges = tables.shares[tables.shares["model"] == OURS]
    for name, execution in _OPPONENTS:
        column, quantised = f"{name}, {EXECUTIONS[execution]}", "-int" in name
        shares = []
        for profile, flow, what in (
            ("fp32_45nm", "output_stationary", "operations_nj"),
            ("fp32_45nm", "output_stationary", "total_nj"),
            ("fp32_45nm", "", ""),
            ("int8_45nm", "output_stationary", "total_nj"),
            ("int8_45nm", "", ""),
            ("int8_45nm", "input_stationary", "total_nj"),
        ):
            if quantised and profile == "fp32_45nm":
                shares.append("–")
            elif not flow:
                shares.append(f"{once[profile][column]:.2f}")
            else:
                ours = spent[OURS, "events", profile, flow][what]
                shares.append(f"{ours / spent[name, execution, profile, flow][what]:.2f}")
        of_name = ranges[(ranges["against"] == name) & (ranges["profile"] != "own")]
        same = of_name[of_name["execution"] == execution]
        for each in (same, of_name[of_name["design"] == "best"]):
            shares.append(f"{each['lowest'].min():.2f}–{each['highest'].max():.2f}")
        lines.append(f"| {column} | {' | '.join(shares)} |\n")
    return "".join(lines)


def _ranges(task: str, ours: str) -> str:
    heads = "Against | Execution | Precision | Design | Stated | Least | Greatest"
    lines = [f"| {heads} |\n|---|---|---|---|---:|---:|---:|\n"]
    for row in rows(f"metrics/{task}/costs/shares.csv"):
        if row["model"] != ours:
            continue
        design = "the same" if row["design"] == "same" else "each its cheapest"
        cells = [row["against"], EXECUTIONS[row["execution"]], precision_name(row["profile"])]
        cells += [design, f"{float(row['stated']):.2f}" if row["stated"] else "–"]
        cells += [f"{float(row[end]):.2f}" for end in ("lowest", "highest")]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def _account_tables(task: str, unit: str) -> AccountTables:
    folder = ROOT / f"metrics/{task}/costs"
    read = (pd.read_csv(folder / f"{name}.csv") for name in ("shares", "parts", "bounds"))
    return AccountTables(*read, unit)


TABLES = {
    "cells": cells,
    "account_shares": account_shares,
    "account_range": account_range,
    "account_front": account_front,
    "accounts_short": accounts_short,
    "detection_range": detection_range,
}
