"""The streaming hour: joules by every account, days on a cell, and what a row says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from detectors import features
from hour_models import trained
from project import ROOT

from spikesound.costs.by_frame import mean_layers
from spikesound.costs.counting import count_frames
from spikesound.costs.front_end import SoundInput
from spikesound.costs.tables import Counts, price
from spikesound.experiments.hour.compose import HOUR_S
from spikesound.experiments.hour.energy import Part, days, gate_work, joules
from spikesound.experiments.hour.rows import energies
from spikesound.experiments.hour.systems import DENSE, GATED, SYSTEMS
from spikesound.params import Params
from spikesound.params.hour import HourParams, load_hour


@pytest.fixture(scope="module")
def settings() -> HourParams:
    return load_hour(ROOT / "experiments/hour.yaml")


def part(model: str, frames: int, execution: str, params: Params, bits: int | None = None) -> Part:
    own = trained(model)
    counts = count_frames(own.network, own.spec, features(1, 40))
    layers = mean_layers(counts, frames)
    sound = SoundInput(own.front_end.features, HOUR_S)
    made = Counts(layers, execution, bits, bits, sound=sound, stream=True)  # type: ignore[arg-type]
    return Part(made, execution)  # type: ignore[arg-type]


def test_joules_are_those_of_the_accounts(params: Params) -> None:
    costs = params.costs
    always = part("ann-tcn", 77_520, "dense", params)
    found = joules(
        [always],
        always.counts.sound.features,
        costs,
        front_end_share=1.0,
        gate_before_s=None,  # type: ignore[union-attr]
    )
    account = costs.account.model_copy(update={"features": True})
    whole = price(always.counts, costs, costs.profile, costs.dataflow, "dense", account=account)
    assert found.stated == pytest.approx(whole.total_nj / 1e9)
    assert min(found.least.values()) <= found.stated <= max(found.greatest.values())
    leaks = [scope for scope in found.least if scope.static]
    for scope in leaks:
        assert found.least[scope] > found.least[replace(scope, static=False)]
    assert found.share_of(found) == (1.0, 1.0)


def test_a_gate_saves_the_detector_and_its_front_end_and_costs_something(params: Params) -> None:
    costs = params.costs
    always, seldom = (part("ann-tcn", n, "dense", params) for n in (77_520, 775))
    sound = always.counts.sound
    assert sound is not None
    one = joules([always], sound.features, costs, front_end_share=1.0, gate_before_s=None)
    other = joules([seldom], sound.features, costs, front_end_share=0.01, gate_before_s=0.5)
    gate_nj, held = gate_work(sound.features, costs, 0.5)
    assert held == 0.5 * sound.features.rate_hz * 2
    # The sums that a detector holds between its frames are moved once less than there are frames.
    assert other.stated == pytest.approx(one.stated / 100 + gate_nj / 1e9, rel=2e-3)


def test_two_networks_add_up_scope_by_scope(params: Params) -> None:
    costs = params.costs
    gate, main = (
        part("snn-tcn", 77_520, "events", params, 8),
        part("ann-tcn", 7_752, "zero_skipping", params, 8),
    )
    sound = gate.counts.sound
    assert sound is not None
    both, one, other = (
        joules(parts, sound.features, costs, front_end_share=0.0, gate_before_s=None)
        for parts in ([gate, main], [gate], [main])
    )
    for scope, value in both.least.items():
        assert value == pytest.approx(one.least[scope] + other.least[scope])


def test_days_on_a_cell_by_hand(settings: HourParams) -> None:
    cell = settings.cell.model_copy(
        update={"capacity_mah": 100.0, "volts": 3.0, "efficiency": 1.0, "self_discharge": 0.0}
    )
    # 1080 J at 1 mW.
    assert days(3.6, cell, 0.0) == pytest.approx(1080 / 1e-3 / 86400)
    assert days(1.8, cell, 500.0) == pytest.approx(1080 / 1e-3 / 86400)
    halved = cell.model_copy(update={"self_discharge": 1.0})
    assert days(1e-9, halved, 0.0) == pytest.approx(365.25, rel=1e-3)


def test_each_system_has_one_name_and_its_opponents() -> None:
    names = [system.name for system in SYSTEMS]
    assert len(set(names)) == len(names) == 12
    assert not SYSTEMS[names.index(DENSE)].energy_gate
    gated = SYSTEMS[names.index(GATED)]
    assert (gated.detector, gated.execution, gated.energy_gate) == (
        "conventional int8",
        "zero_skipping",
        True,
    )


def test_energies_of_a_row_are_relative_to_both_opponents(
    params: Params, settings: HourParams
) -> None:
    one = part("ann-tcn", 77_520, "dense", params)
    sound = one.counts.sound
    assert sound is not None
    spent = joules([one], sound.features, params.costs, front_end_share=1.0, gate_before_s=None)
    row = energies("own", {"own": spent, DENSE: spent, GATED: spent}, settings.cell)
    assert (row["of_dense"], row["of_gated_least"], row["of_gated_greatest"]) == (1, 1, 1)
