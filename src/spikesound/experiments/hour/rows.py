"""Columns of the hour's table: energy beside its opponents', days, and how much runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikesound.costs.break_even import spike_rate
from spikesound.experiments.hour.compose import HOUR_S
from spikesound.experiments.hour.energy import Joules, Part, days
from spikesound.experiments.hour.systems import DENSE, GATED
from spikesound.params.hour import CellParams

Row = dict[str, Any]


def energies(system: str, spent: Mapping[str, Joules], cell: CellParams) -> Row:
    """Return the columns of energy of a system's row.

    ``joules`` in the account shown first, ``joules_least`` and ``joules_greatest`` over all
    accounts; ``days`` by the power of all else in the device; ``of_dense`` and ``of_gated``, the
    share of the dense twin's energy and of the gated quantised one's, the same in the account shown
    first, and with ``_least`` and ``_greatest`` over what accounts count, each side at its
    cheapest.
    """
    own = spent[system]
    row: Row = {
        "joules": _figures(own.stated),
        "joules_least": _figures(min(own.least.values())),
        "joules_greatest": _figures(max(own.greatest.values())),
        "days": {f"{uw:g}": round(days(own.stated, cell, uw), 1) for uw in cell.other_uw},
    }
    for name, other in (("dense", DENSE), ("gated", GATED)):
        low, high = own.share_of(spent[other])
        row[f"of_{name}"] = _figures(own.stated / spent[other].stated)
        row[f"of_{name}_least"], row[f"of_{name}_greatest"] = _figures(low), _figures(high)
    return row


def share_of_time(part: Part, hop_s: float) -> float:
    """Return the share of the time in which a network runs."""
    return round(part.counts.layers[0].passes * hop_s / HOUR_S, 5)


def rate(parts: Sequence[Part]) -> float | None:
    """Return spikes per neuron and frame of the spiking network, while it runs."""
    rates = [spike_rate(part.counts.layers) for part in parts if part.execution == "events"]
    return round(rates[0], 4) if rates else None


def _figures(value: float) -> float:
    return float(f"{value:.4g}")
