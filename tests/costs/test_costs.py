"""What a network costs: counts by hand, prices by hand, break-even by search, and the control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from network_specs import encoded, spec
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.costs.active import active_by_place, active_count
from spikesound.costs.break_even import break_even_rate, rescaled, spike_rate
from spikesound.costs.counting import COUNTERS, FRAME_COUNTERS, Counted, counting
from spikesound.costs.energy import energy
from spikesound.costs.execution import work
from spikesound.costs.fan_out import fan_out
from spikesound.costs.layer import LayerCounts, read_layers, totals, write_layers
from spikesound.costs.memory import access_pj, memory
from spikesound.costs.models import counts_of
from spikesound.costs.neuron_work import UNITS, neuron_work, spikes
from spikesound.costs.tables import Counts, break_even_table, energy_table, price
from spikesound.costs.traffic import traffic
from spikesound.costs.widths import Widths, mac_pj, widths
from spikesound.models.build import build
from spikesound.models.grid import Geometry
from spikesound.models.layers import Kind, Layer
from spikesound.models.networks.cnn import CNN
from spikesound.params import NEURON_PARAMS, Dataflow, Params, twins
from spikesound.snn.neurons import NEURONS


def spiking_layer(name: str = "b", **changes: object) -> LayerCounts:
    """Four steps, ten inputs, six neurons, five synapses a place of the input."""
    made = LayerCounts(
        name, "convolution", "spikes", "ac", "lif", 4, 4, 10, 6, 40, 0,
        dense=200.0, effective=35.0, active_inputs=7.0, active_outputs=3.0, neuron_updates=24.0,
        distinct=20.0,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def first_layer() -> LayerCounts:
    """Values, whose sums are kept for four steps."""
    return LayerCounts(
        "a", "convolution", "sound", "mac", "lif", 1, 4, 8, 10, 30, 0,
        dense=80.0, effective=60.0, active_inputs=6.0, active_outputs=7.0, neuron_updates=40.0,
        distinct=60.0,
    )  # fmt: skip


def readout() -> LayerCounts:
    return LayerCounts(
        "readout", "linear", "pooled", "mac", "none", 1, 1, 3, 2, 8, 0,
        dense=6.0, effective=4.0, active_inputs=2.0, active_outputs=2.0, neuron_updates=0.0,
        distinct=4.0,
    )  # fmt: skip


def pooling() -> LayerCounts:
    """Sums over four steps, of the spikes of the layer before."""
    return LayerCounts(
        "pooling", "pooling", "spikes", "ac", "none", 4, 1, 6, 3, 0, 0,
        dense=24.0, effective=3.0, active_inputs=3.0, active_outputs=3.0, neuron_updates=0.0,
        distinct=3.0,
    )  # fmt: skip


def over_frames() -> LayerCounts:
    """Mean and maximum over frames, once."""
    return LayerCounts(
        "pooling_frames", "pooling", "pooled", "ac", "none", 1, 1, 3, 1, 0, 0,
        dense=6.0, effective=6.0, active_inputs=3.0, active_outputs=1.0, neuron_updates=0.0,
        distinct=6.0,
    )  # fmt: skip


SPIKING = [first_layer(), spiking_layer(), pooling(), over_frames(), readout()]
WIDE = Widths(32, 32, 32, 32)
PARAMS = Params.load(Path(__file__).resolve().parents[2] / "params.yaml")
STATED = PARAMS.costs.account


def test_a_spike_in_the_corner_reaches_fewer_places_by_hand() -> None:
    # 4 x 4, kernel 3, padding 1, stride 1: corners reach 4 places, edges 6, the middle 9.
    reached = fan_out(Geometry((3, 3), (1, 1), (1, 1), (4, 4), 9), 4, 4)
    expected = torch.tensor([[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]])
    assert torch.equal(reached, expected.double())


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 2), st.integers(0, 2)
)
def test_fan_out_is_what_each_place_adds_to_a_convolution_of_ones(
    rows: int, columns: int, kernel: int, stride: int, padding: int
) -> None:
    sizes = [(n + 2 * padding - kernel) // stride + 1 for n in (rows, columns)]
    if min(rows, columns) + 2 * padding < kernel:
        return
    shape = Geometry((kernel,) * 2, (stride,) * 2, (padding,) * 2, (sizes[0], sizes[1]), kernel**2)
    one_by_one = torch.eye(rows * columns).view(-1, 1, rows, columns)
    sums = functional.conv2d(one_by_one, torch.ones(1, 1, kernel, kernel), None, stride, padding)
    expected = sums.sum((1, 2, 3)).view(rows, columns).double()
    assert torch.equal(fan_out(shape, rows, columns), expected)


@pytest.mark.slow
@settings(deadline=None)  # the first call compiles
@given(st.booleans(), st.integers(1, 3), st.integers(1, 5), st.integers(0, 99))
def test_active_entries_are_counted_in_any_layout(
    last: bool, steps: int, channels: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    flat = torch.rand(steps * 2, channels, 3, 4, generator=generator)
    flat = torch.where(flat < 0.5, 0.0, flat - 0.7)
    if last:
        flat = flat.contiguous(memory_format=torch.channels_last)
    x = flat.unflatten(0, (steps, 2))
    expected = (x != 0).sum((0, 1, 2)).double()
    assert torch.equal(active_by_place(x), expected)
    assert active_count(x) == float(expected.sum())


def test_a_small_network_is_counted_by_hand(params: Params) -> None:
    # One channel to two, kernel 1, stride 2 on 4 frames x 2 bins: 2 x 1 places of the output.
    section = params.networks["cnn"].model_dump() | {"channels": [2], "kernel": 1, "pool": "stride"}
    wanted = spec(params, "cnn", bins=2, network_params=section)
    network = build(wanted).eval()
    assert isinstance(network, CNN)
    block = network.blocks[0]
    with torch.no_grad():
        block.convolution.weight.fill_(1.0)  # type: ignore[union-attr, operator]
    x = torch.tensor([[1.0, 5.0], [5.0, 5.0], [0.0, 5.0], [5.0, 5.0]])[None, None]
    counted = Counted()
    with torch.no_grad(), counting(network, wanted, counted):
        network(x)
    convolution, summed, framed, read = counted.layers
    assert convolution.dense == 4, "two places with one input each, to two channels"
    assert convolution.effective == 2, "one of the two is zero; no other place is looked at"
    assert convolution.weights == 2 * 1 + 2
    assert convolution.neuron_updates == 4
    assert convolution.active_outputs == 2
    assert summed.effective == 2, "two values that are not zero"
    assert framed.effective == 2 * 2 * 2, "mean and maximum of two frames, of two channels"
    assert (convolution.source, convolution.merged_bits, read.source) == ("sound", 0, "pooled")
    assert (read.dense, read.effective) == (2 * 3, 2 * 3)
    assert totals(counted.layers)["dense_macs"] == 4 + 6


def test_counts_are_means_per_clip_over_batches(params: Params) -> None:
    wanted = spec(params, "cnn")
    network = build(wanted).eval()
    x = torch.rand(1, 5, 33, 20)
    whole, parts = Counted(), Counted()
    with torch.no_grad(), counting(network, wanted, whole):
        network(x)
    with torch.no_grad(), counting(network, wanted, parts):
        network(x[:, :3])
        network(x[:, 3:])
    for one, other in zip(whole.layers, parts.layers, strict=True):
        assert one.dense == pytest.approx(other.dense)
        assert one.effective == pytest.approx(other.effective)
        assert one.active_outputs == pytest.approx(other.active_outputs)
    with torch.no_grad():
        network(x)
    assert whole.layers[0].dense == parts.layers[0].dense, "nothing is counted outside"


def test_no_spikes_cost_no_accumulates(params: Params) -> None:
    lif = params.neurons["lif"].model_dump() | {"threshold": 1e9}
    wanted = spec(
        params, "cnn", neuron="lif", neuron_params=lif, steps=3, **encoded(params, "rate")
    )
    network = build(wanted).eval()
    counted = Counted()
    with torch.no_grad(), counting(network, wanted, counted):
        network(torch.zeros(3, 2, 33, 20))
    assert all(layer.effective == 0 for layer in counted.layers if layer.kind == "convolution")
    assert counted.layers[0].neuron_updates > 0, "but neurons are updated"


def test_every_kind_of_layer_can_be_counted() -> None:
    assert set(COUNTERS) | set(FRAME_COUNTERS) == set(get_args(Kind))


def test_a_module_without_layers_cannot_be_counted(params: Params) -> None:
    with (
        pytest.raises(SpikesoundError, match=r"Linear: expected a network with a method layers"),
        counting(nn.Linear(1, 1), spec(params, "cnn"), Counted()),
    ):
        pass


class Toy(nn.Module):
    """Two linear layers over the bins, their neurons between them, mean over steps and frames."""

    def __init__(self, neuron: nn.Module) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(20, 5), neuron)
        self.readout = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.readout(self.first(x).mean((0, 2)))
        return scores

    def layers(self) -> list[Layer]:
        synapses, neuron = self.first
        return [
            Layer("hidden", "linear", self.first, "input", synapses, neuron=neuron),
            Layer("readout", "linear", self.readout, "pooled", self.readout, readout=True),
        ]


def test_a_network_of_ones_own_is_counted_by_its_layers(params: Params) -> None:
    torch.manual_seed(0)
    neuron = NEURONS["lif"](params.neurons["lif"])
    toy, outputs = Toy(neuron), []
    nn.init.constant_(toy.first[0].bias, 0.5)  # type: ignore[arg-type]
    neuron.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    wanted = spec(
        params, "cnn", neuron="lif", neuron_params=params.neurons["lif"].model_dump(), steps=3,
        **encoded(params, "rate"),
    )  # fmt: skip
    x = (torch.rand(3, 2, 7, 20, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    counted = Counted()
    with torch.no_grad(), counting(toy, wanted, counted):
        toy(x)
    layer, read = counted.layers
    assert (layer.source, layer.operation, layer.neuron) == ("spikes", "ac", "lif")
    assert layer.effective == x.sum() * 5 / 2
    assert layer.dense == 3 * 7 * 20 * 5
    assert layer.active_outputs == outputs[0].sum() / 2 > 0
    assert layer.neuron_updates == 3 * 7 * 5
    assert (read.source, read.operation, read.neuron, read.dense) == ("pooled", "mac", "none", 15)


def test_counts_survive_the_file(tmp_path: Path) -> None:
    write_layers(SPIKING, tmp_path / "a.csv")
    assert read_layers(tmp_path / "a.csv") == SPIKING
    (tmp_path / "b.csv").write_text("layer\nx\n")
    with pytest.raises(SpikesoundError, match=r"b\.csv: expected columns"):
        read_layers(tmp_path / "b.csv")
    with pytest.raises(SpikesoundError, match="no such file"):
        read_layers(tmp_path / "c.csv")


def test_every_neuron_has_a_price() -> None:
    assert not set(NEURON_PARAMS) & set(UNITS)
    for name, section in NEURON_PARAMS.items():
        assert spikes(spiking_layer(neuron=name)) == section.spikes
        assert neuron_work(spiking_layer(neuron=name))[1] > 0
    with pytest.raises(SpikesoundError, match="unknown neuron to price 'lyf'"):
        neuron_work(spiking_layer(neuron="lyf"))
    assert neuron_work(spiking_layer()) == (24, 24 + 3), "decay; threshold; a reset a spike"


def test_the_published_pair_of_speech_commands(params: Params) -> None:
    """NeuroBench's pair: 1.73 M MAC against 3.29 M AC; 7.95 and 2.96 uJ (Yik et al. 2025)."""
    macs, acs = 1_728_071.17, 3_289_834.32
    ann = replace(readout(), dense=macs, effective=macs)
    snn = replace(spiking_layer(), dense=29_030_400.0, effective=acs)
    prices = [
        price(Counts([layer], way), params.costs, "fp32_45nm", "no_reuse")
        for layer, way in ((ann, "dense"), (snn, "events"))
    ]
    assert prices[0].operations_nj / 1000 == pytest.approx(7.95, abs=0.005)
    assert prices[1].operations_nj / 1000 == pytest.approx(2.96, abs=0.005)
    assert prices[0].total_nj > prices[0].operations_nj


