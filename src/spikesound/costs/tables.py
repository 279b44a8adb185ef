"""The tables of costs: every model under every profile and dataflow, and the break-even curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, get_args

import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.costs.break_even import break_even_rate
from spikesound.costs.energy import Energy, energy
from spikesound.costs.execution import Execution
from spikesound.costs.front_end import SoundInput, front_end_nj, static_nj
from spikesound.costs.layer import LayerCounts
from spikesound.costs.memory import memory
from spikesound.costs.widths import widths
from spikesound.params import AccountParams, CostParams, Dataflow

ACCOUNTINGS = ("operations", "memory")
"""Operations alone (MAC and AC, as in most papers), or all of it, memory traffic included."""


@dataclass(frozen=True)
class Counts:
    """Counts of a model, and its execution.

    Attributes
    ----------
    execution : how its figures are counted, unless a table has them all
    weight_bits, activation_bits : of a network that was rounded; None: as the profile says
    sound : its input, which an account with front end or static power needs
    stream : whether it runs frame by frame: a weight is fetched at each step, and a spiking network
        leaves out zeros of the sound too
    """

    layers: list[LayerCounts]
    execution: Execution
    weight_bits: int | None = None
    activation_bits: int | None = None
    sound: SoundInput | None = None
    stream: bool = False

    @property
    def quantised(self) -> bool:
        """Whether it was trained with fewer bits than a float's."""
        return self.weight_bits is not None or self.activation_bits is not None

    def executions(self) -> tuple[Execution, ...]:
        """Return the executions that the model supports."""
        return ("events",) if self.execution == "events" else ("dense", "zero_skipping")


def price(
    model: Counts,
    params: CostParams,
    profile: str,
    dataflow: Dataflow,
    execution: Execution | None = None,
    layers: Sequence[LayerCounts] | None = None,
    account: AccountParams | None = None,
) -> Energy:
    """Return the energy of a model's inference.

    Parameters
    ----------
    execution, layers, account : None: the model's own, and the account shown first

    Raises
    ------
    SpikesoundError
        If the account has the front end or static power, and the model has no sound.
    """
    technology, account = params.profiles[profile], account or params.account
    bit_widths = widths(technology, model.weight_bits, model.activation_bits)
    counted, execution = layers or model.layers, execution or model.execution
    if model.stream and execution == "events":
        execution = "zero_skipping"
    priced = energy(counted, bit_widths, technology, params.memory, dataflow, execution, account)
    if not (account.features or account.static):
        return priced
    if model.sound is None:
        raise SpikesoundError(
            "costs.account: features and static must be false for a network whose input is no sound"
        )
    features = static = 0.0
    if account.features:
        features = sum(front_end_nj(model.sound, params.profiles[params.front_end], params.memory))
    if account.static:
        held = memory(counted, bit_widths, account).total
        static = static_nj(held, model.sound.seconds, params.memory)
    return replace(priced, features_nj=features, static_nj=static)


def energy_table(models: Mapping[str, Counts], params: CostParams) -> pd.DataFrame:
    """Return the energy of every model, profile, dataflow and execution, nJ a clip.

    Columns: model, execution, profile, dataflow, the parts of :class:`~.energy.Energy`, total_nj;
    rounded to a thousandth of a nJ.
    """
    rows: list[dict[str, Any]] = []
    for name, model in models.items():
        for execution, profile, dataflow in product(
            model.executions(), params.profiles, get_args(Dataflow)
        ):
            priced = price(model, params, profile, dataflow, execution)
            rows.append(
                {"model": name, "execution": execution, "profile": profile, "dataflow": dataflow}
                | asdict(priced)
                | {"total_nj": priced.total_nj}
            )
    return pd.DataFrame(rows).round(3)


def break_even_table(
    models: Mapping[str, Counts], pairs: Sequence[tuple[str, str]], params: CostParams
) -> pd.DataFrame:
    """Return the break-even spike rate of each pair, profile, dataflow, accounting and T.

    Columns: model, against, profile, dataflow, accounting (of :data:`ACCOUNTINGS`), steps,
    break_even_rate (spikes per neuron and step; empty where the spiking model never wins). A
    conventional model with another execution than that of its counts has it behind its name.
    """
    rows: list[dict[str, Any]] = []
    ways = [(name, other, way) for name, other in pairs for way in models[other].executions()]
    for (name, other, way), profile, dataflow, accounting in product(
        ways, params.profiles, get_args(Dataflow), ACCOUNTINGS
    ):
        if accounting == "operations" and dataflow != params.dataflow:
            continue  # operations do not depend on it
        model = models[name]

        def cost(
            layers: Sequence[LayerCounts],
            model: Counts = model,
            profile: str = profile,
            dataflow: Dataflow = dataflow,
            accounting: str = accounting,
        ) -> float:
            priced = price(model, params, profile, dataflow, layers=layers)
            return priced.operations_nj if accounting == "operations" else priced.total_nj

        theirs = price(models[other], params, profile, dataflow, way)
        against = theirs.operations_nj if accounting == "operations" else theirs.total_nj
        for steps in params.curve_steps:
            rate = break_even_rate(model.layers, steps, cost, against)
            rows.append(
                {
                    "model": name,
                    "against": other if way == models[other].execution else f"{other} ({way})",
                    "profile": profile,
                    "dataflow": dataflow,
                    "accounting": accounting,
                    "steps": steps,
                    "break_even_rate": rate,
                }
            )
    return pd.DataFrame(rows).round(4)


def figures(model: Counts, params: CostParams) -> dict[str, float | str]:
    """Return a model's figures at the profile, dataflow and account shown first, flat.

    ``energy_own_nj`` and ``memory_own_kb`` are those of its own precision: of a quantised model in
    ``params.own_precision``, of others the same.
    """
    priced = price(model, params, params.profile, params.dataflow)
    technology = params.profiles[params.profile]
    own = own_profile(model, params)
    own_widths = widths(params.profiles[own], model.weight_bits, model.activation_bits)
    own_held = memory(model.layers, own_widths, params.account)
    bit_widths = widths(technology, model.weight_bits, model.activation_bits)
    held = memory(model.layers, bit_widths, params.account)
    return {
        "execution": model.execution,
        "energy_nj": round(priced.total_nj, 1),
        "energy_own_nj": round(price(model, params, own, params.dataflow).total_nj, 1),
        "energy_operations_nj": round(priced.operations_nj, 1),
        "memory_kb": round(held.total / 1000, 2),
        "memory_own_kb": round(own_held.total / 1000, 2),
    }


def own_profile(model: Counts, params: CostParams) -> str:
    """Return the profile of a model's own precision."""
    if model.quantised and params.own_precision is not None:
        return params.own_precision
    return params.profile
