"""Each part of an account by hand, and the range of a comparison over all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from network_specs import encoded, spec

from spikesound.core.errors import SpikesoundError
from spikesound.costs.accounts import account_tables, parts_table, profiles_of
from spikesound.costs.counting import Counted, counting
from spikesound.costs.energy import energy
from spikesound.costs.front_end import KINDS, SoundInput, filter_weights, frame_work, front_end_nj
from spikesound.costs.layer import LayerCounts
from spikesound.costs.memory import memory
from spikesound.costs.power import SECONDS, SoundCounts, stream_counts, tables_of_power
from spikesound.costs.spans import OWN, Design, Scope, designs, span
from spikesound.costs.tables import Counts, figures, price
from spikesound.costs.traffic import address_bits, biases, traffic
from spikesound.costs.widths import Widths
from spikesound.features import FEATURES
from spikesound.models.build import build
from spikesound.params import AccountParams, CostParams, Dataflow, Params

COSTS = Params.load(Path(__file__).resolve().parents[2] / "params.yaml").costs
STATED = COSTS.account
FEW = Widths(8, 8, 16, 8)


def account(**changes: Any) -> AccountParams:
    return STATED.model_copy(update=changes)


def spiking() -> LayerCounts:
    """Four steps, ten inputs, six neurons: 35 operations, of 20 different synapses."""
    return LayerCounts(
        "b", "convolution", "spikes", "ac", "lif", 4, 4, 10, 6, 40, 0,
        dense=200.0, effective=35.0, active_inputs=7.0, active_outputs=3.0, neuron_updates=24.0,
        distinct=20.0,
    )  # fmt: skip


def values() -> LayerCounts:
    """One pass over ten values, of which seven are not zero, to six neurons."""
    return replace(
        spiking(), source="activations", operation="mac", neuron="relu", passes=1, steps=1,
        dense=50.0, distinct=35.0, neuron_updates=6.0,
    )  # fmt: skip


def sound(params: Params) -> SoundInput:
    return SoundInput(params.features, 5.0)


@pytest.mark.parametrize(
    ("dataflow", "weights"),
    [
        ("no_reuse", 35),
        ("weight_stationary", 40),
        ("input_stationary", 20),
        ("output_stationary", 20),
        ("full_reuse", 40),
    ],
)
def test_weights_fetched_once_a_clip(dataflow: Dataflow, weights: int) -> None:
    moved = traffic(spiking(), FEW, dataflow, "events", account(fetch="clip"))
    assert moved.weights == weights * 8
    sums = 0 if dataflow in ("output_stationary", "full_reuse") else 2 * 35
    assert moved.states == sums * 16, "no potential moves between steps"


def test_a_layer_of_values_fetches_each_weight_once_for_all_passes() -> None:
    dense = replace(values(), passes=4, steps=4, dense=200.0)
    moved = traffic(dense, FEW, "output_stationary", "dense", account(fetch="clip"))
    assert moved.weights == 50 * 8


def test_a_recurrent_layer_cannot_have_all_steps_at_once() -> None:
    layer = replace(spiking(), kind="recurrent")
    once, stated = (
        traffic(layer, FEW, "output_stationary", "events", each)
        for each in (account(fetch="clip"), STATED)
    )
    assert once == stated


def test_all_steps_at_once_need_larger_buffers_and_no_potentials() -> None:
    step, clip = (memory([spiking()], FEW, account(fetch=each)) for each in ("step", "clip"))
    assert step.states == 6 * 16 / 8
    assert step.activations == (10 + 6) / 8
    assert clip.states == 6 * 4 * 16 / 8, "a sum for each step"
    assert clip.activations == (10 + 6) * 4 / 8


def test_places_that_spike_in_any_step_are_counted_once(params: Params) -> None:
    wanted = spec(
        params, "cnn", neuron="lif", neuron_params=params.neurons["lif"].model_dump(), steps=3,
        **encoded(params, "rate"),
    )  # fmt: skip
    x = torch.zeros(3, 2, 33, 20)
    x[0, 0, 10, 10] = x[2, 0, 10, 10] = x[1, 1, 20, 5] = 1
    network, counted = build(wanted).eval(), Counted()
    with torch.no_grad(), counting(network, wanted, counted):
        network(x)
    first = counted.layers[0]
    assert first.active_inputs == 3 / 2, "per clip"
    fan_out = first.effective / first.active_inputs
    assert first.distinct == pytest.approx(2 / 2 * fan_out)


def test_addresses_by_hand() -> None:
    assert [address_bits(places) for places in (1, 2, 10, 16, 17)] == [1, 1, 4, 4, 5]
    of = account(zeros="addresses")
    handed = traffic(spiking(), FEW, "input_stationary", "events", of)
    assert handed.inputs == 7 * 4, "a spike is its address"
    assert handed.outputs == 3 * 3
    gathered = traffic(spiking(), FEW, "output_stationary", "events", of)
    assert gathered.inputs == 35 * 4, "and no silent place is looked at"
    skipped = traffic(values(), FEW, "input_stationary", "zero_skipping", of)
    assert skipped.inputs == 7 * (4 + 8), "a value has one besides"
    assert skipped.outputs == 3 * (3 + 8)
    dense = traffic(values(), FEW, "input_stationary", "dense", of)
    assert dense == traffic(values(), FEW, "input_stationary", "dense", STATED)


def test_an_address_takes_an_addition_a_synapse() -> None:
    profile = COSTS.profiles["fp32_45nm"]
    spent = energy(
        [spiking()], FEW, profile, COSTS.memory, "input_stationary", "events",
        account(zeros="addresses"),
    )  # fmt: skip
    assert spent.inputs_nj == pytest.approx((7 * 4 / 64 * 10 + 35 * 0.1) / 1000)


@pytest.mark.parametrize(
    ("dataflow", "weights", "sums"),
    [
        ("no_reuse", 35 * 64, 2 * 35 * 64),
        ("weight_stationary", 40 * 4 * 8, 2 * 35 * 64),
        ("input_stationary", 35 * 8, 2 * 35 * 16),
        ("output_stationary", 35 * 64, 0),
    ],
)
def test_an_access_out_of_order_moves_a_whole_word(
    dataflow: Dataflow, weights: int, sums: int
) -> None:
    moved = traffic(spiking(), FEW, dataflow, "events", account(word_bits=64))
    assert moved.weights == weights
    assert moved.states == sums + 2 * 6 * 3 * 16, "potentials lie in a row"
    looked = {"no_reuse": 35 * 64 + 40, "input_stationary": 40}
    looked |= {"weight_stationary": 35 + 40, "output_stationary": 35 + 200}
    assert moved.inputs == looked[dataflow], "a spike's bit is among those looked at"


def test_dense_accesses_share_words_and_gathered_values_do_not() -> None:
    whole = account(word_bits=64)
    dense = traffic(values(), FEW, "output_stationary", "dense", whole)
    assert dense == traffic(values(), FEW, "output_stationary", "dense", STATED)
    skipped = traffic(values(), FEW, "output_stationary", "zero_skipping", whole)
    assert skipped.inputs == 35 * 64 + 50
    assert traffic(values(), FEW, "no_reuse", "dense", whole).weights == 50 * 64


def test_a_bias_is_fetched_and_added_for_each_sum_and_pass() -> None:
    assert biases(spiking()) == 6
    assert biases(replace(spiking(), neuron="lstm")) == 24, "a gate each"
    assert biases(replace(spiking(), weights=0)) == 0
    plain, biased = (
        traffic(spiking(), FEW, "output_stationary", "events", each)
        for each in (STATED, account(biases=True))
    )
    assert biased.weights - plain.weights == 6 * 4 * 16, "in the width of sums"
    once = traffic(
        spiking(), FEW, "output_stationary", "events", account(biases=True, fetch="clip")
    )
    assert once.weights == 20 * 8 + 6 * 16
    held = traffic(spiking(), FEW, "weight_stationary", "events", account(biases=True))
    assert held.weights == 40 * 4 * 8, "they are among the weights"
    profile = COSTS.profiles["int8_45nm"]
    spent = energy(
        [spiking()], FEW, profile, COSTS.memory, "output_stationary", "events",
        account(biases=True),
    )  # fmt: skip
    assert spent.operations_nj == pytest.approx((35 + 24) * 0.03 / 1000)


def test_sums_are_added_at_their_own_width() -> None:
    profile = COSTS.profiles["int8_45nm"]
    wide = account(wide_sums=True)
    spent = energy([spiking()], FEW, profile, COSTS.memory, "no_reuse", "events", wide)
    assert spent.operations_nj == pytest.approx(35 * 0.05 / 1000)
    spent = energy([values()], FEW, profile, COSTS.memory, "no_reuse", "dense", wide)
    assert spent.operations_nj == pytest.approx(50 * (0.2 + 0.05) / 1000)


def test_the_front_end_by_hand(params: Params) -> None:
    features = params.features.model_copy(update={"kinds": ["mel"], "window": 1024, "mels": 64})
    filters = filter_weights(features)
    assert 513 < filters < 2 * 513, "most bins are in two filters"
    frame = frame_work(features, 64)
    butterflies = 256 * 10
    assert frame.macs == 1024 + 4 * butterflies + 2 * 513 + filters + 64 + 64
    assert frame.acs == 2 * butterflies
    words = 2 * 1024 + 2 * 64 + 1024 + 10 * (2 * 1024 + 512) + 3 * 513 + 2 * filters + 64
    assert frame.bits == words * 32
    assert frame.held == (3 * 1024 + 513 + filters) * 4
    operations, moved = front_end_nj(
        SoundInput(features, 5.0), COSTS.profiles["fp32_45nm"], COSTS.memory
    )
    frames = 1 + 5 * 22050 // 1024
    assert operations == pytest.approx(frames * (frame.macs * 4.6 + frame.acs * 0.9) / 1000)
    assert moved > operations, "its buffers need more"


def test_every_kind_of_feature_is_counted(params: Params) -> None:
    assert set(KINDS) == set(FEATURES)
    plain = params.features.model_copy(update={"kinds": ["rms"]})
    assert frame_work(plain, 1).macs == 1 + plain.window + 1, "no spectrum"


def test_static_energy_is_leakage_times_time(params: Params) -> None:
    model = Counts([spiking()], "events", sound=sound(params))
    spent = price(model, COSTS, "int8_45nm", "no_reuse", account=account(static=True))
    bits = 40 * 8 + 6 * 16 + 16
    assert spent.static_nj == pytest.approx(bits * 8.4 * 5 / 1000)
    listening = price(model, COSTS, "int8_45nm", "no_reuse", account=account(features=True))
    assert listening.features_nj > 0
    assert listening.total_nj - listening.features_nj == pytest.approx(
        price(model, COSTS, "int8_45nm", "no_reuse").total_nj
    )


@pytest.mark.parametrize("part", ["features", "static"])
def test_what_needs_sound_is_refused_without(part: str) -> None:
    model = Counts([spiking()], "events")
    with pytest.raises(SpikesoundError, match=r"costs\.account: features and static must be false"):
        price(model, COSTS, "int8_45nm", "no_reuse", account=account(**{part: True}))


def test_a_quantised_model_has_the_energy_and_memory_of_its_own_precision() -> None:
    int3, float_ = Counts([values()], "dense", 8, 3), Counts([values()], "dense")
    own, other = figures(int3, COSTS), figures(float_, COSTS)
    whole = price(int3, COSTS, "int8_45nm", "output_stationary").total_nj
    assert own["energy_own_nj"] == round(whole, 1)
    assert float(own["energy_own_nj"]) < float(own["energy_nj"]) == other["energy_nj"]
    assert own["memory_own_kb"] == round((40 * 8 + 10 * 3 + 6 * 3) / 8000, 2)
    assert other["energy_own_nj"] == other["energy_nj"]
    assert other["memory_own_kb"] == other["memory_kb"]
    assert profiles_of(int3, COSTS) == ["int8_45nm"]
    assert profiles_of(float_, COSTS) == list(COSTS.profiles)


def few_choices() -> CostParams:
    choices = COSTS.accounts.model_copy(
        update={"dataflow": ["input_stationary", "output_stationary"], "word_bits": [1]}
    )
    return COSTS.model_copy(update={"accounts": choices})


def test_a_span_has_the_energy_of_every_account(params: Params) -> None:
    costs, model = few_choices(), Counts([spiking()], "events", sound=sound(params))
    energies = span(model, costs, "int8_45nm")
    assert len(energies) == 2**4
    assert all(len(by_design) == 2 * 2 * 2 for by_design in energies.values())
    scope = Scope(1, True, True, True, True)
    design = Design("input_stationary", "clip", "addresses", "events")
    every = account(
        fetch="clip", zeros="addresses", biases=True, features=True, static=True, wide_sums=True
    )
    expected = price(model, costs, "int8_45nm", "input_stationary", account=every).total_nj
    assert energies[scope][design] == pytest.approx(expected)
    assert len(span(model, costs, "fp32_45nm")) == 2**3, "sums are no wider than floats"


def test_shares_range_over_accounts_and_sides_choose_their_own_design(params: Params) -> None:
    costs = few_choices()
    ours = Counts([spiking()], "events", sound=sound(params))
    theirs = Counts([values()], "dense", 8, 3, sound=sound(params))
    tables = account_tables({"snn": ours, "ann": theirs}, [("snn", "ann")], costs)
    shares = tables["shares"].set_index(["execution", "profile", "design"])
    assert set(shares.index.get_level_values("profile")) == {"int8_45nm", OWN}
    energies = span(ours, costs, "int8_45nm"), span(theirs, costs, "int8_45nm")
    ratios = [
        nj / energies[1][scope][replace(design, execution="dense")]
        for scope, by_design in energies[0].items()
        for design, nj in by_design.items()
    ]
    row = shares.loc["dense", "int8_45nm", "same"]
    assert (row["lowest"], row["highest"]) == pytest.approx((min(ratios), max(ratios)), abs=1e-4)
    assert row["lowest"] <= row["stated"] <= row["highest"]
    best = [
        min(energies[0][scope].values()) / min(energies[1][scope].values()) for scope in energies[0]
    ]
    row = shares.loc["any", "int8_45nm", "best"]
    assert (row["lowest"], row["highest"]) == pytest.approx((min(best), max(best)), abs=1e-4)
    stated = price(ours, costs, "fp32_45nm", "output_stationary").total_nj
    stated /= price(theirs, costs, "int8_45nm", "output_stationary").total_nj
    assert shares.loc["dense", OWN, "same"]["stated"] == pytest.approx(stated, abs=1e-4)
    bounds = tables["bounds"].set_index(["model", "profile"])
    every = [nj for by_design in energies[1].values() for nj in by_design.values()]
    assert bounds.loc[("ann", OWN), "best_nj"] == pytest.approx(min(every), abs=0.1)
    assert bounds.loc[("ann", OWN), "worst_nj"] == pytest.approx(max(every), abs=0.1)


def test_parts_differ_from_the_stated_account_in_one_thing(params: Params) -> None:
    model = Counts([spiking()], "events", sound=sound(params))
    table = parts_table({"snn": model}, COSTS)
    table = table[table["profile"] == "int8_45nm"].set_index("part")["total_nj"]
    assert list(table.index) == [
        "stated", "dataflow: no_reuse", "dataflow: weight_stationary",
        "dataflow: input_stationary", "fetch: clip", "zeros: addresses", "word_bits: 64",
        "biases: true", "features: true", "static: true", "wide_sums: true",
    ]  # fmt: skip
    for part, changed in (("biases: true", account(biases=True)), ("stated", STATED)):
        expected = price(model, COSTS, "int8_45nm", "output_stationary", account=changed)
        assert table[part] == pytest.approx(expected.total_nj, abs=1e-3)


def test_a_stream_fetches_weights_at_each_step_and_is_given_as_power(params: Params) -> None:
    counts = {"snn": [SoundCounts("events", False, [spiking()]), SoundCounts("silence", False, [])]}
    streams = stream_counts(counts, {"snn": True}, params.features)
    assert {design.fetch for design in designs(streams["snn"], COSTS)} == {"step"}
    first = replace(spiking(), source="sound", operation="mac")
    model = replace(streams["snn"], layers=[first])
    skipped = energy(
        [first], Widths(32, 32, 32, 32), COSTS.profiles["fp32_45nm"], COSTS.memory,
        "output_stationary", "zero_skipping", STATED,
    )  # fmt: skip
    assert price(model, COSTS, "fp32_45nm", "output_stationary") == skipped, "of the sound too"
    table = parts_table(streams, COSTS)
    power = tables_of_power({"parts": table})["parts"]
    assert list(power.columns)[-1] == "total_uw"
    assert power["total_uw"].iloc[0] == pytest.approx(
        table["total_nj"].iloc[0] / SECONDS / 1000, abs=1e-6
    )