def test_work_by_execution() -> None:
    dense, skipping = work(readout(), "dense"), work(readout(), "zero_skipping")
    assert (dense.macs, dense.acs, dense.fetches, dense.scanned) == (6, 0, 6, 0)
    assert (skipping.macs, skipping.fetches, skipping.scanned) == (4, 4, 3)
    assert work(readout(), "events") == dense, "values are multiplied as in the twin"
    events = work(spiking_layer(), "events")
    assert (events.macs, events.acs, events.fetches, events.scanned) == (0, 35, 35, 40)
    weighted = work(spiking_layer(operation="weighted_ac"), "events")
    assert weighted.macs == 6 * 4, "each step's sums are multiplied once"


@pytest.mark.parametrize(
    ("dataflow", "weights", "inputs", "sums"),
    [
        ("no_reuse", 35, 35 + 40, 70),
        ("weight_stationary", 40 * 4, 35 + 40, 70),
        ("input_stationary", 35, 40, 70),
        ("output_stationary", 35, 35 + 200, 0),
        ("full_reuse", 40, 40, None),
    ],
)
def test_traffic_by_hand(dataflow: Dataflow, weights: int, inputs: int, sums: int | None) -> None:
    moved = traffic(spiking_layer(), Widths(8, 8, 16, 8), dataflow, "events", STATED)
    assert moved.weights == weights * 8
    assert moved.inputs == inputs, "a bit a spike, and a bit for each place looked at"
    potentials = 2 * 6 * 3  # they come back three times of four
    assert moved.states == (0 if sums is None else (sums + potentials) * 16)
    assert moved.outputs == 6 * 4
    merged = traffic(spiking_layer(merged_bits=2), Widths(8, 8, 16, 8), dataflow, "events", STATED)
    assert merged.weights == weights * 10


