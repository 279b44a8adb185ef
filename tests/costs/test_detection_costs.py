"""What a detector costs: counts against loops over synapses and NeuroBench, and their prices."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from detectors import BINS, MODELS, detector, features
from hypothesis import given
from hypothesis import strategies as st
from neurobench.metrics.workload import SynapticOperations
from neurobench.models import TorchModel
from project import ROOT
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.costs.by_frame import FrameCounts, bins_reached, mean_layers
from spikesound.costs.counting import count_frames
from spikesound.costs.power import (
    Sound,
    count_sounds,
    power_table,
    read_counts,
    silence,
    write_counts,
)
from spikesound.models.networks.detector import Detector
from spikesound.models.spec import Spec
from spikesound.params import CostParams

FRAMES = 12


def layer_inputs(network: Detector, x: torch.Tensor) -> list[tuple[nn.Module, Any, Any]]:
    """Return each counted layer with what it takes and gives, in order."""
    found: list[tuple[nn.Module, Any, Any]] = []
    memory: Any = network.memory
    inner = list(memory.layers) if hasattr(memory, "layers") else [memory]
    handles = [
        module.register_forward_hook(lambda m, a, y: found.append((m, a[0], y)))
        for module in [*network.front, *inner, network.readout]
    ]
    with torch.inference_mode():
        network(x)
    for handle in handles:
        handle.remove()
    return found


def slow(module: Any, x: torch.Tensor, y: torch.Tensor) -> list[int]:
    """Return a layer's operations of inputs that are not zero, frame by frame, of the first clip:
    a loop over all synapses of the sums as they are computed."""
    a = (x[:, 0] != 0).numpy()
    found = []
    for t in range(len(a)):
        number = 0
        if isinstance(module, nn.Linear):
            number = int(a[t].sum()) * module.out_features
        elif hasattr(module, "pool"):
            kernel = module.merged()
            for c in range(module.outputs[0]):
                for v in range(module.outputs[1]):
                    for d in range(module.inputs[0]):
                        for i in range(kernel.shape[2]):
                            for j in range(kernel.shape[3]):
                                at, u = t - i, v * module.pool + j - module.kernel // 2
                                if at >= 0 and 0 <= u < module.inputs[1]:
                                    assert kernel[c, d, i, j] != 0 or module.pool > module.kernel
                                    number += bool(a[at, d, u])
        elif hasattr(module, "convolution"):
            dilation = module.convolution.dilation[0]
            for i in range(module.convolution.kernel_size[0]):
                if t - i * dilation >= 0:
                    number += int(a[t - i * dilation].sum()) * module.outputs
        elif hasattr(module, "cells"):
            number = len(module.cells.weight_ih_l0) * (int(a[t].sum()) + module.cells.hidden_size)
        else:
            own = int((y[t - 1, 0] != 0).sum()) if t else 0
            number = len(module.currents.weight) * (int(a[t].sum()) + own)
        found.append(number)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_counts_are_those_of_a_loop_over_synapses(model: str) -> None:
    spec, network = detector(model)
    x = features(2, FRAMES)
    counts = count_frames(network, spec, x, batch_clips=1)
    given = layer_inputs(network, torch.from_numpy(x[:1].swapaxes(0, 1).copy()))
    assert len(counts) == len(given)
    for count, (module, inputs, outputs) in zip(counts, given, strict=True):
        assert count.effective[:, 0].tolist() == slow(module, inputs, outputs)
        active = torch.count_nonzero(outputs[:, 0].flatten(1), 1)
        assert count.active_outputs[:, 0].tolist() == active.tolist()
        assert count.size.outputs == outputs[0, 0].numel()
        assert count.effective.max() <= count.size.dense


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_dense_counts_are_those_of_inputs_that_are_never_zero(model: str) -> None:
    spec, network = detector(model)
    first = count_frames(network, spec, np.ones((1, FRAMES, BINS), np.float32))[0]
    assert first.effective[2:, 0].tolist() == [first.size.dense] * (FRAMES - 2)
    assert first.effective[0, 0] < first.size.dense  # of the frames before the first there are none


@given(st.integers(1, 40), st.sampled_from([1, 3, 5]), st.integers(1, 5))
def test_bins_reach_as_many_places_as_the_convolution_has(
    bins: int, kernel: int, pool: int
) -> None:
    if bins < pool:
        return
    width, places = kernel + pool - 1, bins // pool
    ones = torch.ones(1, 1, bins)
    patches = functional.pad(ones, (kernel // 2, width)).unfold(2, width, pool)[:, :, :places]
    assert bins_reached(bins, kernel, pool).sum() == patches.sum()


class Modules(nn.Module):
    """A detector as torch's own modules, which are all that NeuroBench can watch."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.blocks, self.layers = nn.ModuleList(), nn.ModuleList()
        for block in network.front:
            kernel = block.merged()
            pad, stride = (0, block.kernel // 2), (1, block.pool)
            made = nn.Conv2d(*kernel.shape[1::-1], kernel.shape[2:], stride, pad, bias=False)
            made.weight.data = kernel
            self.blocks.append(made)
        # Of one in two places NeuroBench would count both.
        self.layers.extend(copy.deepcopy(layer.convolution) for layer in network.memory.layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.permute(1, 0, 2)[:, None]
        for block, made in zip(self.network.front, self.blocks, strict=True):
            sums = made(functional.pad(x, (0, 0, block.kernel - 1, 0)))[..., : block.outputs[1]]
            x = block.neuron(block.norm(sums).permute(2, 0, 1, 3)).permute(1, 2, 0, 3)
        x = x.permute(0, 1, 3, 2).flatten(1, 2)
        heard = []
        for layer, made in zip(self.network.memory.layers, self.layers, strict=True):
            sums = layer.norm(made(functional.pad(x, (layer.before, 0))))
            x = layer.neuron(sums.permute(2, 0, 1)).permute(1, 2, 0)
            heard.append(x)
        read: torch.Tensor = self.network.readout(torch.cat(heard, 1).transpose(1, 2))
        return read


@pytest.mark.parametrize("model", ["ann-tcn", "snn-tcn"])
def test_neurobench_counts_the_same(model: str) -> None:
    spec, network = detector(model)
    x = features(2, FRAMES)
    layers = mean_layers(count_frames(network, spec, x), FRAMES)
    watched = TorchModel(Modules(network).double().eval())
    watched.register_hooks()
    with torch.no_grad():
        scores = watched(torch.from_numpy(x).double().transpose(0, 1))
    found = SynapticOperations()(watched, scores, (torch.zeros(len(x), 1), None))
    # NeuroBench calls the layers' inputs spikes where all are 0, 1 or -1: here all but the sound.
    assert found["Effective_MACs"] == sum(layer.effective_macs for layer in layers)
    assert found["Effective_ACs"] == sum(layer.effective_acs for layer in layers)


def waiting(neuron: Any, currents: Any, touched: Any, bias: Any) -> tuple[list[Any], list[int]]:
    """Run neurons (time, unit) that wait and catch up, in double precision: their spikes, and how
    many are updated in each frame. Written for LIF and ALIF at once: LIF adapts by nothing."""
    beta, theta = neuron.beta.item(), float(torch.as_tensor(neuron.threshold).detach())
    adapts = hasattr(neuron, "rho")
    rho, rise = (neuron.rho.item(), neuron.rise) if adapts else (0.0, 0.0)
    drop = theta if adapts or neuron.rule.reset == "subtract" else 0.0
    units = currents.shape[1]
    u, a, at = np.zeros(units), np.zeros(units), np.full(units, -1)
    fired = np.zeros(units, bool)
    all_spikes, numbers = [], []
    for t in range(len(currents)):
        now = touched[t] | fired | (u > theta) | (bias > (1 - beta) * theta)
        n = np.where(now, t - at - 1, 0)  # frames without an input that went by
        u = np.where(now, beta**n * u + bias * (1 - beta**n) / (1 - beta), u)
        a = np.where(now, rho**n * a, a)
        a = np.where(now, rho * a + fired, a)
        u = np.where(now, beta * u + currents[t] - drop * fired, u)
        at = np.where(now, t, at)
        fired = now & (u > theta + rise * a)
        all_spikes.append(fired)
        numbers.append(int(now.sum()))
    return all_spikes, numbers


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reset", ["subtract", "none"])
@pytest.mark.parametrize("model", ["snn-tcn", "snn-alif"])
def test_neurons_that_wait_spike_as_those_that_do_not(model: str, reset: str, seed: int) -> None:
    spec, network = detector(model, seed, reset=reset)
    x = features(1, 40, seed=seed)
    counts = count_frames(network, spec, x)
    given = layer_inputs(network, torch.from_numpy(x.swapaxes(0, 1).copy()))[:-1]
    fewer = 0
    for count, (module, inputs, outputs) in zip(counts, given, strict=False):
        norm = module.norm
        bias = norm.bias - norm.running_mean * norm.weight / (norm.running_var + norm.eps) ** 0.5
        with torch.no_grad():
            if hasattr(module, "convolution"):
                padded = torch.cat([torch.zeros_like(module.rest(1)[0]), inputs])
                currents = module.currents(padded)
            else:
                own = torch.cat([torch.zeros_like(outputs[:1]), outputs[:-1]])
                currents = module.norm(module.currents(inputs)[:, 0])[:, None]
                currents = currents + module.neuron.recurrent(own)
        places = outputs[0, 0].numel() // len(bias)
        still = bias.detach().repeat_interleave(places).double().numpy()
        flat = currents.reshape(len(x[0]), -1).double().numpy()
        # Random weights never cancel: where the current is the shift alone, there is no input.
        touched = np.abs(flat - still) > 1e-6
        spikes, numbers = waiting(module.neuron, np.where(touched, flat, still), touched, still)
        assert np.array_equal(spikes, outputs.reshape(len(spikes), -1).numpy() > 0)
        assert count.lazy_updates[:, 0].tolist() == numbers
        fewer += sum(numbers) < flat.size
    assert fewer


@pytest.mark.parametrize(("model", "gates", "biases"), [("ann-gru", 3, 4), ("ann-lstm", 4, 4)])
def test_gated_cells_store_the_biases_that_cannot_be_merged(
    model: str, gates: int, biases: int
) -> None:
    """A GRU keeps both of its candidate state: tanh(W x + b + r (V h + c))."""
    spec, network = detector(model)
    count = count_frames(network, spec, np.zeros((1, 3, BINS), np.float32))[2]
    memory: Any = network.memory
    inputs, hidden = memory.cells.input_size, memory.cells.hidden_size
    assert count.size.kind == "recurrent"
    assert count.size.weights == hidden * (gates * (inputs + hidden) + biases)


def test_in_silence_only_neurons_that_fire_by_themselves_are_updated() -> None:
    spec, network = detector("snn-tcn")
    first: Any = network.front[0]
    nn.init.zeros_(first.norm.running_mean)
    nn.init.constant_(first.norm.bias, 0.4)  # of the 0.5 that a threshold of 1 needs at beta 0.5
    first.norm.bias.data[0] = 0.6
    count = count_frames(network, spec, np.zeros((1, 40, BINS), np.float32))[0]
    assert count.lazy_updates[:, 0].tolist() == [first.outputs[1]] * 40
    assert count.active_outputs[:, 0].sum() > 0
    nn.init.constant_(first.norm.bias, 0.4)
    count = count_frames(network, spec, np.zeros((1, 40, BINS), np.float32))[0]
    assert count.lazy_updates.sum() == count.active_outputs.sum() == count.effective.sum() == 0


def costs() -> CostParams:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return CostParams.model_validate(params["costs"])


def power(network: Detector, spec: Spec, sounds: Mapping[str, Sound]) -> pd.DataFrame:
    counts = count_sounds(network, spec, sounds)
    return power_table(spec.model, counts, costs(), spiking=spec.spiking)


@pytest.mark.slow
def test_counts_of_sounds_survive_the_file(tmp_path: Path) -> None:
    spec, network = detector("snn-alif")
    sounds = {"sound": Sound(features(1, FRAMES)), "silence": silence(BINS, 1024 / 22050, 2.0)}
    counts = count_sounds(network, spec, sounds)
    assert [(each.sound, each.lazy) for each in counts] == [
        (sound, lazy) for sound in sounds for lazy in (False, True)
    ]
    write_counts(counts, tmp_path / "counts.csv")
    assert read_counts(tmp_path / "counts.csv") == counts


def test_power_is_that_of_the_counts_by_hand() -> None:
    spec, network = detector("snn-tcn")
    x = features(2, FRAMES)
    table = power(network, spec, {"all": Sound(x)})
    row = table[(table["profile"] == "fp32_45nm") & (table["execution"] == "events")].iloc[0]
    counts = count_frames(network, spec, x)
    rate = 22050 / 1024
    macs = counts[0].effective.mean() * rate
    acs = sum(count.effective.mean() for count in counts[1:]) * rate
    assert row["macs_per_s"] == pytest.approx(macs, rel=1e-5)
    assert row["acs_per_s"] == pytest.approx(acs, rel=1e-5)
    assert row["operations_uw"] == pytest.approx((4.6 * macs + 0.9 * acs) / 1e6, rel=1e-5)
    neurons = sum(count.size.outputs for count in counts)
    assert row["updates_per_s"] == pytest.approx(neurons * rate, rel=1e-5)
    spikes = sum(count.active_outputs.mean() for count in counts[:-1])
    assert row["spike_rate"] == pytest.approx(spikes / (neurons - counts[-1].size.outputs))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_in_silence_the_sound_costs_nothing_but_in_a_dense_network(model: str) -> None:
    spec, network = detector(model)
    sounds = {"sound": Sound(features(1, FRAMES)), "silence": silence(BINS, 1024 / 22050, 2.0)}
    table = power(network, spec, sounds)
    assert (table["total_uw"] > table["operations_uw"]).all()
    quiet, loud = (table[table["input"] == name] for name in ("silence", "sound"))
    if model.startswith("snn-"):  # only the sound is multiplied
        assert (quiet["macs_per_s"] == 0).all()
        assert (loud["macs_per_s"] > 0).all()
        assert (quiet["spike_rate"] <= loud["spike_rate"].max()).all()
    else:
        dense = [each[each["execution"] == "dense"]["total_uw"].tolist() for each in (quiet, loud)]
        assert dense[0] == dense[1]
        first = count_frames(network, spec, sounds["silence"].inputs)[0]
        assert first.effective.sum() == 0


def test_waiting_saves_neurons_and_no_synapses() -> None:
    spec, network = detector("snn-tcn")
    table = power(network, spec, {"sound": Sound(features(1, FRAMES))})
    eager, lazy = (table[table["execution"] == way] for way in ("events", "events_lazy"))
    assert eager["operations_uw"].tolist() == lazy["operations_uw"].tolist()
    assert (lazy["updates_per_s"].to_numpy() <= eager["updates_per_s"].to_numpy()).all()
    assert eager["spike_rate"].tolist() == lazy["spike_rate"].tolist()


def test_power_saved_by_waiting_is_that_by_hand() -> None:
    spec, network = detector("snn-tcn")
    x = features(1, FRAMES)
    table = power(network, spec, {"sound": Sound(x)})
    table = table[table["profile"] == "fp32_45nm"].set_index(["dataflow", "execution"])
    counts = count_frames(network, spec, x)[:-1]
    neurons = sum(count.size.outputs for count in counts)
    late = sum(float(count.lazy_updates.mean()) for count in counts)
    # An update takes 4.6 + 0.9 pJ, a late one 0.9 more; a bit put out or of state takes 10 / 64.
    saved = (neurons - late) * 5.5 - late * 0.9 + (neurons - 2 * late) * 10 / 64
    states = 2 * 32 * (neurons - 2 * late) * 10 / 64  # read and written; late, of two values each
    for dataflow, wanted in (("full_reuse", saved), ("output_stationary", saved + states)):
        eager, lazy = (table.loc[(dataflow, way), "total_uw"] for way in ("events", "events_lazy"))
        assert eager - lazy == pytest.approx(wanted * 22050 / 1024 / 1e6, rel=1e-3)


def test_only_chosen_frames_count() -> None:
    spec, network = detector("snn-tcn")
    x = features(2, FRAMES)
    counts: list[FrameCounts] = count_frames(network, spec, x)
    chosen = np.zeros((2, FRAMES), bool)
    chosen[1, 5] = True
    layers = mean_layers(counts, 1, chosen)
    assert [layer.effective for layer in layers] == [count.effective[5, 1] for count in counts]


def test_nothing_chosen_and_other_bins_are_refused() -> None:
    spec, network = detector("snn-tcn")
    counts = count_frames(network, spec, features(1, FRAMES))
    with pytest.raises(SpikesoundError, match="there must be some"):
        mean_layers(counts, 1, np.zeros((1, FRAMES), bool))
    with pytest.raises(
        SpikesoundError, match=f"expected features of shape \\(clip, frame, {BINS}\\)"
    ):
        count_frames(network, spec, features(1, FRAMES, bins=BINS + 1))
