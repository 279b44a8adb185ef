"""Cost of a network beside its conventional twin's, under every technology and dataflow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, get_args

import pandas as pd
from torch import nn

from spikesound.costs.execution import Execution, work
from spikesound.costs.foreign.accounts import PUBLISHED
from spikesound.costs.foreign.run import Counted, count
from spikesound.costs.foreign.sample import Sample
from spikesound.costs.layer import LayerCounts, totals
from spikesound.costs.memory import memory
from spikesound.costs.tables import Counts, break_even_table, energy_table
from spikesound.costs.traffic import traffic
from spikesound.costs.widths import widths
from spikesound.params import CostParams, Dataflow

NETWORK, TWIN = "network", "twin"

EXECUTIONS: tuple[tuple[str, Execution], ...] = (
    (NETWORK, "events"),
    (TWIN, "dense"),
    (TWIN, "zero_skipping"),
)
"""The network, event-driven, and what its twin costs with and without zero-skipping."""


@dataclass(frozen=True)
class Cost:
    """Cost of a network, of one sample.

    Attributes
    ----------
    name : of the network
    counted : operations of it and of its twin, by layer
    params : the technologies
    """

    name: str
    counted: Counted
    params: CostParams

    @cached_property
    def models(self) -> dict[str, Counts]:
        """The network and its twin, as the tables of costs take them."""
        return {
            NETWORK: Counts(self.counted.layers, "events"),
            TWIN: Counts(self.counted.twin, "dense"),
        }

    def layers(self, model: str = NETWORK) -> pd.DataFrame:
        """Return the counts of each layer, a row each, with the class of its module."""
        rows = [asdict(layer) for layer in self.models[model].layers]
        table = pd.DataFrame(rows)
        classes = [self.counted.classes.get(name, "") for name in table["layer"]]
        table.insert(1, "class", classes)
        return table

    def operations(self) -> pd.DataFrame:
        """Return the sums of operations: of all, of nonzero inputs, and as executed.

        Columns: model, execution, dense_operations, dense_macs, effective_macs, effective_acs,
        neuron_updates, macs, acs (executed).
        """
        rows = []
        for name, execution in EXECUTIONS:
            layers = self.models[name].layers
            done = [work(layer, execution) for layer in layers]
            rows.append(
                {"model": name, "execution": execution}
                | totals(layers)
                | {
                    "macs": sum(each.macs for each in done),
                    "acs": sum(each.acs for each in done),
                }
            )
        return pd.DataFrame(rows)

    def energies(self) -> pd.DataFrame:
        """Return energy, memory traffic, memory and break-even rates of every account.

        A row for each technology and dataflow, of one sample: ``network_nj``, ``twin_dense_nj``,
        ``twin_zero_skipping_nj`` (memory traffic included), the same of operations alone
        (``..._operations_nj``), ``..._traffic_kb``, ``..._memory_kb``, and the rates, spikes per
        neuron and step, below which the network needs less than the twin
        (``break_even_...``; empty where it needs more without a spike).
        """
        found = energy_table(self.models, self.params)
        rates = self._break_even()
        rows: list[dict[str, Any]] = []
        for profile in self.params.profiles:
            for dataflow in get_args(Dataflow):
                row: dict[str, Any] = {"profile": profile, "dataflow": dataflow}
                for name, execution in EXECUTIONS:
                    same = found[
                        (found["model"] == name)
                        & (found["execution"] == execution)
                        & (found["profile"] == profile)
                        & (found["dataflow"] == dataflow)
                    ].iloc[0]
                    label = _label(name, execution)
                    row[f"{label}_nj"] = same["total_nj"]
                    row[f"{label}_operations_nj"] = same["operations_nj"]
                    row |= self._moved(label, name, execution, profile, dataflow)
                rows.append(row | rates[profile, dataflow])
        return pd.DataFrame(rows)

    def _moved(
        self, label: str, name: str, execution: Execution, profile: str, dataflow: Dataflow
    ) -> dict[str, float]:
        layers: list[LayerCounts] = self.models[name].layers
        bits = widths(self.params.profiles[profile], None, None)
        moved = sum(
            sum(asdict(traffic(layer, bits, dataflow, execution, self.params.account)).values())
            for layer in layers
        )
        return {
            f"{label}_traffic_kb": round(moved / 8000, 3),
            f"{label}_memory_kb": round(memory(layers, bits, self.params.account).total / 1000, 3),
        }

    def _break_even(self) -> dict[tuple[str, str], dict[str, float | None]]:
        own = self.params.model_copy(update={"curve_steps": [self.counted.steps]})
        table = break_even_table(self.models, [(NETWORK, TWIN)], own)
        table = table[table["accounting"] == "memory"]
        rates: dict[tuple[str, str], dict[str, float | None]] = {}
        for row in table.to_dict("records"):
            label = "dense" if row["against"] == TWIN else "zero_skipping"
            rate = None if pd.isna(row["break_even_rate"]) else float(row["break_even_rate"])
            key = str(row["profile"]), str(row["dataflow"])
            rates.setdefault(key, {})[f"break_even_{label}"] = rate
        return rates

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain values for JSON."""
        counted = self.counted
        energies = self.energies().astype(object)
        return {
            "network": self.name,
            "time_steps": counted.steps,
            "samples": counted.samples,
            "input": counted.values,
            "spikes_per_neuron_and_step": round(counted.rate, 6),
            "layers": self.layers().to_dict("records"),
            "twin_layers": self.layers(TWIN).to_dict("records"),
            "operations": self.operations().to_dict("records"),
            "accounts": energies.where(energies.notna(), None).to_dict("records"),
            "sources": {name: profile.source for name, profile in self.params.profiles.items()}
            | {"memory": self.params.memory.source},
        }


def _label(name: str, execution: Execution) -> str:
    return NETWORK if name == NETWORK else f"{TWIN}_{execution}"


def cost_of(
    network: nn.Module, sample: Sample, params: CostParams | None = None, name: str = ""
) -> Cost:
    """Return the cost of a torch module with snnTorch, SpikingJelly or Norse neurons on a sample.

    Parameters
    ----------
    params : technologies; None: the published ones of the project

    Raises
    ------
    SpikesoundError
        If the network or the sample cannot be counted; see :func:`.run.count`.
    """
    what = name or type(network).__name__
    return Cost(what, count(network, sample), params or PUBLISHED)
