"""Spiking networks in NEST and on SANA-FE's chips: the same spikes, and the events they cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dense_network import dense
from small_models import LIF, classifier, detector, features, made

from spikesound.core.errors import SpikesoundError
from spikesound.inference.simulators.nest import run_nest
from spikesound.inference.simulators.populations import (
    Graph,
    Population,
    Projection,
    Spikes,
    graph_of,
)
from spikesound.inference.simulators.reference import (
    Reference,
    differences,
    margin,
    potentials,
    reference,
)
from spikesound.inference.simulators.sana_fe import CHIPS, relayed, run_sana_fe
from spikesound.models.loading import TrainedModel
from spikesound.params import Params

RESETS = ("subtract", "zero", "none", "integrate")


def model_of(kind: str, reset: str, params: Params) -> TrainedModel:
    """Return a small spiking network: a classifier, with pooling of outputs too, or a detector."""
    if kind == "detector":
        spec = detector("tcn", neuron=LIF | {"reset": "none"}).spec
    else:
        pool = "outputs" if kind == "pooling" else "average"
        spec = classifier("cnn", params, spiking=True, steps=8, pool=pool).spec
    if reset == "integrate":
        section = params.neurons["integrate_and_fire"].model_dump()
        return made(spec.with_neuron("integrate_and_fire", section))
    return made(spec.model_copy(update={"neuron_params": LIF | {"reset": reset}}))


def given(model: TrainedModel) -> torch.Tensor:
    if model.detects:
        return torch.from_numpy(features(frames=30))[:, None].double()
    return model.inputs(features())


def plain(graph: Graph, run: Reference) -> dict[str, Spikes]:
    """Return the spikes of a graph by its definition."""
    thresholds = {each.name: each.threshold for each in graph.populations}
    return {name: u > thresholds[name] for name, u in potentials(graph, run).items()}


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", ["classifier", "pooling", "detector"])
def test_lists_of_synapses_give_the_networks_spikes(kind: str, reset: str, params: Params) -> None:
    model = model_of(kind, reset, params)
    run = reference(model, given(model))
    graph = graph_of(model)
    assert [each.name for each in graph.populations] == list(run.spikes)
    assert differences(run, plain(graph, run)) == dict.fromkeys(run.spikes, 0)
    rates = [spikes.mean() for spikes in run.spikes.values()]
    assert 0.01 < min(rates) < max(rates) < 0.9


def test_linear_layers_are_lists_of_synapses(params: Params) -> None:
    spec = classifier("cnn", params, spiking=True, encoding="rate", steps=8).spec
    model = TrainedModel(spec, dense(26 * 16, len(spec.classes), LIF))
    run = reference(model, model.inputs(features()))
    assert differences(run, plain(graph_of(model), run)) == {"one": 0, "two": 0}
    assert run.spikes["two"].any()


def test_a_margin_is_the_distance_from_the_threshold_of_spikes_that_differ(params: Params) -> None:
    model = model_of("detector", "none", params)
    run, graph = reference(model, given(model)), graph_of(model)
    assert margin(graph, run, run.spikes) == 0, "none differs"
    name = graph.populations[1].name
    u = potentials(graph, run)[name]
    step, neuron = np.unravel_index(np.abs(u - graph.populations[1].threshold).argmin(), u.shape)
    found = {key: each.copy() for key, each in run.spikes.items()}
    found[name][step, neuron] ^= True
    near = margin(graph, run, found)
    assert near == abs(u[step, neuron] - graph.populations[1].threshold)
    found[name][0, 0] ^= True
    assert margin(graph, run, found) > near


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", ["classifier", "detector"])
def test_nest_has_the_networks_spikes(kind: str, reset: str, params: Params) -> None:
    pytest.importorskip("nest")
    model = model_of(kind, reset, params)
    run = reference(model, given(model))
    found = run_nest(graph_of(model), run)
    assert differences(run, found) == dict.fromkeys(run.spikes, 0)


def test_nest_refuses_a_decay_that_no_time_constant_has(params: Params) -> None:
    pytest.importorskip("nest")
    model = model_of("classifier", "none", params)
    with torch.no_grad():
        model.network.blocks[0].neuron.beta.zero_()  # type: ignore[union-attr,index]
    with pytest.raises(SpikesoundError, match="convolution_1: NEST needs a decay of at least"):
        run_nest(graph_of(model), reference(model, given(model)))


@pytest.mark.slow  # a chip of 128 cores with 1028 units each
@pytest.mark.parametrize(
    ("chip", "kind", "reset"),
    [
        ("loihi", "classifier", "zero"),
        ("loihi", "classifier", "subtract"),
        ("loihi", "detector", "none"),
        ("truenorth", "classifier", "integrate"),
    ],
)
def test_sana_fe_has_the_networks_spikes_and_events(
    chip: str, kind: str, reset: str, params: Params
) -> None:
    pytest.importorskip("sanafe")
    model = model_of(kind, reset, params)
    run, graph = reference(model, given(model)), graph_of(model)
    found = run_sana_fe(graph, run, chip)
    assert differences(run, found.spikes) == dict.fromkeys(run.spikes, 0)
    assert found.steps == run.steps + len(run.spikes) - 1
    assert found.cores == sum(-(-each.size // CHIPS[chip].neurons) for each in graph.populations)
    convolved = linear = 0.0
    for each in graph.projections:
        reach = np.bincount(each.before, minlength=run.spikes[each.source].shape[1])
        events = float((run.spikes[each.source].sum(0) * reach).sum())
        behind = next(one for one in graph.populations if one.name == each.target)
        convolved, linear = (
            convolved + events * behind.convolution,
            linear + events * (not behind.convolution),
        )
    if reset == "subtract":  # and one a spike to the neuron itself
        convolved += sum(spikes.sum() for spikes in run.spikes.values())
    assert found.counts["spikes"] == convolved + linear
    assert found.counts["neurons_fired"] == sum(spikes.sum() for spikes in run.spikes.values())
    if chip == "loihi":
        # Davies et al. 2018, as in the package's description of the chip.
        assert found.energy_j["synapse"] == pytest.approx(24e-12 * convolved + 35.5e-12 * linear)
        assert found.energy_j["total"] > found.energy_j["synapse"]
        assert found.seconds > 0
    else:
        assert (found.energy_j["total"], found.seconds) == (0, 0)  # it has no prices


@pytest.mark.slow  # two chips, as above
def test_relays_pass_long_delays_on(params: Params) -> None:
    pytest.importorskip("sanafe")
    spec = model_of("detector", "none", params).spec
    dilations = spec.network_params | {"dilations": [1, 4, 8]}
    model = made(spec.model_copy(update={"network_params": dilations}))
    run, graph = reference(model, given(model)), graph_of(model)
    assert max(each.delay.max() for each in graph.projections) > 12
    found = run_sana_fe(graph, run)
    assert differences(run, found.spikes) == dict.fromkeys(run.spikes, 0)


def test_relays_keep_each_delay() -> None:
    sizes = {"a": 1, "b": 20}
    own = [
        Population(name, size, 0.5, 1.0, "none", np.zeros(size), False)
        for name, size in sizes.items()
    ]
    every = np.arange(20)
    wide = Projection("a", "b", np.zeros(20, np.int64), every, np.linspace(0.5, 19.5, 20), every)
    since = {"a": 0}
    found: dict[float, int] = {}
    for each in relayed(Graph(own, [wide]), 5).projections:
        assert each.delay.max(initial=0) <= 5
        if each.target == "b":
            found |= dict(zip(each.weight.tolist(), each.delay + since[each.source], strict=True))
        else:
            since[each.target] = since[each.source] + 1 + int(each.delay[0])
    assert found == {delay + 0.5: delay for delay in range(20)}


@pytest.mark.parametrize(
    ("kind", "reset", "message"),
    [
        ("classifier", "zero", "TrueNorth's leak is a constant"),
        ("detector", "none", "the network has delays"),
    ],
)
def test_truenorth_refuses_what_it_has_no_neuron_for(
    kind: str, reset: str, message: str, params: Params
) -> None:
    pytest.importorskip("sanafe")
    model = model_of(kind, reset, params)
    with pytest.raises(SpikesoundError, match=message):
        run_sana_fe(graph_of(model), reference(model, given(model)), "truenorth")
