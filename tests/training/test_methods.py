"""Training methods: what each promises, on toy clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from toy_clips import TRAINED, base_spec, job, long, spec, toy

from spikesound.core.bitpack import pack
from spikesound.core.errors import SpikesoundError
from spikesound.features.encoded import encode_clip
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.folding import fold
from spikesound.models.layers import hidden
from spikesound.models.networks.cnn import CNN
from spikesound.models.spec import Spec
from spikesound.models.spec_checks import check_spec
from spikesound.params import METHOD_PARAMS, EncodingParams, Params
from spikesound.snn.encoding import ENCODINGS
from spikesound.snn.neurons import NEURONS, SpikingNeuron
from spikesound.snn.neurons.spiking import carried
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.snn.quantisation.weights import fake_quantise, synapses
from spikesound.training.job import Job
from spikesound.training.methods import METHODS
from spikesound.training.methods.convert import convert, train_source
from spikesound.training.methods.percentiles import percentiles
from spikesound.training.methods.presentations import present, presented_clips, presented_spec
from spikesound.training.methods.surrogate import Backpropagation
from spikesound.training.scores import clip_scores


def test_registry_and_parameters_name_the_same_methods() -> None:
    assert set(METHODS) == set(METHOD_PARAMS)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_every_method_learns_saves_and_loads(name: str, params: Params, tmp_path: Path) -> None:
    torch.manual_seed(0)
    wanted = long(params, tmp_path, name)
    if wanted.method.starts_from:
        before = replace(wanted, resume=tmp_path / "base.pt", spec=base_spec(wanted))
        wanted = replace(wanted, base=METHODS["backprop"](before).network)
    trained = METHODS[name](wanted)
    clips = presented_clips(wanted.validation, trained.spec)
    scores = clip_scores(trained.network, clips, 5)
    hits = (scores.argmax(1) == clips.present.argmax(1)).mean()
    assert hits == trained.result["validation_accuracy"]
    assert hits > 0.8
    file.save(tmp_path / file.WEIGHTS, trained.spec, trained.network)
    spec, again = file.load(tmp_path)
    assert spec == trained.spec
    assert np.array_equal(clip_scores(again, clips, 5), scores)
    spikes = any(isinstance(module, SpikingNeuron) for module in again.modules())
    assert spikes == wanted.method.spiking


def gradients(network: CNN, wanted: Job, x: torch.Tensor) -> dict[str, torch.Tensor]:
    network.zero_grad()
    targets = torch.eye(2)[torch.arange(x.shape[1]) % 2]
    Backpropagation(wanted).backward(network, x, (targets,), wanted.fabric.backward)
    return {
        name: cast(torch.Tensor, parameter.grad).clone()
        for name, parameter in network.named_parameters()
        if parameter.grad is not None
    }


def surrogate(params: Params, **changes: object) -> Job:
    return job(params, Path(), kind="surrogate", **changes)


def spiking(params: Params, **changes: object) -> CNN:
    torch.manual_seed(3)
    network = build(spec(params, spiking=True).model_copy(update={"steps": 6} | changes))
    assert isinstance(network, CNN)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.fill_(8.0)  # so that all layers spike
    return network.eval()


def with_network(spec: Spec, **changes: object) -> Spec:
    return spec.model_copy(update={"network_params": spec.network_params | changes})


X = (torch.rand(6, 4, 12, 16, generator=torch.Generator().manual_seed(1)) < 0.4).float()


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["rate", "membrane_sum", "first_spike"])
@pytest.mark.parametrize("rate", [None, 0.05])
def test_one_chunk_is_the_whole(readout: str, rate: float | None, params: Params) -> None:
    network = spiking(params, readout=readout)
    whole = gradients(network, surrogate(params, target_rate=rate), X)
    piece = gradients(network, surrogate(params, target_rate=rate, truncate_steps=6), X)
    assert set(whole) == set(piece)
    assert all(value.abs().max() > 0 for name, value in whole.items() if "convolution" in name)
    for name, value in whole.items():
        assert torch.allclose(piece[name], value, atol=1e-5 * float(value.abs().max())), name


def test_chunks_give_the_gradients_of_states_cut_between_them(params: Params) -> None:
    network = spiking(params)
    pieces = gradients(network, surrogate(params, truncate_steps=2), X)
    whole = gradients(network, surrogate(params), X)
    # The definition: one graph over all pieces, whose states are detached between them.
    network.zero_grad()
    with carried(network):
        summaries = [network.summary(part, 2) for part in X.split(2)]
    loss = nn.functional.cross_entropy(network.scores(summaries), torch.eye(2)[[0, 1, 0, 1]])
    loss.backward()
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            largest = float(parameter.grad.abs().max())
            assert torch.allclose(pieces[name], parameter.grad, atol=1e-5 * largest), name
    first = "blocks.0.convolution.weight"
    assert not torch.allclose(pieces[first], whole[first], rtol=1e-3), "something was cut off"


def test_batch_norms_count_a_batch_in_chunks_once(params: Params) -> None:
    network = spiking(params).train()
    gradients(network, surrogate(params, truncate_steps=3), X)
    counts = [int(value) for name, value in network.named_buffers() if name.endswith("tracked")]
    assert counts == [2, 2], "two chunks, once each"


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.sampled_from(["lif", "integrate_and_fire", "alif", "cuba_lif"]))
def test_carried_chunks_spike_as_the_whole(size: int, name: str) -> None:
    params = Params.load(Path(__file__).parents[2] / "params.yaml")
    neuron = NEURONS[name](params.neurons[name])
    currents = torch.rand(6, 3, 5, generator=torch.Generator().manual_seed(size)) * 1.5
    whole = neuron(currents)
    assert 0 < whole.mean() < 1
    with carried(neuron):
        parts = torch.cat([neuron(part) for part in currents.split(size)])
    assert torch.equal(parts, whole)
    assert torch.equal(neuron(currents), whole), "afterwards from rest again"


@pytest.mark.slow
def test_the_activity_target_is_approached(params: Params, tmp_path: Path) -> None:
    def rate(**changes: object) -> float:
        torch.manual_seed(0)
        trained = METHODS["surrogate"](long(params, tmp_path, "surrogate", **changes))
        (tmp_path / "resume.pt").unlink()
        layers: list[float] = []
        for module in trained.network.modules():
            if isinstance(module, SpikingNeuron):
                module.register_forward_hook(lambda m, i, out: layers.append(float(out.mean())))
        clip_scores(trained.network, toy(spikes=True), 50)
        return max(layers)

    assert rate(target_rate=0.02, rate_weight=500.0) < 0.5 * rate()


@pytest.mark.slow
@pytest.mark.parametrize("bits", [4, 8])
def test_few_bit_weights_are_what_is_validated_and_kept(
    bits: int, params: Params, tmp_path: Path
) -> None:
    trained = METHODS["surrogate"](long(params, tmp_path, "surrogate", weight_bits=bits))
    for weight in synapses(trained.network).values():
        assert torch.allclose(fake_quantise(weight, bits), weight, atol=1e-6)  # type: ignore[arg-type]
        assert len(weight[0].unique()) <= 2**bits - 1
    clips = toy(spikes=True).select(np.arange(32, 48))
    hits = (clip_scores(trained.network, clips, 5).argmax(1) == clips.present.argmax(1)).mean()
    assert hits == trained.result["validation_accuracy"]


def test_folding_leaves_the_scores_as_they_were(params: Params) -> None:
    for pool in ("average", "stride", "outputs"):
        torch.manual_seed(0)
        plain = spec(params)
        network = build(with_network(plain, pool=pool))
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    for value in (module.weight, module.bias, module.running_mean):
                        assert value is not None
                        value.uniform_(-1, 1)
        x = torch.rand(1, 3, 12, 16)
        network.eval()
        before = network(x)
        fold(network)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        assert torch.allclose(network(x), before, atol=1e-5)


@pytest.mark.parametrize("name", ["convert", "qcfs"])
def test_maximum_pooling_is_refused_before_training(
    name: str, params: Params, tmp_path: Path
) -> None:
    wanted = job(params, tmp_path, kind=name)

    def trained(epoch: dict[str, float]) -> None:
        raise AssertionError("an epoch was trained")

    with pytest.raises(SpikesoundError, match="'max' does not let a batch norm be folded"):
        METHODS[name](replace(wanted, spec=with_network(wanted.spec, pool="max"), report=trained))


@pytest.mark.slow
def test_a_converted_network_counts_what_its_twin_computes(params: Params, tmp_path: Path) -> None:
    """Under a steady input, with as many levels as steps, and one hidden layer: exactly."""
    steps = 8
    wanted = long(params, tmp_path, "qcfs", levels=steps)
    clips = toy()
    wanted = replace(
        wanted,
        spec=with_network(wanted.spec, channels=[6]).model_copy(update={"steps": steps}),
        training=clips.select(np.arange(32)),
        validation=clips.select(np.arange(32, 48)),
        step_values=(1.0,),
    )
    torch.manual_seed(0)
    source = train_source(wanted, "quantised_relu", {"levels": steps})
    twin = clip_scores(source.network, clips, 16)

    def scales(network: nn.Module) -> list[float]:
        return [cast(QCFS, layer.neuron).scale.item() for layer in hidden(network)]

    converted = convert(wanted, source, scales)
    assert np.allclose(clip_scores(converted.network, clips, 16), twin, atol=1e-3)
    assert twin.std() > 0.1


@pytest.mark.slow
def test_with_many_steps_deep_converted_networks_come_near_their_twins(
    params: Params, tmp_path: Path
) -> None:
    clips = toy()
    wanted = long(params, tmp_path, "convert")
    wanted = replace(
        wanted,
        spec=with_network(wanted.spec, channels=[6, 6, 6]).model_copy(update={"steps": 128}),
        training=clips.select(np.arange(32)),
        validation=clips.select(np.arange(32, 48)),
        step_values=(1.0,),
    )
    torch.manual_seed(0)
    source = train_source(wanted, "relu", {})
    twin = clip_scores(source.network, clips, 16)
    converted = convert(wanted, source, lambda network: percentiles(network, clips, 100.0, 48))
    error = np.abs(clip_scores(converted.network, clips, 16) - twin).mean()
    assert error < 0.1 * twin.std()


@pytest.mark.slow
@pytest.mark.parametrize("code", ["latency", "phase"])
def test_more_presentations_of_a_code_come_nearer_to_the_twin(
    code: str, params: Params, tmp_path: Path
) -> None:
    """And the file of the network carries them: what encodes for it presents the code as often."""
    values, encoding = toy(), params.encodings[code]
    coded = [
        encode_clip(torch.from_numpy(each[0].astype(np.float32)), code, encoding, seed=0, clip="")
        for each in values.inputs
    ]
    clips = replace(values, inputs=pack(torch.stack(coded).numpy()))
    wanted = long(params, tmp_path, "convert")
    spec = with_network(wanted.spec, channels=[6, 6]).model_copy(
        update={"steps": encoding.steps, "encoding": code,
                "encoding_params": encoding.model_dump()}
    )  # fmt: skip
    wanted = replace(
        wanted,
        spec=spec,
        training=clips.select(np.arange(32)),
        validation=clips.select(np.arange(32, 48)),
        step_values=tuple(ENCODINGS[code].step_values(encoding).tolist()),
    )
    torch.manual_seed(0)
    source = train_source(wanted, "relu", {})
    values_of_twin = clips.decoded(wanted.step_values)
    twin = clip_scores(source.network, values_of_twin, 16)
    once = convert(wanted, source, lambda network: percentiles(network, values_of_twin, 100.0, 48))
    errors = []
    for presentations in (1, 4, 16):
        found = present(once, wanted, presentations)
        presented = presented_clips(clips, found.spec)
        errors.append(np.abs(clip_scores(found.network, presented, 16) - twin).mean())
        assert found.spec.steps == presented.inputs.shape[1] == presentations * encoding.steps
        check_spec(found.spec, "here")
        section = found.spec.encoding_section()
        first = encode_clip(
            torch.from_numpy(values.inputs[0, 0].astype(np.float32)),
            str(found.spec.encoding), cast(EncodingParams, section), seed=0, clip="",
        ).numpy()  # fmt: skip
        assert (pack(first) == presented.inputs[0]).all(), "as a sound is encoded for it"
    assert errors[0] > 2 * errors[1] > 2 * errors[2], errors


def test_direct_coding_is_presented_by_more_steps(params: Params, tmp_path: Path) -> None:
    spec = job(params, tmp_path, kind="convert").spec
    direct = spec.model_copy(
        update={"steps": 4, "encoding": "direct", "encoding_params": {"steps": 4}}
    )
    more = presented_spec(direct, 8)
    assert (more.steps, more.encoding, more.encoding_params) == (32, "direct", {"steps": 32})
    assert presented_clips(values := toy(), more) is values


@pytest.mark.slow
@given(st.floats(-3, 6), st.integers(1, 16), st.floats(0.1, 4))
def test_qcfs_is_the_nearest_level_within_its_range(x: float, levels: int, scale: float) -> None:
    activation = QCFS(levels, scale)
    value = activation(torch.tensor([x])).item()
    grid = scale * np.arange(levels + 1) / levels
    assert np.abs(grid - value).min() < 1e-5
    assert abs(value - min(max(x, 0), scale)) <= scale / levels / 2 + 1e-4


def test_qcfs_passes_gradients_through_its_floor() -> None:
    activation = QCFS(4, 1.0)
    x = torch.tensor([-0.6, 0.3, 0.6, 1.7], requires_grad=True)
    activation(x).sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, torch.tensor([0.0, 1.0, 1.0, 0.0]))
    assert activation.log_scale.grad is not None
    assert activation.log_scale.grad > 0, "what is clipped asks for a larger scale"


def test_decoded_clips_are_what_their_spikes_are_worth() -> None:
    clips = toy(4, spikes=True)
    worth = (0.5, 0.25, 0.125)
    values = clips.decoded(worth)
    assert not values.spikes
    expected = np.tensordot(np.array(worth), clips.batch(np.arange(4)).transpose(1, 0, 2, 3), 1)
    assert np.allclose(values.batch(np.arange(4))[:, 0], expected)
    direct = toy(4)
    assert direct.decoded((1.0,)) is direct, "values are worth themselves"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["phase", "latency"])
def test_weights_of_phases_are_a_part_of_the_network(
    encoding: str, params: Params, tmp_path: Path
) -> None:
    values = (0.5, 0.25, 0.125)
    section = params.encodings[encoding].model_dump() | {"steps": 3}
    section |= {"phases": 3} if encoding == "phase" else {}
    wanted = job(params, tmp_path, kind="surrogate")
    changed = wanted.spec.model_copy(update={"encoding": encoding, "encoding_params": section})
    trained = METHODS["surrogate"](replace(wanted, spec=changed, step_values=values))
    assert trained.spec.step_weights == ([1.5, 0.75, 0.375] if encoding == "phase" else None)
