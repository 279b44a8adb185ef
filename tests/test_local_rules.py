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

from spikesound.bits import pack
from spikesound.decoding import cross_entropy
from spikesound.errors import SpikesoundError
from spikesound.networks import OWN, model_file
from spikesound.networks.som import SOM
from spikesound.networks.winner import WinnerTakeAll, winners
from spikesound.networks.wta import WTA
from spikesound.neurons import SpikingNeuron
from spikesound.neurons.lif import LIF
from spikesound.params import OwnNetworks, Params, Section
from spikesound.training import METHODS
from spikesound.training.counts import PENALTIES
from spikesound.training.data import Clips
from spikesound.training.loop import predict
from spikesound.training.map import best_matching, grid, learn_map
from spikesound.training.som import Tempotron
from spikesound.training.stdp import Patches, learn, traces
from spikesound.training.synapses import Ideal, Memristors, after_depression, conductances
from spikesound.training.task import Epoch, Task, Trained

LOCAL = ("stdp", "memristor", "som")
STEPS = 3
SMALL: dict[str, dict[str, Any]] = {
    "stdp": {"neurons": 24, "batches": 40, "batch_patches": 64},
    "memristor": {"neurons": 24, "batches": 40, "batch_patches": 64},
    "som": {"rows": 4, "columns": 4, "sweeps": 8},
}


def toy(count: int = 64, classes: int = 4, seed: int = 0) -> Clips:
    """Spikes of clips whose class is the quarter of the feature axis that is loud."""
    generator = np.random.default_rng(seed)
    kind = np.arange(count) % classes
    loud = generator.uniform(0, 0.2, (count, 1, 14, 16)) * np.ones((1, STEPS, 1, 1))
    for row, label in enumerate(kind):
        loud[row, ..., label * 4 : label * 4 + 4] += 0.6
    return Clips(
        [f"clip{i}" for i in range(count)],
        ["1"] * count,
        [f"recording{i}" for i in range(count)],
        pack(generator.random(loud.shape) < loud),
        np.eye(classes, dtype=np.float32)[kind],
        16,
    )


def lif(params: Params, **changes: Any) -> LIF:
    values = params.neurons.lif.model_dump() | {"reset": "none", "learn_beta": False}
    return LIF(type(params.neurons.lif).model_validate(values | changes))


def section(params: Params, name: str, **changes: Any) -> Section:
    whole = getattr(params.methods, name)
    found = type(whole).model_validate(whole.model_dump() | SMALL[name] | changes)
    assert isinstance(found, Section)
    return found


def task(params: Params, name: str, tmp_path: Path, *, seed: int = 3, **changes: Any) -> Task:
    clips = toy()
    spec = model_file.Spec(
        model=f"snn-cnn-{name}",
        network="cnn",
        network_params=params.networks.cnn.model_dump(),
        neuron="lif",
        neuron_params=params.neurons.lif.model_dump(),
        classes=["a", "b", "c", "d"],
        bins=16,
        steps=STEPS,
        encoding="rate",
        fold="2",
        seed=seed,
    )
    training = params.train_snn.model_copy(
        update={"epochs": 30, "batch_clips": 16, "learning_rate": 0.02}
    )
    torch.manual_seed(seed)
    return Task(
        spec,
        clips.select(np.arange(48)),
        clips.select(np.arange(48, 64)),
        training,
        section(params, name, **changes),
        (1 / STEPS,) * STEPS,
        seed,
        tmp_path / "resume.pt",
    )


def test_own_networks_and_their_parameters_have_the_same_names() -> None:
    assert set(OWN) == set(OwnNetworks.model_fields)


@pytest.mark.parametrize("name", LOCAL)
def test_each_method_beats_chance_and_survives_the_disk(
    name: str, params: Params, tmp_path: Path
) -> None:
    reported: list[Epoch] = []
    wanted = replace(task(params, name, tmp_path), report=reported.append)
    trained = METHODS[name](wanted)
    assert trained.history == reported
    keys = {"epoch", "train_loss", "validation_loss", "validation_accuracy", "seconds"}
    assert all(set(epoch) == keys for epoch in reported)
    kept = reported[int(trained.result["best_epoch"]) - 1]
    for key in ("validation_loss", "validation_accuracy"):
        assert trained.result[key] == kept[key]
    assert kept["validation_loss"] == min(epoch["validation_loss"] for epoch in reported)

    fresh = toy(seed=7)
    scores = predict(trained.network, fresh, 10)
    assert (scores.argmax(1) == fresh.targets.argmax(1)).mean() > 0.75, "chance is 0.25"
    model_file.save(tmp_path / "model", trained.spec, trained.network)
    spec, network = model_file.load(tmp_path / "model")
    assert spec == trained.spec
    assert np.array_equal(predict(network, fresh, 10), scores)
    assert [m for m in network.modules() if isinstance(m, SpikingNeuron)], "spikes are counted"


