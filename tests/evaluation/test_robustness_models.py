"""Models under disturbance: hardware faults, inputs of a fold, areas and their differences."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spikesound.training.data import load_features, load_spikes
from torch import nn
from toy_clips import spec

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import FEATURE_INDEX, write_table
from spikesound.evaluation.robustness.areas import (
    ROBUSTNESS,
    area_weights,
    areas,
    clip_areas,
    join,
    paired_areas,
    recording_draws,
)
from spikesound.evaluation.robustness.conditions import NOISY, UNDISTURBED, Condition
from spikesound.evaluation.robustness.evaluate import Plan, quick, run_model, summary
from spikesound.evaluation.robustness.faults import FAULTS, WEIGHT_FAULTS, faults_of, faulty, firing
from spikesound.evaluation.robustness.inputs import Inputs
from spikesound.evaluation.settings import Settings
from spikesound.features import normalisation
from spikesound.features.shards import write_shards
from spikesound.features.spike_shards import encode_shards
from spikesound.inference.event_driven_cnn import FrozenCNN
from spikesound.models import classifier_spec
from spikesound.models.networks.cnn import CNN, Block
from spikesound.params import Params
from spikesound.snn.quantisation.weights import fake_quantise, synapses

CLASSES = ["/m/1", "/m/2"]


def network(params: Params, *, spiking: bool) -> nn.Module:
    torch.manual_seed(0)
    made = classifier_spec.build(spec(params, neuron=spiking)).eval()
    for name, value in made.named_parameters():
        if name.endswith("norm.bias"):
            nn.init.constant_(value, 0.7)  # so that neurons fire
    return made


def sound(seed: int = 0, *, steps: int = 1) -> torch.Tensor:
    return torch.rand(steps, 5, 12, 16, generator=torch.Generator().manual_seed(seed))


def outputs(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Return what each block puts out, its faults included."""
    found: list[torch.Tensor] = []
    blocks = [module for module in net.modules() if isinstance(module, Block)]
    hooks = [
        block.register_forward_hook(lambda m, i, out: found.append(out.detach()))
        for block in blocks
    ]
    net(x)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.parametrize("spiking", [False, True])
def test_a_fault_changes_a_copy_and_repeats_itself(
    name: str, spiking: bool, params: Params
) -> None:
    net = network(params, spiking=spiking)
    before, x = copy.deepcopy(net.state_dict()), sound()
    healthy = net(x)
    level = 4.0 if name == "weight_bits" else 0.3
    peaks = firing(net, lambda watched: watched(x))
    first, second = (faulty(net, name, level, 7, peaks)(x) for _ in range(2))
    assert not torch.equal(first, healthy)
    assert torch.equal(first, second)
    assert torch.equal(net(x), healthy)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize("spiking", [False, True])
def test_stuck_neurons_are_the_same_in_every_clip_and_the_others_are_free(
    spiking: bool, params: Params
) -> None:
    net, x = network(params, spiking=spiking), sound(steps=3 if spiking else 1)
    peaks = firing(net, lambda watched: watched(x))
    if spiking:
        assert peaks == [1.0, 1.0]
    else:
        assert peaks == pytest.approx([float(out.max()) for out in outputs(net, x)])
    firsts = {}
    for name in ("stuck_silent", "stuck_firing"):
        held = outputs(faulty(net, name, 0.4, 3, peaks), x)[0]
        value = 0.0 if name == "stuck_silent" else peaks[0]
        firsts[name] = (held == value).flatten(0, 1).all(0)
        free = outputs(net, x)[0]
        assert torch.equal(held[:, :, ~firsts[name]], free[:, :, ~firsts[name]])
    assert firsts["stuck_firing"].float().mean() > 0.3


def test_as_many_neurons_are_stuck_as_asked_for_and_the_same_ones_of_a_twin(params: Params) -> None:
    silent = []
    for spiking in (False, True):
        x = sound(steps=3 if spiking else 1)
        net = network(params, spiking=spiking)
        for block in net.modules():
            if isinstance(block, Block):
                block.neuron = nn.Identity()  # nothing is 0 but what is stuck
        held = outputs(faulty(net, "stuck_silent", 0.4, 3, [1.0, 1.0]), x)[0]
        silent.append((held == 0).flatten(0, 1).all(0))
    assert torch.equal(*silent)
    assert silent[0].float().mean() == pytest.approx(0.4, abs=0.15)


