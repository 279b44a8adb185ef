"""Put the tables of a run into a page, between their marks."""

from __future__ import annotations

from pathlib import Path

import targets
from rows import Row

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError

STEPS = {targets.FORWARD: (100,), targets.CNN: (4, 16), "recurrent": (100,)}
"""The time steps of which each kind's rows are shown; the others stand in the file of results."""

HEADS = (
    "library | mode | time, of the floor | of snntorch | lowest–highest | peak, of snntorch "
    "| differs"
)


def fill(page: Path, rows: list[Row]) -> None:
    """Replace what stands between the marks ``neurons-targets`` and ``neurons`` of the page.

    Raises
    ------
    SpikesoundError
        If a mark is missing.
    """
    text = page.read_text(encoding="utf-8")
    for mark, table in (("neurons-targets", targets.table(rows)), ("neurons", ratios(rows))):
        start, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
        if start not in text or end not in text:
            raise SpikesoundError(f"{page}: no mark {start.strip()} ... {end}")
        before, rest = text.split(start, 1)
        text = f"{before}{start}{table}{end}{rest.split(end, 1)[1]}"
    with written_aside(page) as file:
        file.write(text.encode())


def ratios(rows: list[Row]) -> str:
    """Return a table in Markdown for each workload shown: times and peaks as ratios."""
    shown = [row for row in rows if row["steps"] in STEPS.get(row["kind"], ())]
    parts = []
    for workload in dict.fromkeys(row["workload"] for row in shown):
        of_it = [row for row in shown if row["workload"] == workload]
        peak = next((row["peak_mb"] for row in of_it if row["library"] == "snntorch"), None)
        lines = [f"\n{workload}\n\n| {HEADS} |\n|---|---|---:|---:|---:|---:|---|"]
        for row in of_it:
            median = row["median_ms"]
            spread = f"{row['low_ms'] / median:.2f}–{row['high_ms'] / median:.2f}"
            share = row["peak_mb"] and peak and row["peak_mb"] / peak
            cells = [row["library"], row["mode"], _short(row["of_floor"])]
            cells += [_short(row["of_snntorch"]), spread, _short(share), row["differs"]]
            lines.append(f"| {' | '.join(cells)} |")
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def _short(value: float | None) -> str:
    return f"{value:.3g}" if value else ""