def test_the_sound_and_pooled_values_keep_their_width() -> None:
    few = Widths(8, 3, 16, 8)
    assert [few.input_bits(layer) for layer in SPIKING] == [8, 1, 1, 8, 8]
    assert few.input_bits(spiking_layer(source="activations")) == 3
    assert [few.output_bits(layer) for layer in SPIKING] == [1, 1, 8, 8, 8]
    assert few.weight_bits(spiking_layer(merged_bits=2)) == 10
    assert WIDE.weight_bits(spiking_layer(merged_bits=2)) == 32, "floats stay floats"


def test_sums_over_steps_are_read_and_written_at_each_but_the_first() -> None:
    assert traffic(pooling(), WIDE, "output_stationary", "events", STATED).states == 2 * 3 * 3 * 32
    assert traffic(over_frames(), WIDE, "output_stationary", "events", STATED).states == 0


def test_a_single_step_moves_no_potentials_and_kept_sums_are_moved() -> None:
    one = spiking_layer(passes=1, steps=1)
    assert traffic(one, WIDE, "output_stationary", "events", STATED).states == 0
    kept = traffic(first_layer(), WIDE, "output_stationary", "events", STATED).states
    assert kept == (2 * 10 * 3 + 10 * (1 + 4)) * 32


def test_memory_by_hand(params: Params) -> None:
    held = memory(SPIKING, Widths(8, 8, 16, 8), STATED)
    assert held.weights == 30 + 40 + 8
    potentials, kept, summed = 10 + 6, 10, 3
    assert held.states == (potentials + kept + summed) * 2
    assert held.activations == max(8 * 8 + 10, 10 + 6, 6 + 3 * 8, 3 * 8 + 8, 3 * 8 + 2 * 8) / 8
    memories = params.costs.memory
    assert access_pj(1024, memories) == pytest.approx(10), "no smaller than the smallest"
    assert access_pj(32 * 1024, memories) == pytest.approx(20)
    assert access_pj(16 * 1024, memories) == pytest.approx(np.sqrt(10 * 20))
    assert access_pj(1024 * 1024, memories) == pytest.approx(100)
    assert access_pj(1024 * 1024 + 1, memories) == memories.dram_pj