@pytest.mark.parametrize("level", [0.1, 0.6])
def test_spikes_are_lost_by_the_share_asked_for(level: float, params: Params) -> None:
    net, x = network(params, spiking=True), sound(steps=3)
    before, after = outputs(net, x)[0], outputs(faulty(net, "dropped_spikes", level, 1), x)[0]
    assert before.sum() > 300
    assert ((after == before) | (after == 0)).all()
    assert 1 - after.sum() / before.sum() == pytest.approx(level, abs=0.08)


def test_weight_noise_has_the_deviation_asked_for_in_each_layer(params: Params) -> None:
    net = network(params, spiking=True)
    changed = synapses(faulty(net, "weight_noise", 0.2, 1))
    for name, weight in synapses(net).items():
        added = (changed[name] - weight).detach()
        share = float(added.std() / weight.detach().std())
        assert share == pytest.approx(0.2, rel=4 / np.sqrt(2 * weight.numel())), name
    draws = [(changed[name] - weight).flatten()[:20] for name, weight in synapses(net).items()]
    assert abs(np.corrcoef(draws[0].detach(), draws[1].detach())[0, 1]) < 0.9, "each layer its own"
    twice = synapses(faulty(net, "weight_noise", 0.4, 1))
    for name, weight in synapses(net).items():
        assert torch.allclose(twice[name] - weight, 2 * (changed[name] - weight), atol=1e-6)


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_are_rounded_to_bits(bits: int, params: Params) -> None:
    net = network(params, spiking=False)
    rounded = synapses(faulty(net, "weight_bits", float(bits), 1))
    assert rounded.keys() == synapses(net).keys() != set()
    for name, weight in rounded.items():
        assert torch.equal(weight, fake_quantise(synapses(net)[name], 4 if bits == 4 else 8))


def test_only_weight_faults_are_defined_for_networks_of_gates(params: Params) -> None:
    lstm = spec(params).model_copy(
        update={"network": "lstm", "network_params": params.networks.lstm.model_dump()}
    )
    assert faults_of(classifier_spec.build(lstm)) == WEIGHT_FAULTS
    assert faults_of(network(params, spiking=True)) == FAULTS


def test_a_spiking_network_is_scored_by_events_and_a_conventional_one_is_not(
    params: Params,
) -> None:
    assert isinstance(quick(network(params, spiking=True)), FrozenCNN)
    assert isinstance(quick(network(params, spiking=False)), CNN)


