"""The tables of the streaming hour, of benchmarks/results/hour.json, in docs/results/hour.md."""

from typing import Any

from metric_files import read

PATH = "benchmarks/results/hour.json"


def _rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read(PATH)["rows"]
    return found


def hour() -> str:
    """Joules, days, PSDS and delay of each system, by the share of events."""
    heads = "Events | System | J/h | Least | Greatest | Days | PSDS 1 | PSDS 2 | Delay, s"
    lines = [f"| {heads} | Missed | False events/h | Runs |\n|---|---|{'---:|' * 10}\n"]
    for row in _rows():
        cells = [f"{row['share']:.0%}".replace("%", " %"), row["system"]]
        cells += [f"{row[key]:.3g}" for key in ("joules", "joules_least", "joules_greatest")]
        cells += [f"{row['days']['0']:,.0f}"]
        cells += [f"{row[key]:.3f}" for key in ("psds1", "psds2")]
        cells += ["–" if row["delay_median_s"] is None else f"{row['delay_median_s']:.2f}"]
        cells += [f"{row['missed_share']:.2f}", f"{row['false_per_hour']:.0f}"]
        cells += [", ".join(f"{100 * each:.0f} %" for each in row["runs"])]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def hour_shares() -> str:
    """Shares of the dense twin's energy, and of the gated quantised one's."""
    lines = ["| Events | System | of the dense twin | Least | Greatest | of the gated int8 twin "]
    lines += [f"| Least | Greatest |\n|---|---|{'---:|' * 6}\n"]
    for row in _rows():
        cells = [f"{row['share']:.0%}".replace("%", " %"), row["system"]]
        for name in ("dense", "gated"):
            cells += [f"{row[f'of_{name}{end}']:.3f}" for end in ("", "_least", "_greatest")]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def hour_days() -> str:
    """Days on the cell by the power of all else in the device."""
    rows = _rows()
    loads = list(rows[0]["days"])
    heads = " | ".join(f"{load} µW" for load in loads)
    lines = [f"| Events | System | {heads} |\n|---|---|{'---:|' * len(loads)}\n"]
    for row in rows:
        cells = [f"{row['share']:.0%}".replace("%", " %"), row["system"]]
        cells += [f"{row['days'][load]:,.0f}" for load in loads]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


TABLES = {"hour": hour, "hour_shares": hour_shares, "hour_days": hour_days}