def test_energy_is_the_sum_of_its_parts_by_hand(params: Params) -> None:
    profile, memories = params.costs.profiles["fp32_45nm"], params.costs.memory
    found = energy(
        [spiking_layer()], WIDE, profile, memories, "output_stationary", "events", STATED
    )
    assert found.operations_nj == pytest.approx(35 * 0.9 / 1000)
    assert found.neurons_nj == pytest.approx((24 * 4.6 + 27 * 0.9) / 1000)
    assert found.weights_nj == pytest.approx(35 * 32 / 64 * 10 / 1000)
    assert found.inputs_nj == pytest.approx((35 + 200) / 64 * 10 / 1000)
    assert found.states_nj == pytest.approx(36 * 32 / 64 * 10 / 1000)
    assert found.outputs_nj == pytest.approx(24 / 64 * 10 / 1000)
    parts = [getattr(found, name) for name in found.__dataclass_fields__]
    assert found.total_nj == pytest.approx(sum(parts))


def test_bits_make_integer_multiplications_cheaper_and_others_not(params: Params) -> None:
    whole, real = params.costs.profiles["int8_45nm"], params.costs.profiles["fp32_45nm"]
    assert widths(whole, 8, 3) == Widths(8, 3, whole.state_bits, 8)
    assert widths(real, 8, 3) == Widths(32, 32, 32, 32)
    assert mac_pj(whole, 8, 8) == pytest.approx(0.23)
    assert mac_pj(whole, 8, 3) == pytest.approx(0.2 * 3 / 8 + 0.03)
    assert mac_pj(real, 32, 32) == pytest.approx(4.6)