@pytest.mark.parametrize("name", LOCAL)
def test_equal_seeds_give_equal_weights_and_others_do_not(
    name: str, params: Params, tmp_path: Path
) -> None:
    def weights(seed: int, where: str) -> dict[str, torch.Tensor]:
        trained = METHODS[name](task(params, name, tmp_path / where, seed=seed))
        return trained.network.state_dict()

    one, two, other = weights(3, "one"), weights(3, "two"), weights(4, "other")
    assert all(torch.equal(one[key], two[key]) for key in one)
    layer = "map" if name == "som" else "weight"
    assert not torch.equal(one[layer], other[layer])


@pytest.mark.parametrize("name", ["stdp", "memristor"])
def test_what_cannot_be_learnt_from_is_one_line(name: str, params: Params, tmp_path: Path) -> None:
    good = task(params, name, tmp_path)
    values = replace(good, training=good.training.decoded(good.step_values))
    izhikevich = replace(good, spec=good.spec.model_copy(update={"neuron": "izhikevich"}))
    short = task(params, name, tmp_path, frames=15)
    for bad, line in (
        (values, f"methods.{name}: .* encoding 'rate' has none"),
        (izhikevich, f"methods.{name}: .* 'izhikevich', valid: lif"),
        (short, f"methods.{name}.frames: .* 15 frames .* have 14"),
    ):
        with pytest.raises(SpikesoundError, match=line) as caught:
            METHODS[name](bad)
        assert "\n" not in str(caught.value)


def test_a_layer_that_never_spikes_is_an_error(params: Params, tmp_path: Path) -> None:
    deaf = task(params, "stdp", tmp_path)
    neuron = params.neurons.lif.model_dump() | {"threshold": 1e6}
    with pytest.raises(SpikesoundError, match=r"no neuron spikes; lower threshold .* now 1e\+06"):
        METHODS["stdp"](replace(deaf, spec=deaf.spec.model_copy(update={"neuron_params": neuron})))


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
    content = params.model_dump()
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


