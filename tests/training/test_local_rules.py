"""Local rules: what spike timing, memristors and a map learn, and the networks that come of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from local_rules import STEPS, job, toy
from project import ROOT

from spikesound.core.bitpack import pack
from spikesound.core.errors import SpikesoundError
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.layers import InSteps
from spikesound.models.networks import NETWORKS
from spikesound.models.networks.winner import WinnerTakeAll, winners
from spikesound.models.networks.wta import WTA
from spikesound.params import NETWORK_PARAMS, Params
from spikesound.snn.decoding import cross_entropy
from spikesound.snn.neurons import SpikingNeuron
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.spiking import carried
from spikesound.training.job import Epoch
from spikesound.training.methods import METHODS
from spikesound.training.methods.count_readout import PENALTIES
from spikesound.training.methods.stdp import Patches, learn, traces
from spikesound.training.methods.synapses import Ideal
from spikesound.training.scores import clip_scores

LOCAL = ("stdp", "memristor", "som")


def lif(params: Params, **changes: Any) -> LIF:
    values = params.neurons["lif"].model_dump() | {"reset": "none", "learn_beta": False}
    return LIF(type(params.neurons["lif"]).model_validate(values | changes))


def test_networks_and_their_parameters_have_the_same_names() -> None:
    assert set(NETWORKS) == set(NETWORK_PARAMS)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOCAL)
def test_each_method_beats_chance_and_survives_the_disk(
    name: str, params: Params, tmp_path: Path
) -> None:
    reported: list[Epoch] = []
    wanted = replace(job(params, name, tmp_path), report=reported.append)
    trained = METHODS[name](wanted)
    assert trained.history == reported
    keys = {"epoch", "train_loss", "validation_loss", "validation_accuracy", "seconds"}
    assert all(set(epoch) == keys for epoch in reported)
    kept = reported[int(trained.result["best_epoch"]) - 1]
    for key in ("validation_loss", "validation_accuracy"):
        assert trained.result[key] == kept[key]
    assert kept["validation_loss"] == min(epoch["validation_loss"] for epoch in reported)

    fresh = toy(seed=7)
    scores = clip_scores(trained.network, fresh, 10)
    assert (scores.argmax(1) == fresh.present.argmax(1)).mean() > 0.75, "chance is 0.25"
    file.save(tmp_path / file.WEIGHTS, trained.spec, trained.network)
    spec, network = file.load(tmp_path)
    assert spec == trained.spec
    assert np.array_equal(clip_scores(network, fresh, 10), scores)
    assert [m for m in network.modules() if isinstance(m, SpikingNeuron)], "spikes are counted"


@pytest.mark.slow
@pytest.mark.parametrize("name", LOCAL)
def test_equal_seeds_give_equal_weights_and_others_do_not(
    name: str, params: Params, tmp_path: Path
) -> None:
    def weights(seed: int, where: str) -> dict[str, torch.Tensor]:
        trained = METHODS[name](job(params, name, tmp_path / where, seed=seed))
        return trained.network.state_dict()

    one, two, other = weights(3, "one"), weights(3, "two"), weights(4, "other")
    assert all(torch.equal(one[key], two[key]) for key in one)
    layer = "codebook.map" if name == "som" else "patches.weight"
    assert not torch.equal(one[layer], other[layer])


@pytest.mark.parametrize("name", ["stdp", "memristor"])
def test_what_cannot_be_learnt_from_is_one_line(name: str, params: Params, tmp_path: Path) -> None:
    good = job(params, name, tmp_path)
    values = replace(good, training=good.training.decoded(good.step_values))
    izhikevich = replace(good, spec=good.spec.model_copy(update={"neuron": "izhikevich"}))
    short = job(params, name, tmp_path, frames=15)
    for bad, line in (
        (values, f"snn-cnn-{name}: .* encoding 'rate' has none"),
        (izhikevich, f"snn-cnn-{name}: .* 'izhikevich', valid: lif"),
        (short, f"snn-cnn-{name}: .*frames: .* 15 frames .* 14 frames"),
    ):
        with pytest.raises(SpikesoundError, match=line) as caught:
            METHODS[name](bad)
        assert "\n" not in str(caught.value)


def test_a_layer_that_never_spikes_is_an_error(params: Params, tmp_path: Path) -> None:
    deaf = job(params, "stdp", tmp_path)
    neuron = params.neurons["lif"].model_dump() | {"threshold": 1e6}
    with pytest.raises(SpikesoundError, match=r"no neuron spikes; lower threshold .* now 1e\+06"):
        METHODS["stdp"](replace(deaf, spec=deaf.spec.model_copy(update={"neuron_params": neuron})))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("stdp", "rule", "hard"),
        ("stdp", "rate_up", 1.5),
        ("memristor", "levels", 1),
        ("memristor", "refractory", 0),
        ("som", "decay", 0.0),
    ],
)
def test_a_bad_parameter_is_one_line(
    name: str, key: str, value: Any, params: Params, tmp_path: Path
) -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["methods"][name][key] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(SpikesoundError, match=f"methods.{name}.{key}: ") as caught:
        Params.load(path)
    assert "\n" not in str(caught.value)


def test_winner_take_all_by_hand(params: Params) -> None:
    neuron = WinnerTakeAll(2, lif(params, beta=0.5, threshold=1.0))
    currents = torch.tensor([[0.9, 0.8], [0.7, 0.9], [0.0, 1.0], [0.0, 0.0]]).unsqueeze(1)
    # Potentials: 0.9, 0.8; 1.15, 1.3; 0.575, 1.65; 0.2875, 0.825.
    assert neuron(currents)[:, 0].tolist() == [[0, 0], [0, 1], [0, 1], [0, 0]]
    held = WinnerTakeAll(2, lif(params, beta=0.5, threshold=1.0, refractory=1))
    # The second is held at 1.3 after its spike, then 0.65: only the first may win, and does not.
    assert held(currents)[:, 0].tolist() == [[0, 0], [0, 1], [0, 0], [0, 0]]


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_at_most_one_wins_and_never_within_its_refractory_period(
    seed: int, refractory: int
) -> None:
    own = Params.load(Path(__file__).parents[2] / "params.yaml")
    neuron = WinnerTakeAll(5, lif(own, refractory=refractory))
    currents = torch.rand(12, 3, 5, generator=torch.Generator().manual_seed(seed)) * 2
    spikes = neuron(currents)
    assert (spikes.sum(-1) <= 1).all()
    for lag in range(1, refractory + 1):
        assert not (spikes[lag:] * spikes[:-lag]).any()
    assert spikes.any()
    state, again = neuron.initial_state(currents[0]), []
    for current in currents:
        spike, state = neuron.step(current, state)
        again.append(spike)
    assert torch.equal(torch.stack(again), spikes)


def test_only_an_lif_without_reset_can_compete(params: Params) -> None:
    with pytest.raises(SpikesoundError, match="reset 'none' only"):
        WinnerTakeAll(2, lif(params, reset="subtract"))
    assert winners(torch.tensor([[-1.0, -2.0]])).sum() == 0


def test_traces_by_hand() -> None:
    spikes = torch.tensor([1.0, 0.0, 1.0, 0.0])
    assert traces(spikes, 0.5).tolist() == [1.0, 0.5, 1.0, 0.5]


def test_stdp_by_hand() -> None:
    start = torch.tensor([[0.5, 0.5], [0.5, 0.5]])
    won, seen = torch.tensor([True, False]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    for rule, up, down in (("product", 0.55, 0.475), ("soft", 0.6, 0.45)):
        synapses = Ideal(start, rule=rule, rate_up=0.2, rate_down=0.1)  # type: ignore[arg-type]
        synapses.potentiate(won, seen)
        assert synapses.weights()[0].tolist() == pytest.approx([up, down])
        assert synapses.weights()[1].tolist() == [0.5, 0.5], "it has not won"


def planted(params: Params, tmp_path: Path, name: str, **changes: Any) -> float:
    """Return how much more the best neuron spikes at a pattern than at noise, as shares of 1.

    Half of the clips repeat one pattern of spikes, its inputs at fixed steps, and all are noisy.
    """
    generator = np.random.default_rng(1)
    times = generator.integers(0, STEPS, (14, 16))
    pattern = (times == np.arange(STEPS)[:, None, None]) & (generator.random((14, 16)) < 0.5)
    noise = generator.random((64, STEPS, 14, 16)) < pattern.mean()
    noise[::2] = pattern ^ (generator.random((32, STEPS, 14, 16)) < 0.05)
    clips = replace(toy(), inputs=pack(noise))
    base = job(params, name, tmp_path, neurons=8, frames=14, homeostasis=0.05, **changes)
    spec = base.spec.model_copy(
        update={
            "network": "wta",
            "network_params": {"neurons": 8, "frames": 14},
            "neuron_params": lif_values(params),
        }
    )
    network = build(spec)
    assert isinstance(network, WTA)
    draws = torch.Generator().manual_seed(0)
    method: Any = base.method

    def synapses(start: torch.Tensor) -> Ideal:
        # Not imprinted: what is selective afterwards, the rule has made so.
        blank = 0.4 + 0.2 * torch.rand(start.shape, generator=draws)
        return Ideal(blank, rule=method.rule, rate_up=method.rate_up, rate_down=method.rate_down)

    learn(network, Patches(replace(base, training=clips), network, draws), synapses, method)
    counts = network.counts(torch.from_numpy(noise.astype(np.float32)).transpose(0, 1))
    there, absent = counts[::2].mean(0), counts[1::2].mean(0)
    return float(((there - absent) / (there + absent).clamp(min=0.05)).max())


def lif_values(params: Params) -> dict[str, Any]:
    return params.neurons["lif"].model_dump() | {"reset": "none", "learn_beta": False}


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["soft", "product"])
def test_stdp_becomes_selective_for_a_repeating_pattern_and_without_it_does_not(
    rule: str, params: Params, tmp_path: Path
) -> None:
    off = planted(params, tmp_path, "stdp", rule=rule, rate_up=0.0, rate_down=0.0)
    on = planted(params, tmp_path, "stdp", rule=rule)
    assert on > 0.9
    assert off < 0.5


@pytest.mark.slow
def test_the_read_out_reports_each_penalty(params: Params, tmp_path: Path) -> None:
    wanted = job(params, "stdp", tmp_path)
    trained = METHODS["stdp"](wanted)
    scores = torch.from_numpy(clip_scores(trained.network, wanted.training, 10))
    loss = cross_entropy(scores, torch.from_numpy(wanted.training.present)).item()
    kept = trained.history[int(trained.result["best_epoch"]) - 1]
    assert loss == pytest.approx(kept["train_loss"], rel=1e-3), "the network is what was fitted"
    losses = [epoch["train_loss"] for epoch in trained.history]
    assert len(losses) == len(PENALTIES)
    assert losses == sorted(losses, reverse=True), "the freer the closer to the training clips"


def test_a_competing_layer_is_read_after_each_step(params: Params, tmp_path: Path) -> None:
    """By the counts so far over the steps gone by: as from an input that ends there."""
    spec = job(params, "stdp", tmp_path).spec.model_copy(
        update={
            "network": "wta",
            "network_params": {"neurons": 8, "frames": 4},
            "neuron_params": lif_values(params),
        }
    )
    network = build(spec)
    assert isinstance(network, WTA)
    assert isinstance(network, InSteps)
    with torch.no_grad():
        network.weight.uniform_(0, 0.1, generator=torch.Generator().manual_seed(2))
        x = torch.from_numpy(toy(5).batch(np.arange(5)).astype(np.float32)).transpose(0, 1)
        scores = network.scores_by_step(x)
        for step in range(STEPS):
            assert torch.allclose(scores[step], network(x[: step + 1]), atol=1e-6)
        assert not torch.allclose(scores[0], scores[-1])
        assert torch.equal(scores[-1], network(x))
        with carried(network):
            pieces = [network.summary(part, STEPS) for part in network.weighted(x).split(1)]
        assert torch.allclose(network.scores(pieces), scores[-1], atol=1e-6)