def test_at_other_steps_only_what_is_done_at_each_step_grows() -> None:
    first, later, summed, framed, read = rescaled(SPIKING, 8, 1.0)
    assert (first.passes, first.steps, first.effective) == (1, 8, 60), "sums are kept"
    assert first.neuron_updates == 80
    assert (later.passes, later.effective, later.dense) == (8, 70, 400)
    assert (summed.passes, summed.steps, summed.effective) == (8, 1, 6)
    assert (framed, read) == (over_frames(), readout()), "what is done once"
    assert rescaled(SPIKING, 4, 1.0) == SPIKING
    silent = rescaled(SPIKING, 4, 0.0)
    assert silent[1].effective == 0
    assert silent[0].effective == 60, "the sound is still there"
    assert silent[2].effective == 0
    assert silent[3].effective == 6
    assert spike_rate(silent) == 0


@pytest.mark.slow
@given(st.floats(0.05, 0.95), st.integers(1, 12), st.sampled_from(get_args(Dataflow)))
def test_at_the_break_even_rate_both_need_the_same(
    level: float, steps: int, dataflow: Dataflow
) -> None:
    params = PARAMS.costs
    model = Counts(SPIKING, "events")

    def cost(layers: Sequence[LayerCounts]) -> float:
        return price(model, params, "int8_45nm", dataflow, layers=layers).total_nj

    silent, busy = (cost(rescaled(SPIKING, steps, factor)) for factor in (0.0, 4.0))
    against = silent + level * (busy - silent)
    rate = break_even_rate(SPIKING, steps, cost, against)
    assert rate is not None
    factor = rate / spike_rate(SPIKING)
    assert rate == 1 or cost(rescaled(SPIKING, steps, factor)) == pytest.approx(against)
    assert break_even_rate(SPIKING, steps, cost, silent * 0.99) is None, "dearer without a spike"


@pytest.mark.slow
def test_tables_hold_every_model_technology_and_dataflow(params: Params) -> None:
    ann = [
        replace(layer, neuron="relu", passes=1, steps=1, operation="mac") for layer in SPIKING[:2]
    ]
    models = {"ann-cnn": Counts(ann, "dense"), "snn-cnn-surrogate": Counts(SPIKING, "events")}
    energies = energy_table(models, params.costs)
    flows, technologies = get_args(Dataflow), params.costs.profiles
    assert len(energies) == (2 + 1) * len(flows) * len(technologies)
    assert set(energies["execution"]) == {"dense", "zero_skipping", "events"}
    curves = break_even_table(models, [("snn-cnn-surrogate", "ann-cnn")], params.costs)
    assert set(curves["against"]) == {"ann-cnn", "ann-cnn (zero_skipping)"}
    assert set(curves["steps"]) == set(params.costs.curve_steps)
    rates = curves["break_even_rate"].dropna()
    assert len(rates) > 10
    assert ((rates > 0) & (rates <= 1)).all()


def test_models_are_run_as_their_facts_say(params: Params) -> None:
    def asked(name: str) -> Counts:
        return counts_of(params.model(name), SPIKING, params.costs)

    assert asked("snn-cnn-surrogate") == Counts(SPIKING, "events")
    assert asked("ann-cnn") == Counts(SPIKING, "dense")
    assert asked("ann-cnn-int3") == Counts(SPIKING, "dense", 8, 3)
    assert asked("ann-cnn-sparse").execution == "zero_skipping"
    assert asked("ann-lstm").execution == "dense"
    pairs = twins(params.table())
    assert pairs[0] == ("snn-cnn-surrogate", "ann-cnn")
    assert ("snn-cnn-surrogate", "ann-cnn-int3") in pairs
