"""Put the tables of a run into a page, between their marks."""

from __future__ import annotations

from pathlib import Path

import targets
from rows import HEADS, Row, line

from spikesound.aside import written_aside
from spikesound.errors import SpikesoundError


def fill(page: Path, rows: list[Row], shown: set[str]) -> None:
    """Replace what stands between the marks ``neurons-targets`` and ``neurons`` of the page.

    Raises
    ------
    SpikesoundError
        If a mark is missing.
    """
    text = page.read_text(encoding="utf-8")
    chosen = [line(row) for row in rows if row["kind"] in shown]
    full = "\n".join([f"| {HEADS} |", "|---|---|---|---:|---:|---:|---:|---:|---|", *chosen])
    for mark, table in (("neurons-targets", targets.table(rows)), ("neurons", full + "\n")):
        start, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
        if start not in text or end not in text:
            raise SpikesoundError(f"{page}: no mark {start.strip()} ... {end}")
        before, rest = text.split(start, 1)
        text = f"{before}{start}{table}{end}{rest.split(end, 1)[1]}"
    with written_aside(page) as file:
        file.write(text.encode())
