"""Networks over frames: slow references of their scores, time axes, counts, refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from network_specs import encoded, spec, spiking
from test_layers import shifted

from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.costs.layer import LayerCounts
from spikesound.models.build import build
from spikesound.models.layers import layers_of
from spikesound.models.networks.sequence import SequenceNetwork
from spikesound.params import Params
from spikesound.snn.decoding import READOUTS
from spikesound.training.methods.convert import check_convertible

NAMES = ["srnn", "delayed"]


def section(params: Params, name: str, **changes: Any) -> dict[str, Any]:
    return params.networks[name].model_dump() | {"hidden": [7, 5], "dropout": 0.0} | changes


def network(params: Params, name: str, neuron: str = "lif", **changes: Any) -> SequenceNetwork:
    torch.manual_seed(0)
    changes = {"network_params": section(params, name)} | changes
    values = params.neurons[neuron].model_dump()
    made = build(spiking(params, name, **changes).with_neuron(neuron, values, steps=1))
    assert isinstance(made, SequenceNetwork)
    shifted(made)
    return made


def slow_scores(made: SequenceNetwork, x: torch.Tensor) -> torch.Tensor:
    """Step by step and layer by layer, by the definitions."""
    frames = x[0].transpose(0, 1)
    for layer in made.hidden:
        synapses: Any = layer.synapses
        neuron: Any = layer.neuron
        norm: Any = layer.norm
        state, out = neuron.initial_state(torch.zeros(x.shape[1], layer.features)), []
        for t in range(len(frames)):
            if hasattr(synapses, "delays"):
                current = torch.zeros(x.shape[1], layer.features)
                delays = synapses.delays.round().long().expand(layer.features, -1)
                for i in range(frames.shape[2]):
                    for j in range(layer.features):
                        if t >= delays[j, i]:
                            late = frames[t - delays[j, i], :, i]
                            current[:, j] += synapses.weight[j, i] * late
            else:
                current = frames[t] @ synapses.weight.T
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            current = (current - norm.running_mean) * scale + norm.bias
            spikes, state = neuron.step(current, state)
            out.append(spikes)
        frames = torch.stack(out)
    return made.readout(frames.mean(0))


@pytest.mark.slow
@pytest.mark.parametrize("neuron", ["lif", "se_adlif", "silif", "alif"])
@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_a_slow_reference(name: str, neuron: str, params: Params) -> None:
    made = network(params, name, neuron)
    x = torch.rand(1, 2, 12, 20, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(made(x), slow_scores(made, x), atol=1e-4)


@pytest.mark.parametrize("readout", list(READOUTS))
def test_any_readout_reads_the_frames(readout: str, params: Params) -> None:
    made = network(params, "srnn", readout=readout)
    scores = made(torch.rand(1, 3, 12, 20))
    assert scores.shape == (3, 3)
    assert torch.isfinite(scores).all()


def test_the_softmax_over_time_by_hand() -> None:
    membrane = torch.tensor([[[0.0, 0.0]], [[0.0, 2.0]]])
    first = 1 / (1 + torch.tensor(2.0).exp().item())
    expected = [0.5 + first, 0.5 + 1 - first]
    assert READOUTS["membrane_softmax"](membrane)[0].tolist() == pytest.approx(expected)


def test_steps_of_a_frame_follow_one_another(params: Params) -> None:
    made = build(
        spiking(params, "srnn", network_params=section(params, "srnn"), **encoded(params, "rate"))
    )
    assert isinstance(made, SequenceNetwork)
    x = torch.arange(3 * 2 * 4 * 20.0).view(3, 2, 4, 20)
    sequence = made.sequence(x)
    assert sequence.shape == (12, 2, 20)
    assert torch.equal(sequence[5], x[2, :, 1])
    once = made.sequence(x[:1])
    assert torch.equal(once[3], x[0, :, 1])
    assert torch.equal(once[5], x[0, :, 1])


def counts(made: SequenceNetwork, params: Params, name: str, x: torch.Tensor) -> list[LayerCounts]:
    counted = Counted()
    changes = encoded(params, "direct")
    with counting(made, spiking(params, name, **changes), counted), torch.no_grad():
        made(x)
    return counted.layers


@pytest.mark.parametrize("name", NAMES)
def test_counts_by_hand(name: str, params: Params) -> None:
    made = network(params, name)
    x = (torch.rand(1, 2, 12, 20, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    spikes: list[torch.Tensor] = []
    for layer in made.hidden:
        layer.register_forward_hook(lambda module, inputs, output: spikes.append(output))
    first, second, read = counts(made, params, name, x)
    active = [float(each.count_nonzero()) / 2 for each in spikes]
    own = [float(each[:-1].count_nonzero()) / 2 for each in spikes]
    recurrent = name == "srnn"
    assert [each.operation for each in (first, second, read)] == ["mac", "ac", "ac"]
    assert first.effective == (x.sum().item() / 2 + recurrent * own[0]) * 7
    assert second.effective == (active[0] + recurrent * own[1]) * 5
    assert read.effective == active[1] * 3
    assert (first.active_outputs, second.active_outputs) == tuple(active)
    assert first.neuron_updates == 12 * 7
    assert first.dense == 12 * 20 * 7 + recurrent * 11 * 7 * 7
    stored = 20 * 7 + 7 + (7 * 7 if recurrent else 20)
    assert first.weights == stored, "of axonal delays one is stored for each input"
    assert (first.passes, first.steps, first.neuron) == (12, 12, "lif")
    assert all(each > 0 for each in active)


@pytest.mark.parametrize("name", NAMES)
def test_a_conversion_is_refused(name: str, params: Params) -> None:
    with pytest.raises(SpikesoundError, match="cannot be converted"):
        check_convertible(build(spec(params, name)))


@pytest.mark.parametrize("kind", ["synaptic", "axonal"])
def test_folded_delays_have_a_bias_and_keep_the_delays(kind: str, params: Params) -> None:
    delays = params.networks["delayed"].model_dump()["delays"] | {"kind": kind}
    made = network(params, "delayed", network_params=section(params, "delayed", delays=delays))
    x = torch.rand(1, 2, 12, 20)
    with torch.no_grad():
        before = made(x)
        for layer in made.hidden:
            layer.fold()  # type: ignore[operator]
        assert torch.allclose(made(x), before, atol=1e-4)
    assert [layer.norm.__class__.__name__ for layer in layers_of(made)[:-1]] == ["Identity"] * 2


def test_constants_are_of_each_neuron(params: Params) -> None:
    made = network(params, "srnn", "silif")
    shapes = [tuple(layer.neuron.log_membrane.shape) for layer in made.hidden]  # type: ignore[union-attr]
    assert shapes == [(7,), (5,)]
    assert made.hidden[0].neuron.recurrent.weight.shape == (7, 7)  # type: ignore[union-attr]


def test_a_neuron_without_a_recurrent_form_is_named(params: Params) -> None:
    with pytest.raises(SpikesoundError, match="neuron with a recurrent form 'Izhikevich'"):
        network(params, "srnn", "izhikevich")
    forward = section(params, "srnn", recurrent=False)
    assert network(params, "srnn", "izhikevich", network_params=forward)(
        torch.rand(1, 2, 5, 20)
    ).shape