def stored_features(folder: Path, clips: int = 16) -> pd.DataFrame:
    """Write features and a disturbed version of them, and return their index."""
    generator = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "clip_id": [f"clip{i}" for i in range(clips)],
            "fold": [str(1 + i % 2) for i in range(clips)],
            "media_id": [f"media{i}" for i in range(clips)],
            "recording": [f"recording{i // 4}" for i in range(clips)],
            "labels": [[CLASSES[(i // 2) % 2]] for i in range(clips)],
        }
    )
    values = generator.uniform(-80, 0, (clips, 12, 16)).astype(np.float16)
    index = write_shards(folder / "features", rows, iter(values), 5)
    figures = {"1": (-70.0, -5.0), "2": (-60.0, -1.0)}
    normalisation.save(
        {fold: {"low": [low] * 16, "high": [high] * 16} for fold, (low, high) in figures.items()},
        folder / "features" / "normalisation.json",
    )
    (folder / "disturbed").mkdir()
    np.save(folder / "disturbed" / "white_0.npy", values + np.float16(10))
    write_table(index, FEATURE_INDEX, folder / "disturbed" / "index.parquet")
    return index


def inputs_of(folder: Path, params: Params, encoding: str) -> Inputs:
    section = getattr(params.encodings, encoding, None)
    return Inputs(folder / "features", folder / "disturbed", CLASSES, encoding, section, 1)


@pytest.mark.parametrize("encoding", ["features", "direct", "rate", "population"])
def test_clean_inputs_are_those_that_evaluate_reads(
    encoding: str, params: Params, tmp_path: Path
) -> None:
    stored_features(tmp_path)
    given_inputs = inputs_of(tmp_path, params, encoding)
    for fold in ("1", "2"):
        if encoding == "features":
            wanted = load_features(tmp_path / "features", CLASSES, fold).only(fold)
        else:
            from spikesound.features.shards import Shards
            from spikesound.snn.encoding import ENCODERS

            encode_shards(
                Shards(tmp_path / "features"), fold, name=encoding, encoder=ENCODERS[encoding],
                params=given_inputs.params, seed=1, out=tmp_path / "spikes",
            )  # fmt: skip
            wanted = load_spikes(tmp_path / "spikes", CLASSES)[0].only(fold)
        clips = given_inputs.clips(UNDISTURBED, fold)
        assert clips.ids == wanted.ids
        assert clips.groups == wanted.groups
        assert (clips.targets == wanted.targets).all()
        assert clips.inputs.dtype == wanted.inputs.dtype
        assert (clips.inputs == wanted.inputs).all()
        assert (clips.bins, clips.neurons_per_bin) == (wanted.bins, wanted.neurons_per_bin)


def test_disturbed_inputs_have_the_folds_own_normalisation(params: Params, tmp_path: Path) -> None:
    stored_features(tmp_path)
    inputs = inputs_of(tmp_path, params, "features")
    raw = np.load(tmp_path / "disturbed" / "white_0.npy")[1::2].astype(np.float32)
    clips = inputs.clips(Condition("white", 0.0), "2")
    assert np.allclose(clips.inputs[:, 0], np.clip((raw + 60) / 59, 0, 1), atol=1e-3)
    with pytest.raises(SpikesoundError, match=r"pink_0.npy: no such file; run the disturb stage"):
        inputs.clips(Condition("pink", 0.0), "2")
    with pytest.raises(SpikesoundError, match="fold '9' has no clips"):
        inputs.clips(UNDISTURBED, "9")


def test_features_of_other_clips_are_an_error(params: Params, tmp_path: Path) -> None:
    index = stored_features(tmp_path)
    path = tmp_path / "disturbed" / "index.parquet"
    write_table(index.iloc[::-1], FEATURE_INDEX, path)
    with pytest.raises(SpikesoundError, match="run the disturb stage again"):
        inputs_of(tmp_path, params, "features").clips(UNDISTURBED, "1")


PLAN = Plan(
    [Condition("white", 0.0)],
    [Condition("weight_noise", 0.4), Condition("stuck_firing", 0.1), Condition("weight_bits", 8.0)],
    draws=3,
    batch_clips=3,
    seed=1,
)


def saved(folder: Path, params: Params, *, spiking: bool) -> dict[str, Path]:
    for fold in ("1", "2"):
        wanted = spec(params, neuron=spiking).model_copy(update={"fold": fold})
        classifier_spec.save(folder / fold, wanted, network(params, spiking=spiking))
    return {fold: folder / fold for fold in ("1", "2")}


@pytest.mark.parametrize("spiking", [False, True])
def test_a_model_is_tested_on_each_folds_clips_under_every_condition(
    spiking: bool, params: Params, tmp_path: Path
) -> None:
    index = stored_features(tmp_path)
    folders = saved(tmp_path / "model", params, spiking=spiking)
    encodings = params.encodings.model_copy(
        update={"rate": params.encodings.rate.model_copy(update={"steps": 3})}
    )
    params = params.model_copy(update={"encodings": encodings})
    inputs = inputs_of(tmp_path, params, "rate" if spiking else "features")
    results = run_model(folders, inputs, CLASSES, PLAN)
    assert list(results.columns) == ROBUSTNESS.names
    rows = results.groupby(["condition", "level"]).size().to_dict()
    assert rows == {
        ("clean", 0.0): 16, ("white", 0.0): 16, ("weight_noise", 0.4): 48,
        ("stuck_firing", 0.1): 48, ("weight_bits", 8.0): 16,
    }  # fmt: skip
    labels = dict(zip(index["clip_id"], index["labels"], strict=True))
    right = [row.predicted in labels[row.clip_id] for row in results.itertuples()]
    assert list(results["hit"]) == right
    recordings = dict(zip(index["clip_id"], index["recording"], strict=True))
    table = summary(
        "m", results, recordings, generator=np.random.default_rng(0), resamples=200, confidence=0.9
    )
    assert list(table["condition"]) == [
        "clean", "white", "weight_noise", "stuck_firing", "weight_bits",
    ]  # fmt: skip
    assert list(table["unit"]) == ["", "dB", "share", "share", "bits"]
    assert (table["clips"] == 16).all()
    assert table["accuracy"][2] == pytest.approx(
        results[results["condition"] == "weight_noise"]["hit"].mean(), abs=1e-4
    )
    assert (table["accuracy_low"] <= table["accuracy"]).all()
    assert (table["accuracy"] <= table["accuracy_high"]).all()


def test_a_model_of_another_encoding_fold_or_classes_is_an_error(
    params: Params, tmp_path: Path
) -> None:
    stored_features(tmp_path)
    folders = saved(tmp_path / "model", params, spiking=True)
    inputs = inputs_of(tmp_path, params, "direct")
    with pytest.raises(SpikesoundError, match="encoding 'rate', not 'direct'"):
        run_model(folders, inputs, CLASSES, PLAN)
    with pytest.raises(SpikesoundError, match="holds out fold '2', not '1'"):
        run_model({"1": folders["2"]}, inputs, CLASSES, PLAN)
    with pytest.raises(SpikesoundError, match="other classes"):
        run_model(folders, inputs, CLASSES[::-1], PLAN)


def test_an_interval_is_of_recordings_and_not_of_clips() -> None:
    # Four recordings of 25 clips that are all right or all wrong: clips tell nothing of their own.
    clips = [f"c{i:03d}" for i in range(100)]
    hits = [i // 25 < 2 for i in range(100)]
    results = pd.DataFrame(
        {"clip_id": clips, "condition": "clean", "level": 0.0, "predicted": "", "hit": hits}
    )
    widths = []
    for size in (25, 1):
        recordings = {clip: str(i // size) for i, clip in enumerate(clips)}
        [row] = summary(
            "m", results, recordings, generator=np.random.default_rng(0), resamples=2000,
            confidence=0.95,
        ).itertuples()  # fmt: skip
        assert row.accuracy == 0.5
        widths.append(row.accuracy_high - row.accuracy_low)
    assert widths == pytest.approx([1.0, 0.2], abs=0.03)


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=9, unique=True), st.integers(0, 99))
def test_the_area_is_the_trapezoids_over_the_range(levels: list[int], seed: int) -> None:
    accuracy = np.random.default_rng(seed).random(len(levels))
    area = float(area_weights(levels) @ accuracy)
    assert accuracy.min() - 1e-9 <= area <= accuracy.max() + 1e-9
    order = np.argsort(levels)
    x, y = np.array(levels)[order], accuracy[order]
    if len(levels) > 1:
        trapezoids = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) / (x[-1] - x[0])
        assert area == pytest.approx(trapezoids)


def test_an_area_worked_by_hand() -> None:
    assert area_weights([20, 0, -10]) @ [0.9, 0.6, 0.2] == pytest.approx((15 + 4) / 30)


def results_of(shift: float, seed: int = 0, clips: int = 60) -> pd.DataFrame:
    """Return hits that become fewer with noise; a greater shift has fewer."""
    generator = np.random.default_rng(seed)
    ease = generator.normal(0, 5, clips)
    cases = [("clean", 0.0, 30.0), *((n, float(d), float(d)) for n in NOISY for d in (20, 10, 0))]
    parts = [
        pd.DataFrame(
            {
                "clip_id": [f"c{i:03d}" for i in range(clips)],
                "condition": name,
                "level": level,
                "predicted": "/m/1",
                "hit": ease + snr > 5 + (shift if name != "clean" else 0),
            }
        )
        for name, level, snr in cases
    ]
    return pd.concat(parts, ignore_index=True)


RECORDINGS = {f"c{i:03d}": f"r{i // 3}" for i in range(60)}
SETTINGS = Settings(resamples=500, permutations=1999, confidence=0.95, seed=0)


def test_a_models_area_is_the_mean_of_its_clips_and_joins_with_others() -> None:
    results = results_of(5)
    drawn = {"generator": np.random.default_rng(0), "resamples": 100, "confidence": 0.95}
    table = summary("snn-a", results, RECORDINGS, **drawn)  # type: ignore[arg-type]
    other = summary("ann-a", results_of(0), RECORDINGS, **drawn)  # type: ignore[arg-type]
    whole, found = join({"ann-a": other, "snn-a": table})
    assert list(whole["model"].unique()) == ["ann-a", "snn-a"]
    assert len(whole) == len(table) + len(other)
    assert list(table["level"][:4]) == [0.0, 20.0, 10.0, 0.0], "in the order of the run"
    shares = results.groupby(["condition", "level"])["hit"].mean()
    for row in table.itertuples():
        assert row.accuracy == pytest.approx(shares[row.condition, row.level], abs=1e-4)
    assert set(found["snn-a"]) == {f"{n}_area" for n in NOISY} | {
        "noise_area",
        "noise_area_relative",
    }
    per_clip = clip_areas(results)
    assert found["snn-a"]["noise_area"] == pytest.approx(per_clip["area"].mean(), abs=1e-3)
    relative = per_clip["area"].mean() / per_clip["clean"].mean()
    assert found["snn-a"]["noise_area_relative"] == pytest.approx(relative, abs=1e-3)
    assert found["ann-a"]["noise_area"] > found["snn-a"]["noise_area"]
    assert areas(table[table["condition"] == "clean"]) == {}


def test_a_paired_difference_is_found_and_has_its_sign() -> None:
    better, worse = results_of(0), results_of(6)
    found = paired_areas(better, worse, RECORDINGS, np.random.default_rng(0), SETTINGS)
    assert found["difference_low"] > 0
    assert found["difference_low"] <= found["difference"] <= found["difference_high"]
    assert found["p"] < 0.001
    expected = clip_areas(better)["area"].mean() - clip_areas(worse)["area"].mean()
    assert found["difference"] == pytest.approx(expected)
    turned = paired_areas(worse, better, RECORDINGS, np.random.default_rng(0), SETTINGS)
    assert turned["difference"] == pytest.approx(-found["difference"])
    assert turned["relative_p"] < 0.001


def test_a_model_that_is_only_better_when_clean_is_no_better_in_relation() -> None:
    half = results_of(0)
    lost = {f"c{i:03d}" for i in range(0, 60, 2)}
    weaker = half.assign(hit=half["hit"] & ~half["clip_id"].isin(lost))
    found = paired_areas(half, weaker, RECORDINGS, np.random.default_rng(0), SETTINGS)
    assert found["p"] < 0.001
    assert abs(found["relative_difference"]) < 0.1
    assert found["relative_p"] > 0.05


@pytest.mark.slow
def test_equal_models_differ_by_nothing_and_p_is_uniform_where_they_are_exchangeable() -> None:
    same = paired_areas(
        results_of(0), results_of(0), RECORDINGS, np.random.default_rng(0), SETTINGS
    )
    assert same["difference"] == same["difference_low"] == same["difference_high"] == 0
    assert same["p"] == same["relative_p"] == 1
    below = [
        paired_areas(
            results_of(0, 2 * seed), results_of(0, 2 * seed + 1), RECORDINGS,
            np.random.default_rng(seed), SETTINGS,
        )["p"] < 0.2
        for seed in range(20)
    ]  # fmt: skip
    assert np.mean(below) == pytest.approx(0.2, abs=0.2)


def test_models_of_different_clips_are_not_compared() -> None:
    with pytest.raises(SpikesoundError, match="different clips"):
        paired_areas(
            results_of(0), results_of(0, clips=59), RECORDINGS, np.random.default_rng(0), SETTINGS
        )


def test_draws_of_recordings_sum_to_their_number() -> None:
    drawn = recording_draws(7, 300, np.random.default_rng(0))
    assert drawn.shape == (300, 7)
    assert (drawn.sum(axis=1) == 7).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.25)