@given(st.integers(0, 10_000), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_at_most_one_wins_and_never_within_its_refractory_period(
    seed: int, refractory: int
) -> None:
    own = Params.load(Path(__file__).parents[1] / "params.yaml")
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
    base = task(params, name, tmp_path, neurons=8, frames=14, homeostasis=0.05, **changes)
    spec = base.spec.model_copy(
        update={
            "network": "wta",
            "network_params": {"neurons": 8, "frames": 14},
            "neuron_params": lif_values(params),
        }
    )
    network = model_file.build(spec)
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
    return params.neurons.lif.model_dump() | {"reset": "none", "learn_beta": False}


@pytest.mark.parametrize("rule", ["soft", "product"])
def test_stdp_becomes_selective_for_a_repeating_pattern_and_without_it_does_not(
    rule: str, params: Params, tmp_path: Path
) -> None:
    off = planted(params, tmp_path, "stdp", rule=rule, rate_up=0.0, rate_down=0.0)
    on = planted(params, tmp_path, "stdp", rule=rule)
    assert on > 0.9
    assert off < 0.5


@given(st.integers(2, 65), st.floats(-5, 5), st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_conductances_are_those_of_the_formula(levels: int, bend: float, lowest: float) -> None:
    found = conductances(levels, bend, lowest).double().numpy()
    assert len(found) == levels
    assert found[0] == pytest.approx(lowest, abs=1e-6)
    assert found[-1] == pytest.approx(1.0, abs=1e-6)
    assert (np.diff(found) > 0).all()
    if abs(bend) > 1e-3:
        pulses, last = np.arange(levels), levels - 1
        scale = last / bend
        height = (1 - lowest) / (1 - np.exp(-last / scale))
        assert np.allclose(found, height * (1 - np.exp(-pulses / scale)) + lowest, atol=1e-5)
        steps = np.diff(found)
        assert levels == 2 or (steps[0] > steps[-1]) == (bend > 0)


@given(st.integers(2, 65), st.floats(-4, 4), st.floats(-4, 4))
@settings(max_examples=60, deadline=None)
def test_a_depressing_pulse_lowers_a_device_by_a_level_at_least(
    levels: int, up: float, down: float
) -> None:
    below = after_depression(conductances(levels, up, 0.1), down)
    assert below[0] == 0
    assert (below[1:] < torch.arange(1, levels)).all()
    assert (below >= 0).all()


def test_equal_and_mirrored_steps_of_depression() -> None:
    assert after_depression(conductances(9, 0.0, 0.0), 0.0).tolist() == [0, *range(8)]
    # Depression from the top is steepest first, where potentiation had become fine.
    below = after_depression(conductances(32, 3.0, 0.0), 3.0)
    assert 31 - below[31] > 5
    rising = conductances(32, 3.0, 0.0)
    falling = 1 - conductances(32, 3.0, 0.0)
    assert abs(float(rising[below[31]] - falling[1])) < 0.02


def test_memristors_stay_on_their_levels_and_saturate() -> None:
    generator = torch.Generator().manual_seed(0)
    devices = Memristors(
        torch.rand(6, 10, generator=generator),
        levels=8,
        nonlinearity_up=2.0,
        nonlinearity_down=1.0,
        lowest=0.1,
        variation=0.0,
        generator=generator,
    )
    allowed = set(conductances(8, 2.0, 0.1).tolist())
    won = torch.tensor([True] * 5 + [False])
    before = devices.weights().clone()
    for _ in range(4):
        devices.potentiate(won, torch.full((6, 10), 0.5))
        assert set(devices.weights().flatten().tolist()) <= allowed
    assert torch.equal(devices.weights()[5], before[5]), "it has not won"
    assert not torch.equal(devices.weights()[:5], before[:5])
    for trace, bound in ((1.0, 1.0), (0.0, 0.1)):
        for _ in range(8):
            devices.potentiate(won, torch.full((6, 10), trace))
        assert devices.weights()[:5].flatten().tolist() == pytest.approx([bound] * 50)


def test_variation_is_a_fixed_factor_of_each_device() -> None:
    def devices(variation: float) -> Memristors:
        return Memristors(
            torch.full((50, 50), 0.5),
            levels=32,
            nonlinearity_up=0.0,
            nonlinearity_down=0.0,
            lowest=0.0,
            variation=variation,
            generator=torch.Generator().manual_seed(1),
        )

    factors = devices(0.2).weights() / devices(0.0).weights()
    assert float(factors.std()) == pytest.approx(0.2, abs=0.01)
    assert float(factors.mean()) == pytest.approx(1.0, abs=0.02)


def quality(
    units: torch.Tensor, vectors: torch.Tensor, places: torch.Tensor
) -> tuple[float, float]:
    """Return the quantisation error, and the share of vectors whose two best are not neighbours."""
    distances, nearest = torch.cdist(vectors, units).topk(2, largest=False)
    apart = (places[nearest[:, 0]] - places[nearest[:, 1]]).abs().amax(1)
    return float(distances[:, 0].mean()), float((apart > 1).float().mean())


def test_the_map_orders_a_square() -> None:
    vectors = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0))

    def learnt(sweeps: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        return learn_map(vectors, rows=6, columns=6, sweeps=sweeps, sigma=0.5, generator=generator)

    places = grid(6, 6)
    error, disorder = quality(learnt(30), vectors, places)
    error_before, disorder_before = quality(learnt(0), vectors, places)
    assert error < 0.9 * error_before
    assert disorder < 0.15 < 0.5 < disorder_before


def test_the_maps_units_spike_where_they_match_best(params: Params, tmp_path: Path) -> None:
    trained: Trained = METHODS["som"](task(params, "som", tmp_path))
    network = trained.network
    assert isinstance(network, SOM)
    clips = toy(8)
    seen = []
    hook = network.units.register_forward_hook(lambda module, inputs, out: seen.append(out))
    predict(network, clips, 8)
    hook.remove()
    values = torch.from_numpy(clips.decoded((1 / STEPS,) * STEPS).batch(np.arange(8))[:, 0])
    best = best_matching(values.flatten(0, 1), network.map).view(8, 14)
    assert (seen[0].sum(-1) == 1).all(), "one spike a frame"
    assert (best == seen[0].argmax(-1).T).float().mean() > 0.99


def test_the_reading_membrane_is_a_leaky_sum() -> None:
    params = OwnNetworks.model_fields["som"].annotation
    assert params is not None
    network = SOM(
        params(rows=1, columns=2, neurons_per_class=1, decay=0.5),
        model_file.Layout(2, 1),
        torch.nn.Identity,
    )
    currents = torch.tensor([1.0, 0.0, 2.0]).view(3, 1, 1)
    assert network.membrane(currents).flatten().tolist() == [1.0, 0.5, 2.25]


def test_the_tempotron_moves_only_those_within_the_margin() -> None:
    scores = torch.nn.Parameter(torch.tensor([[0.2, -3.0, 0.1], [2.0, -0.5, -2.0]]))

    class Fixed(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return scores * 1.0

    targets = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    Tempotron(1.0).backward(Fixed(), torch.zeros(1), targets)
    assert scores.grad is not None
    assert scores.grad.sign().tolist() == [[-1, 0, 1], [0, 1, 0]]


def test_the_read_out_reports_each_penalty(params: Params, tmp_path: Path) -> None:
    wanted = task(params, "stdp", tmp_path)
    trained = METHODS["stdp"](wanted)
    scores = torch.from_numpy(predict(trained.network, wanted.training, 10))
    loss = cross_entropy(scores, torch.from_numpy(wanted.training.targets)).item()
    kept = trained.history[int(trained.result["best_epoch"]) - 1]
    assert loss == pytest.approx(kept["train_loss"], rel=1e-3), "the network is what was fitted"
    losses = [epoch["train_loss"] for epoch in trained.history]
    assert len(losses) == len(PENALTIES)
    assert losses == sorted(losses, reverse=True), "the freer the closer to the training clips"
