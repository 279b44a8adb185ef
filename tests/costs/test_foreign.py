"""Networks of other libraries: counts by hand, the twin, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.costs.foreign.accounts import PUBLISHED
from spikesound.costs.foreign.modules import reach
from spikesound.costs.foreign.result import Cost, cost_of
from spikesound.costs.foreign.run import Counted, count
from spikesound.costs.foreign.sample import Sample
from spikesound.costs.layer import LayerCounts
from spikesound.costs.neuron_work import neuron_work, states
from spikesound.costs.tables import Counts, price
from spikesound.params import Params

snntorch = pytest.importorskip("snntorch")

SPIKES = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])[:, None]
"""Three time steps of one sample with two inputs: three spikes."""


def filled(layer: Any, value: float | torch.Tensor) -> Any:
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(value).expand_as(layer.weight))
    return layer


class Leaky(nn.Module):
    """Two inputs, two neurons without a memory that pass each spike on, three that stay silent."""

    def __init__(self) -> None:
        super().__init__()
        plain = {"beta": 0.0, "reset_mechanism": "none"}
        self.fc1 = filled(nn.Linear(2, 2, bias=False), 2 * torch.eye(2))
        self.lif1 = snntorch.Leaky(**plain)
        self.fc2 = filled(nn.Linear(2, 3, bias=False), 0.25)
        self.lif2 = snntorch.Leaky(**plain)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mem1, mem2, out = self.lif1.init_leaky(), self.lif2.init_leaky(), []
        for frame in x:
            spikes, mem1 = self.lif1(self.fc1(frame), mem1)
            spikes, mem2 = self.lif2(self.fc2(spikes), mem2)
            out.append(spikes)
        return torch.stack(out).sum(0)


def by_name(layers: list[LayerCounts]) -> dict[str, LayerCounts]:
    return {layer.layer: layer for layer in layers}


def hidden(layer: LayerCounts) -> tuple[object, ...]:
    return (
        layer.source, layer.operation, layer.passes, layer.steps, layer.inputs, layer.outputs,
        layer.weights, layer.dense, layer.effective, layer.active_outputs, layer.neuron_updates,
    )  # fmt: skip


FC1 = ("spikes", "ac", 3, 3, 2, 2, 4, 12.0, 6.0, 3.0, 6.0)
FC2 = ("spikes", "ac", 3, 3, 2, 3, 6, 18.0, 9.0, 0.0, 9.0)
"""By hand: three spikes to two neurons, which spike three times, to three that do not."""


def test_a_network_of_snntorch_is_counted_by_hand() -> None:
    found = count(Leaky(), Sample(SPIKES))
    layers = by_name(found.layers)
    assert list(layers) == ["fc1", "fc2", "sum"]
    assert hidden(layers["fc1"]) == FC1
    assert hidden(layers["fc2"]) == FC2
    assert (layers["sum"].dense, layers["sum"].effective) == (9, 0), "no output spikes"
    assert (found.steps, found.samples, found.values) == (3, 1, "spikes")
    assert found.rate == 3 / 15
    assert found.classes["fc2"] == "Linear"


def test_its_twin_is_counted_by_hand() -> None:
    twin = by_name(count(Leaky(), Sample(SPIKES)).twin)
    # The mean over time, [2/3, 1/3]; twice of it after a ReLU; a quarter of the sum, three times.
    first = ("sound", "mac", 1, 1, 2, 2, 4, 4.0, 4.0, 2.0, 2.0)
    assert hidden(twin["fc1"]) == first
    assert hidden(twin["fc2"]) == ("activations", "mac", 1, 1, 2, 3, 6, 6.0, 6.0, 3.0, 3.0)
    assert {twin[name].neuron for name in ("fc1", "fc2")} == {"relu"}
    silent = SPIKES * torch.tensor([1.0, 0.0])
    skipping = by_name(count(Leaky(), Sample(silent)).twin)
    assert (skipping["fc1"].effective, skipping["fc2"].effective) == (2, 3), "zeros are left out"
    assert skipping["fc2"].dense == 6


def test_the_twin_of_a_loop_over_a_fixed_number_of_steps_is_that_of_one_step() -> None:
    class Fixed(Leaky):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(torch.stack([x[step] for step in range(3)]))

    expected, found = (by_name(count(net, Sample(SPIKES)).twin) for net in (Leaky(), Fixed()))
    assert list(found) == list(expected)
    for name, layer in expected.items():
        assert hidden(found[name]) == hidden(layer), name


def test_prices_are_those_of_the_counts_by_hand() -> None:
    found = cost_of(Leaky(), Sample(SPIKES))
    layers = [layer for layer in found.counted.layers if layer.layer != "sum"]
    energy = price(Counts(layers, "events"), PUBLISHED, "fp32_45nm", "output_stationary")
    assert energy.operations_nj == pytest.approx(15 * 0.9 / 1000)
    assert energy.neurons_nj == pytest.approx((15 * 4.6 + (15 + 3) * 0.9) / 1000)
    accounts = found.energies()
    assert len(accounts) == len(PUBLISHED.profiles) * 5
    for row in accounts.to_dict("records"):
        own = price(found.models["network"], PUBLISHED, row["profile"], row["dataflow"])
        assert row["network_nj"] == pytest.approx(own.total_nj, abs=5e-4)
        twin = price(found.models["twin"], PUBLISHED, row["profile"], row["dataflow"])
        assert row["twin_dense_nj"] == pytest.approx(twin.total_nj, abs=5e-4)
        assert row["twin_zero_skipping_operations_nj"] <= row["twin_dense_operations_nj"]


def test_the_published_technologies_are_those_of_the_project(params: Params) -> None:
    ours, theirs = PUBLISHED.model_dump(), params.costs.model_dump()
    for sources in (ours, theirs):
        sources["memory"].pop("source")
        sources["memory"].pop("leakage_source")
        sources.pop("zero_skipping")  # names of the project's models
        sources.pop("accounts")  # of which `cost` has the stated one alone
        for profile in sources["profiles"].values():
            profile.pop("source")
    assert ours == theirs


def test_counts_are_means_over_the_batch() -> None:
    three = torch.cat([SPIKES, torch.ones_like(SPIKES), torch.zeros_like(SPIKES)], 1)
    alone = [count(Leaky(), Sample(three[:, i : i + 1])).layers for i in range(3)]
    for layer, *parts in zip(count(Leaky(), Sample(three)).layers, *alone, strict=True):
        assert layer.effective == pytest.approx(sum(p.effective for p in parts) / 3)
        assert layer.active_outputs == pytest.approx(sum(p.active_outputs for p in parts) / 3)
        assert layer.dense == parts[0].dense


def test_hidden_states_of_snntorch_step_by_step_give_the_same_counts() -> None:
    plain: dict[str, Any] = {"beta": 0.0, "reset_mechanism": "none", "init_hidden": True}
    one = Leaky()
    network = nn.Sequential(one.fc1, snntorch.Leaky(**plain), one.fc2, snntorch.Leaky(**plain))
    network(torch.ones(1, 2))  # what it remembers is not of the sample
    found = count(network, Sample(SPIKES, each_step=True))
    assert [hidden(layer) for layer in found.layers] == [FC1, FC2]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_network_of_spikingjelly_is_counted_by_hand(at_once: bool) -> None:
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import functional as jelly
    from spikingjelly.activation_based import layer, neuron

    network = nn.Sequential(
        filled(layer.Conv2d(1, 1, 3, padding=1, bias=False), 2.0), layer.BatchNorm2d(1),
        neuron.IFNode(), layer.MaxPool2d(3), layer.Flatten(),
        filled(layer.Linear(1, 2, bias=False), 0.1), neuron.LIFNode(),
    )  # fmt: skip
    jelly.set_step_mode(network, "m" if at_once else "s")
    x = torch.zeros(2, 1, 1, 3, 3)
    x[0, 0, 0, 1, 1] = x[1, 0, 0, 0, 0] = 1  # the centre reaches 9 places, the corner 4
    found = by_name(count(network, Sample(x, each_step=not at_once)).layers)
    convolution = ("spikes", "ac", 2, 2, 9, 9, 9 + 1, 2 * 49.0, 13.0, 13.0, 18.0)
    assert hidden(found["0"]) == convolution, "the batch norm is folded: a bias"
    assert found["0"].neuron == "integrate_and_fire"
    assert (found["3"].dense, found["3"].effective) == (2 * 8, 13), "a comparison fewer than places"
    assert hidden(found["5"]) == ("spikes", "ac", 2, 2, 1, 2, 2, 4.0, 4.0, 0.0, 4.0)
    assert found["5"].neuron == "lif"


@pytest.mark.slow
def test_a_network_of_norse_is_counted_by_hand() -> None:
    norse = pytest.importorskip("norse.torch")
    one = Leaky()
    network = norse.SequentialState(one.fc1, norse.IAFCell(), one.fc2, norse.LICell())
    found = count(network, Sample(SPIKES, each_step=True))
    first, last = found.layers
    assert hidden(first) == FC1
    assert first.neuron == "integrate_and_fire"
    assert (last.effective, last.neuron_updates, last.neuron) == (9, 9, "current_li")
    assert neuron_work(last) == (18, 0), "synapse and membrane decay at each step"
    assert states(last) == 2
    assert [layer.neuron for layer in found.twin] == ["relu", "none"]


def test_norse_over_time_and_step_by_step_give_the_same_counts() -> None:
    norse = pytest.importorskip("norse.torch")
    torch.manual_seed(0)
    first, second = nn.Linear(6, 20), nn.Linear(20, 4)
    x = (torch.rand(30, 2, 6) < 0.5).float()
    filled(first, 3 * first.weight.detach())
    stepwise = norse.SequentialState(first, norse.LIFCell(), second, norse.LIFCell())
    whole = norse.SequentialState(norse.Lift(first), norse.LIF(), norse.Lift(second), norse.LIF())
    one = count(stepwise, Sample(x, each_step=True))
    other = count(whole, Sample(x))
    assert [hidden(a) for a in one.layers] == [hidden(b) for b in other.layers]
    assert one.layers[0].active_outputs > 0
    assert one.layers[1].effective == one.layers[0].active_outputs * 4
    assert one.layers[0].neuron == "cuba_lif"
    assert [hidden(a) for a in one.twin] == [hidden(b) for b in other.twin]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(2, 3, 3, stride=2, padding=1),
        nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
        nn.Conv2d(2, 3, 3, padding="same"),
        nn.Conv3d(2, 3, 2),
    ],
)
def test_each_spike_is_counted_with_the_synapses_that_it_reaches(layer: Any) -> None:
    size = (7, 6, 5)[: len(layer.kernel_size)]
    ones = filled(type(layer)(**arguments(layer)), 1.0)
    every = torch.eye(2 * torch.Size(size).numel()).view(-1, 2, *size)
    with torch.no_grad():
        expected = ones(every).flatten(1).sum(1)  # what a spike alone adds to sums of ones
    out = list(ones(every[:1]).shape[2:])
    each = layer.out_channels // layer.groups
    found = reach(list(size), out, layer).expand(2, *size).flatten() * each
    assert torch.equal(found, expected.double())


def arguments(layer: Any) -> dict[str, Any]:
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation")
    return {name: getattr(layer, name) for name in names} | {"groups": layer.groups, "bias": False}


def test_constant_values_are_multiplied_once() -> None:
    values = torch.tensor([[0.6, 0.0]])
    once = count(Leaky(), Sample(values.expand(4, 1, 2), values="constant", layout="tb"))
    first = by_name(once.layers)["fc1"]
    assert (first.operation, first.passes, first.steps) == ("mac", 1, 4)
    assert (first.dense, first.effective, first.active_outputs) == (4, 2, 4)
    each = by_name(count(Leaky(), Sample(values.expand(4, 1, 2))).layers)["fc1"]
    assert (each.operation, each.passes, each.dense, each.effective) == ("mac", 4, 16, 8)


class Between(nn.Module):
    """A neuron, and something between it and the next layer."""

    def __init__(self, between: Any) -> None:
        super().__init__()
        self.lif = snntorch.Leaky(beta=0.5)
        self.between = between
        self.fc = filled(nn.Linear(4, 2, bias=False), 1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mem, out = self.lif.init_leaky(), []
        for frame in x:
            spikes, mem = self.lif(3 * frame, mem)
            out.append(self.fc(self.between(spikes)))
        return torch.stack(out)


@pytest.mark.parametrize(
    ("between", "operation"),
    [
        (lambda s: s.flatten(1), "ac"),
        (lambda s: torch.cat([s[:, 2:], s[:, :2]], 1).reshape(1, 4), "ac"),
        (lambda s: functional.pad(s[:, 1:], (1, 0)), "ac"),
        (lambda s: s * 0.5, "mac"),
        (lambda s: s + s, "mac"),
        (nn.AvgPool1d(1), "mac"),
        (nn.Dropout(0.5), "ac"),
    ],
)
def test_whether_a_synapse_multiplies_follows_from_where_its_input_is_from(
    between: Any, operation: str
) -> None:
    x = torch.ones(3, 1, 4)
    found = by_name(count(Between(between), Sample(x)).layers)
    assert found["fc"].operation == operation
    assert found["fc"].effective > 0
    assert (found["mul"].operation, found["mul"].dense >= 12) == ("mac", True), "three times x"


def test_pooling_by_function_and_by_module_is_counted_by_hand() -> None:
    class Pooled(nn.Module):
        def __init__(self, one: Any, other: Any) -> None:
            super().__init__()
            self.one, self.other, self.lif = one, other, snntorch.Leaky(0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = torch.zeros(len(x), 1, 1, 2)
            for step, frame in enumerate(x):
                spikes, _ = self.lif(2 * self.one(frame), torch.zeros(()))
                kept[step] = self.other(spikes)
            return kept.sum(0)

    def first(x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool1d(x, 2, ceil_mode=True)

    def second(x: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool1d(x, 2, ceil_mode=True)

    x = torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 0, 0, 1]])[:, None, None]
    modules = nn.MaxPool1d(2, ceil_mode=True), nn.AvgPool1d(2, ceil_mode=True)
    for one, other in ((first, second), modules):
        layers = count(Pooled(one, other), Sample(x)).layers
        maximum, mean = (
            layer for layer in layers if "pool" in layer.layer or "o" in layer.layer[:1]
        )
        # Five places in three windows, the last half over the border; then three in two.
        assert (maximum.dense, maximum.effective) == (2 * (5 - 3), 2 * (5 - 3))
        assert (mean.dense, mean.effective, mean.source) == (2 * 3, 2, "spikes")
        assert by_name(layers)["sum"].dense == 4, "what was written into a tensor is followed"


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Linear(4, 4), snntorch.RLeaky(0.5, linear_features=4)), r"'1'.*RLeaky"),
        (nn.Sequential(nn.LSTM(4, 4), snntorch.Leaky(0.5)), r"'0'.*LSTM cannot.*Conv2d"),
        (nn.Sequential(snntorch.SLSTM(4, 4)), r"SLSTM cannot be counted.*Lapicque, Leaky"),
        (nn.Sequential(snntorch.Leaky(0.5, inhibition=True)), "inhibition=True"),
        (Between(lambda s: functional.linear(s, torch.eye(4))), r"computes 'mm' itself"),
        (Between(lambda s: (s > 0).float()), r"network \(class Between\) computes 'gt' itself"),
        (Between(lambda s: torch.from_numpy(s.numpy().copy())), r"'fc'.*outside of torch"),
        (Between(lambda s: s[:, :3]), "fails on the sample"),
        (nn.Sequential(nn.Linear(4, 4), nn.ReLU()), "no spiking neuron"),
    ],
)
def test_what_cannot_be_counted_is_refused(network: nn.Module, message: str) -> None:
    with pytest.raises(SpikesoundError, match=message):
        count(network, Sample(torch.ones(3, 1, 4)))


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (Sample(torch.ones(3)), "expected axes time, batch and at least one more"),
        (Sample(torch.full((3, 1, 2), torch.nan)), "not finite"),
        (Sample(torch.full((3, 1, 2), 0.5), values="spikes"), "spikes must be 0 or 1"),
        (Sample(SPIKES, values="constant"), "not constant over time"),
        (Sample(SPIKES, "b", each_step=True), "steps must say"),
        (Sample(SPIKES, steps=4, each_step=True), "steps is for a sample of layout b"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(sample: Sample, message: str) -> None:
    with pytest.raises(SpikesoundError, match=message):
        count(Leaky(), sample)


def test_a_module_that_is_not_called_is_not_refused() -> None:
    network = Leaky()
    network.loss = nn.CrossEntropyLoss()
    assert len(count(network, Sample(SPIKES)).layers) == 3


def test_two_neurons_of_one_layer_are_counted_each() -> None:
    class Two(Leaky):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            spikes = []
            for frame in x:
                sums = self.fc1(frame)
                spikes.append(self.lif1(sums)[0] + self.lif2(sums)[0])
            return torch.stack(spikes)

    layers = by_name(count(Two(), Sample(SPIKES)).layers)
    assert (layers["fc1"].steps, layers["fc1"].neuron_updates) == (3, 6)
    assert (layers["lif2"].steps, layers["lif2"].neuron_updates) == (3, 6)
    assert (layers["lif2"].weights, layers["lif2"].outputs) == (0, 2)


def test_one_module_for_layers_of_different_sizes_is_refused() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lif = snntorch.Leaky(beta=0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            first, _ = self.lif(x[0], torch.zeros(1, 4))
            second, _ = self.lif(first[:, :2], torch.zeros(1, 2))
            return torch.as_tensor(second)

    with pytest.raises(SpikesoundError, match=r"'lif'.*called with 2 values and with 4"):
        count(Shared(), Sample(torch.ones(3, 1, 4)))


def test_counts_agree_with_neurobench() -> None:
    workload = pytest.importorskip("neurobench.metrics.workload")
    models = pytest.importorskip("neurobench.models")
    torch.manual_seed(0)
    network = Leaky()
    network.fc1, network.fc2 = nn.Linear(9, 30), nn.Linear(30, 5)
    x = (torch.rand(8, 4, 9) < 0.4).float()
    found: Counted = count(network, Sample(x))
    model = models.TorchModel(network.eval())
    model.register_hooks()
    with torch.no_grad():
        scores = model(x)
    theirs = workload.SynapticOperations()(model, scores, (torch.zeros(4, 1), None))
    ours = [layer for layer in found.layers if layer.weights]
    assert theirs["Effective_ACs"] == pytest.approx(sum(layer.effective for layer in ours))
    assert theirs["Dense"] == pytest.approx(sum(layer.dense for layer in ours))
    assert ours[1].effective > 0


def test_counts_agree_with_the_counter_of_spikingjelly() -> None:
    counters = pytest.importorskip("spikingjelly.activation_based.op_counter")
    from spikingjelly.activation_based import functional as jelly
    from spikingjelly.activation_based import layer, neuron

    torch.manual_seed(0)
    network = nn.Sequential(
        layer.Conv2d(2, 4, 3, padding=1, bias=False), neuron.IFNode(),
        layer.Conv2d(4, 5, 3, stride=2, padding=1, bias=False), neuron.LIFNode(tau=1.1),
        layer.Flatten(), layer.Linear(5 * 4 * 4, 10, bias=False), neuron.IFNode(),
    )  # fmt: skip
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(4)
    jelly.set_step_mode(network, "m")
    x = (torch.rand(4, 1, 2, 8, 8) < 0.4).float()
    layers = by_name(count(network, Sample(x)).layers)
    counter = counters.SynOpCounter()
    with torch.no_grad(), counters.DispatchCounterMode([counter]):
        network(x)
    theirs = counter.get_counts()
    for name in ("0", "2", "5"):
        assert layers[name].effective == sum(theirs[f"Sequential.{name}"].values()) > 0, name


@pytest.mark.slow
def test_the_cost_of_a_network_is_plain_values() -> None:
    import json

    found: Cost = cost_of(Leaky(), Sample(SPIKES), name="leaky")
    facts = json.loads(json.dumps(found.facts()))
    assert facts["network"] == "leaky"
    assert [layer["layer"] for layer in facts["layers"]] == ["fc1", "fc2", "sum"]
    executed = {(row["model"], row["execution"]): row for row in facts["operations"]}
    assert executed["network", "events"]["acs"] == 15
    assert executed["twin", "dense"]["macs"] == 10
    for row in facts["accounts"]:
        rate, cheaper = row["break_even_dense"], row["network_nj"] < row["twin_dense_nj"]
        assert cheaper == (rate is not None and rate > facts["spikes_per_neuron_and_step"])
