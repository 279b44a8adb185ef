"""Counts of operations against NeuroBench's, on the same networks; differences explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from network_specs import encoded, spec, spiking
from neurobench.metrics.workload import SynapticOperations
from neurobench.models import TorchModel
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from spikesound.costs.counting import Counted, counting
from spikesound.costs.fan_out import fan_out
from spikesound.costs.layer import LayerCounts
from spikesound.models.build import build
from spikesound.models.networks.cnn import CNN, Block
from spikesound.models.networks.recurrent import GATES, Recurrent
from spikesound.models.spec import Spec
from spikesound.params import Params
from spikesound.snn.neurons import SpikingNeuron
from spikesound.snn.quantisation.weights import quantise_weights

CLIPS, FRAMES, BINS = 3, 21, 20


class Modules(nn.Module):
    """A trained CNN as torch's own modules, which are all that NeuroBench can watch."""

    def __init__(self, network: CNN, frames: int, bins: int) -> None:
        super().__init__()
        self.network = network
        self.convolutions = nn.ModuleList()
        for block in network.blocks:
            assert isinstance(block, Block)
            if isinstance(block.norm, nn.BatchNorm2d):
                block.fold()
            shape = block.grid.on(frames, bins)
            old = block.convolution
            weight = old.weight.data
            if block.grid.pool == "inputs" and not isinstance(block.neuron, SpikingNeuron):
                # Values are averaged first, as any chip with multipliers would do.
                odd, half = (bins % 2, frames % 2), block.kernel // 2
                even = nn.ZeroPad2d((0, odd[0], 0, odd[1]))
                borders = nn.ZeroPad2d((half, half - odd[0], half, half - odd[1]))
                plain = nn.Conv2d(old.in_channels, old.out_channels, old.kernel_size)  # type: ignore[arg-type]
                plain.load_state_dict(old.state_dict())
                self.convolutions.append(nn.Sequential(even, nn.AvgPool2d(2), borders, plain))
                frames, bins = shape.size
                continue
            merged = nn.Conv2d(
                old.in_channels, old.out_channels, shape.kernel, shape.stride, shape.padding
            )
            if block.grid.pool == "inputs":
                merged.weight.data = torch.kron(weight.contiguous(), torch.ones(2, 2) / 4)
            else:
                pad = [side for k in reversed(shape.kernel) for side in [k - block.kernel] * 2]
                pool = tuple(k - block.kernel + 1 for k in shape.kernel)
                padded = functional.pad(weight, pad)
                merged.weight.data = functional.avg_pool2d(padded, pool, stride=1)
            assert merged.bias is not None
            assert old.bias is not None
            merged.bias.data = old.bias.data
            self.convolutions.append(merged)
            frames, bins = shape.size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = self.network.layout.steps
        x = self.network.weighted(x).unsqueeze(2)
        for block, convolution in zip(self.network.blocks, self.convolutions, strict=True):
            time, batch = x.shape[:2]
            currents = convolution(x.flatten(0, 1)).unflatten(0, (time, batch))
            x = block.neuron(currents.expand(steps, *currents.shape[1:]))  # type: ignore[operator]
        return self.network.scores([x.sum(0).mean(-1)])


def neurobench(network: nn.Module, x: torch.Tensor, clips: int = CLIPS) -> dict[str, float]:
    """Return NeuroBench's means per clip, by double precision: its sums are floats."""
    model = TorchModel(network.double().eval())
    model.register_hooks()
    with torch.no_grad():
        scores = model(x.double())
    found: dict[str, float] = SynapticOperations()(model, scores, (torch.zeros(clips, 1), None))
    return found


def ours(network: nn.Module, wanted: Spec, x: torch.Tensor) -> list[LayerCounts]:
    counted = Counted()
    with torch.no_grad(), counting(network, wanted, counted):
        network(x)
    return counted.layers


def synapses(layers: list[LayerCounts]) -> dict[str, float]:
    with_weights = [layer for layer in layers if layer.weights]
    return {
        "Effective_MACs": sum(layer.effective_macs for layer in with_weights),
        "Effective_ACs": sum(layer.effective_acs for layer in with_weights),
        "Dense": sum(layer.dense for layer in with_weights),
    }


def trained(wanted: Spec) -> CNN:
    """Return a network whose batch norms have seen something, so that it spikes."""
    torch.manual_seed(0)
    network = build(wanted)
    assert isinstance(network, CNN)
    network.train()
    for _ in range(40):
        network(inputs(wanted.steps, spikes=False))
    return network.eval()


