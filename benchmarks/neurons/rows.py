"""The results: one row a library, workload and mode; printed as they come."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError
from typing import Any

from machine import machine, versions
from others import DIFFERS

HEADS = (
    "workload | library | mode | median ms | lowest-highest | of the floor | of snntorch | peak MB "
    "| differs"
)
PACKAGES = ("torch", "numba", "snntorch", "spikingjelly", "norse", "sinabs")

Row = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """What is computed: kind of network, time steps, batch, share of spikes (None: any)."""

    kind: str
    steps: int
    batch: int
    rate: float | None = None

    def __str__(self) -> str:
        rate = "" if self.rate is None else f", {self.rate:.0%} spikes"
        return f"{self.kind}, T={self.steps}, batch {self.batch}{rate}"


class Rows:
    """Prints rows of a table in Markdown, and holds them for the file."""

    def __init__(self) -> None:
        self.held: list[Row] = []
        self.common: Row = {"machine": machine(), "versions": installed()}
        print(f"| {HEADS} |\n|---|---|---|---:|---:|---:|---:|---:|---|")

    def add(
        self,
        workload: Workload,
        mode: str,
        times: dict[str, list[float]],
        peaks: dict[str, float | None] | None = None,
    ) -> None:
        """Add a row for each library: medians of its times in ms, and its peak where there is."""
        medians = {name: statistics.median(values) for name, values in times.items()}
        for name, values in times.items():
            row: Row = {
                "bench": "neurons",
                "workload": str(workload),
                **asdict(workload),
                "library": name,
                "mode": mode,
                "median_ms": round(medians[name], 4),
                "low_ms": round(min(values), 4),
                "high_ms": round(max(values), 4),
                "rounds": len(values),
                "of_floor": _ratio(medians, name, "dense floor"),
                "of_snntorch": _ratio(medians, name, "snntorch"),
                "peak_mb": (peaks or {}).get(name),
                "differs": differs(workload.kind, name),
            }
            self.held.append(row | self.common)
            print(line(row), flush=True)


def line(row: Row) -> str:
    """Return a row in Markdown."""
    cells = [
        row["workload"],
        row["library"],
        row["mode"],
        f"{row['median_ms']:.3f}",
        f"{row['low_ms']:.3f}-{row['high_ms']:.3f}",
        *(_short(row[key]) for key in ("of_floor", "of_snntorch", "peak_mb")),
        row["differs"],
    ]
    return f"| {' | '.join(cells)} |"


def differs(kind: str, name: str) -> str:
    """Say how a library's model differs from ours."""
    return DIFFERS.get(f"{name}, {kind}", DIFFERS.get(name, ""))


def installed() -> dict[str, str]:
    """Return the versions of Python and of those packages that are installed."""
    found = versions()
    for package in PACKAGES:
        try:
            found |= versions(package)
        except PackageNotFoundError:
            continue
    return found


def _ratio(medians: dict[str, float], name: str, base: str) -> float | None:
    return round(medians[name] / medians[base], 5) if base in medians else None


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
