"""Joules an hour of a system under every account, and days on a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spikesound.costs.execution import Execution
from spikesound.costs.front_end import SoundInput, front_end_nj, static_nj
from spikesound.costs.memory import ACCESS_BITS, access_pj
from spikesound.costs.spans import OWN, Design, Scope, span
from spikesound.costs.tables import Counts
from spikesound.experiments.hour.compose import HOUR_S
from spikesound.params import CostParams, FeatureParams
from spikesound.params.hour import CellParams

SAMPLE_BITS = 16
YEAR_S = 365.25 * 86400


@dataclass(frozen=True)
class Part:
    """A network of a system.

    Attributes
    ----------
    counts : of the frames of an hour in which it runs
    execution : of its operations
    """

    counts: Counts
    execution: Execution


@dataclass(frozen=True)
class Joules:
    """Energy of an hour, J.

    Attributes
    ----------
    stated : in the account shown first, and the front end
    least, greatest : over all accounts, by what they count; each network at its cheapest design, or
        at its dearest
    """

    stated: float
    least: Mapping[Scope, float]
    greatest: Mapping[Scope, float]

    def share_of(self, other: Joules) -> tuple[float, float]:
        """Return the least and greatest share of another's energy, each side at its cheapest."""
        shares = [value / _same(other.least, scope) for scope, value in self.least.items()]
        return min(shares), max(shares)


def _same(energies: Mapping[Scope, float], scope: Scope) -> float:
    """Return the energy where the same is counted; sums of floats are as wide as their operands."""
    return energies[scope] if scope in energies else energies[replace(scope, wide_sums=False)]


def joules(
    parts: Sequence[Part],
    features: FeatureParams,
    params: CostParams,
    *,
    front_end_share: float,
    gate_before_s: float | None,
) -> Joules:
    """Return the energy of an hour.

    Memory leaks all the time, whether its network runs or not, where the account has that. The
    front end runs with the network that runs most.

    Parameters
    ----------
    features : of the front end
    front_end_share : share of the time in which it runs
    gate_before_s : sound kept by a gate by level, s; None: there is none
    """
    front_nj = sum(_front_end(features, params)) * front_end_share
    gate_nj, gate_bytes = 0.0, 0.0
    if gate_before_s is not None:
        gate_nj, gate_bytes = gate_work(features, params, gate_before_s)
    networks = _networks(params)
    spans = [
        {
            scope: {
                design: nj for design, nj in designs.items() if design.execution == part.execution
            }
            for scope, designs in span(part.counts, networks, OWN).items()
        }
        for part in parts
    ]
    leaked = static_nj(gate_bytes, HOUR_S, params.memory)
    least: dict[Scope, float] = {}
    greatest: dict[Scope, float] = {}
    for scope in spans[0]:
        for counted in params.accounts.features:
            fixed = gate_nj + counted * front_nj + scope.static * leaked
            with_front = replace(scope, features=counted)
            least[with_front] = (fixed + sum(min(each[scope].values()) for each in spans)) / 1e9
            greatest[with_front] = (fixed + sum(max(each[scope].values()) for each in spans)) / 1e9
    stated = (
        gate_nj
        + front_nj
        + sum(_stated(each, part, params) for each, part in zip(spans, parts, strict=True))
    )
    return Joules(stated / 1e9, least, greatest)


def _networks(params: CostParams) -> CostParams:
    """Return the accounts without the front end, which does not run with every network."""
    accounts = params.accounts.model_copy(update={"features": [False]})
    return params.model_copy(update={"accounts": accounts})


def _stated(
    energies: Mapping[Scope, Mapping[Design, float]], part: Part, params: CostParams
) -> float:
    account = params.account
    wanted = Design(params.dataflow, "step", account.zeros, part.execution)
    scope = Scope(account.word_bits, account.biases, False, account.static, account.wide_sums)
    return energies[scope][wanted]


def _front_end(features: FeatureParams, params: CostParams) -> tuple[float, float]:
    profile = params.profiles[params.front_end]
    return front_end_nj(SoundInput(features, HOUR_S), profile, params.memory)


def gate_work(features: FeatureParams, params: CostParams, before_s: float) -> tuple[float, float]:
    """Return the energy of a gate by level in an hour, nJ, and the bytes of the sound it keeps.

    It computes the mean square of each frame, and writes each sample, of 16 bits, into the sound
    that is kept for the detector.
    """
    level = features.model_copy(update={"kinds": ["rms"]})
    held = before_s * features.rate_hz * SAMPLE_BITS / 8
    written = HOUR_S * features.rate_hz * SAMPLE_BITS / ACCESS_BITS * access_pj(held, params.memory)
    return sum(_front_end(level, params)) + written / 1000, held


def days(joules_an_hour: float, cell: CellParams, other_uw: float) -> float:
    """Return how long a cell lasts.

    .. math:: t = \\frac{C V}{P / \\eta + d C V / \\mathrm{year}}

    with capacity C, voltage V, self-discharge d a year, efficiency eta, and the power P of the
    detector and of all else in the device.
    """
    energy_j = cell.capacity_mah * 3.6 * cell.volts
    power_w = (joules_an_hour / HOUR_S + other_uw * 1e-6) / cell.efficiency
    return energy_j / (power_w + cell.self_discharge * energy_j / YEAR_S) / 86400