def inputs(steps: int, *, spikes: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(steps, CLIPS, FRAMES, BINS, generator=generator)
    if spikes:
        return (x < 0.3).float()
    return torch.where(x < 0.2, 0.0, x)


def agree(found: dict[str, float], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["average", "stride", "outputs"])
@pytest.mark.parametrize("kind", ["ann", "direct", "spikes", "weighted", "converted", "rounded"])
def test_a_cnn_is_counted_as_by_neurobench(kind: str, pool: str, params: Params) -> None:
    shape = params.networks["cnn"].model_dump() | {"channels": [4, 6, 5], "pool": pool}
    changes: dict[str, Any] = {"network_params": shape}
    if kind == "ann":
        wanted = spec(params, "cnn", **changes)
    elif kind == "rounded":
        few = {"neuron": "quantised_relu", "neuron_params": {"levels": 7}}
        wanted = spec(params, "cnn", **few, **changes)
    elif kind == "converted":
        neuron = params.neurons["integrate_and_fire"].model_dump()
        wanted = spec(
            params, "cnn", neuron="integrate_and_fire", neuron_params=neuron, steps=3,
            **encoded(params, "rate"), **changes,
        )  # fmt: skip
    elif kind == "weighted":
        changes["step_weights"] = [2.0, 0.5, 0.25]
        wanted = spiking(params, "cnn", **encoded(params, "phase"), **changes)
    else:
        coding = "direct" if kind == "direct" else "rate"
        wanted = spiking(params, "cnn", **encoded(params, coding), **changes)
    network = trained(wanted)
    binary = kind in ("spikes", "weighted", "converted")
    x = inputs(wanted.steps if binary else 1, spikes=binary)
    found = ours(network, wanted, x)
    modules = Modules(network, FRAMES, BINS)
    with torch.no_grad():
        assert torch.allclose(modules(x), network(x), atol=1e-4), "the same network"
    theirs = neurobench(modules, x)
    if kind == "weighted":
        # What NeuroBench sees is spikes times weights, which it takes for values; here the synapse
        # adds its weight, and each sum is multiplied once a step.
        mine = found[0]
        theirs["Effective_ACs"] += mine.effective
        theirs["Effective_MACs"] += mine.outputs * mine.passes - mine.effective
    if pool == "outputs" and kind in ("ann", "rounded"):
        del theirs["Dense"]  # it takes the borders for inputs: they are padded by a module
    agree(synapses(found), theirs)
    if kind != "ann" and kind != "rounded":
        assert synapses(found)["Effective_ACs"] > 0
        assert sum(layer.active_outputs for layer in found if layer.neuron != "none") > 0


@pytest.mark.slow
def test_neurobench_leaves_out_weights_of_zero_and_nothing_else(params: Params) -> None:
    wanted = spec(params, "cnn", neuron="quantised_relu", neuron_params={"levels": 7})
    network = trained(wanted)
    quantise_weights(network, 3)
    x = inputs(1, spikes=False)
    found = [layer for layer in ours(network, wanted, x) if layer.kind == "convolution"]
    # By hand: the same sums with only the weights that are not zero.
    modules = Modules(network, FRAMES, BINS)
    theirs = neurobench(nn.Sequential(modules.convolutions[0]), x[0].unsqueeze(1))
    block = network.blocks[0]
    assert isinstance(block, Block)
    kernel = (modules.convolutions[0].weight != 0).double()
    reach = fan_out(block.grid.on(FRAMES, BINS), FRAMES, BINS, kernel)
    expected = float(((x[0] != 0).double().sum(0) * reach[0]).sum()) / CLIPS
    assert theirs["Effective_MACs"] == pytest.approx(expected)
    assert theirs["Effective_MACs"] < found[0].effective_macs, "some weights are zero"


class Cells(nn.Module):
    """A recurrent network as torch's cells, its batch norm folded into them."""

    def __init__(self, network: Recurrent) -> None:
        super().__init__()
        layer, norm = network.cells, network.norm
        kinds: dict[str, Any] = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell, "RNN": nn.RNNCell}
        self.cell = kinds[type(layer).__name__](layer.input_size, layer.hidden_size)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = layer.weight_ih_l0.data
        self.cell.weight_ih.data = weight * scale
        self.cell.weight_hh.data = layer.weight_hh_l0.data
        shift = weight @ (norm.bias - scale * norm.running_mean)
        self.cell.bias_ih.data = layer.bias_ih_l0.data + shift
        self.cell.bias_hh.data = layer.bias_hh_l0.data
        self.readout = nn.Linear(layer.hidden_size, network.readout.out_features)
        self.readout.load_state_dict(network.readout.state_dict())
        self.pair = isinstance(self.cell, nn.LSTMCell)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        zero = torch.zeros(x.shape[1], self.cell.hidden_size, dtype=x.dtype)
        state: Any = (zero, zero) if self.pair else zero
        outputs = []
        for frame in x[0].unbind(1):
            state = self.cell(frame, state)
            outputs.append(state[0] if self.pair else state)
        heard = torch.stack(outputs)
        scores: torch.Tensor = self.readout(heard.mean(0) + heard.amax(0))
        return scores


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "products"),
    # Products of gates with states, in a frame and in the first one, whose states are zero: those
    # NeuroBench adds to the synapses', and we count as work of the neurons.
    [("lstm", (3, 2)), ("gru", (3, 2)), ("rnn", (0, 0))],
)
def test_recurrent_networks_are_counted_as_by_neurobench(
    cell: str, products: tuple[int, int], params: Params
) -> None:
    wanted = spec(params, cell)
    torch.manual_seed(0)
    network = build(wanted)
    assert isinstance(network, Recurrent)
    x = inputs(1, spikes=False)
    network.train()(x)
    network.eval()
    found = synapses(ours(network, wanted, x))
    cells = Cells(network)
    with torch.no_grad():
        assert torch.allclose(cells(x), network(x), atol=1e-4), "the same network"
    hidden = network.cells.hidden_size
    elementwise = hidden * (products[0] * (FRAMES - 1) + products[1])
    theirs = neurobench(cells, x)
    assert theirs["Effective_MACs"] == pytest.approx(found["Effective_MACs"] + elementwise)


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "biases"), [("lstm", 4), ("gru", 4), ("rnn", 1)])
def test_recurrent_networks_store_the_values_that_cannot_be_merged(
    cell: str, biases: int, params: Params
) -> None:
    """As many as change the outputs each in its own way: the rank of the outputs' derivatives."""
    sizes = {"hidden": 2, "layers": 1, "bidirectional": False, "dropout": 0.0}
    wanted = spec(params, cell, network_params=sizes)
    torch.manual_seed(0)
    network = build(wanted)
    assert isinstance(network, Recurrent)
    found = ours(network.eval(), wanted, inputs(1, spikes=False))[0]
    cells = network.cells.double()
    x = torch.randn(16, 8, BINS, dtype=torch.float64)
    parts = dict(cells.named_parameters())

    def outputs(*values: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = functional_call(cells, dict(zip(parts, values, strict=True)), x)[0]
        return out.flatten()

    slopes = torch.autograd.functional.jacobian(outputs, tuple(parts.values()))
    together = torch.cat([slope.flatten(1) for slope in slopes], 1)
    assert found.weights == torch.linalg.matrix_rank(together, rtol=1e-10)
    assert found.weights == 2 * (GATES[cell] * (BINS + 2) + biases)
    both = spec(params, cell, network_params=sizes | {"bidirectional": True})
    found = ours(build(both).eval(), both, inputs(1, spikes=False))[0]
    assert found.weights == 2 * 2 * (GATES[cell] * (BINS + 2) + biases)


def test_a_winner_takes_all_network_is_counted_as_by_neurobench(params: Params) -> None:
    lif = params.neurons["lif"].model_dump() | {"reset": "none"}
    wanted = spec(
        params, "cnn", network="wta", network_params={"neurons": 7, "frames": 4}, neuron="lif",
        neuron_params=lif, steps=3, **encoded(params, "rate"),
    )  # fmt: skip
    network = build(wanted).eval()
    with torch.no_grad():
        weight = torch.rand(7, 4, BINS) + 0.1
        network.weight.copy_(weight)
    x = inputs(3, spikes=True)
    patches = next(layer for layer in ours(network, wanted, x) if layer.layer == "patches")
    convolution = nn.Conv2d(1, 7, (4, BINS), bias=False)
    convolution.weight.data = weight.unsqueeze(1)
    theirs = neurobench(nn.Sequential(convolution), x.flatten(0, 1).unsqueeze(1))
    assert theirs["Effective_ACs"] == pytest.approx(patches.effective_acs)
    assert theirs["Dense"] == pytest.approx(patches.dense)


def test_a_map_is_counted_as_by_neurobench(params: Params) -> None:
    section = {"rows": 3, "columns": 4, "neurons_per_class": 2, "decay": 0.9}
    wanted = spec(
        params, "cnn", network="som", network_params=section, neuron="lif",
        neuron_params=params.neurons["lif"].model_dump(), **encoded(params, "direct"),
    )  # fmt: skip
    network = build(wanted).eval()
    with torch.no_grad():
        network.map.copy_(torch.rand(12, BINS) + 0.1)
    x = inputs(1, spikes=False)
    found = {layer.layer: layer for layer in ours(network, wanted, x)}
    layer = nn.Linear(BINS, 12)
    layer.weight.data = network.map.data
    theirs = neurobench(nn.Sequential(layer), x[0])
    assert theirs["Effective_MACs"] == pytest.approx(found["map"].effective_macs)
    assert found["readout"].effective_acs == FRAMES * 6, "one spike a frame, six reading neurons"
    assert np.isclose(found["map"].dense, FRAMES * BINS * 12)
