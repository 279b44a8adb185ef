"""Extension: an encoding, a neuron and a network, each from a file of its own, go through all.

Each is what a person who extends the project writes: a function or class, a parameter class with
its facts, and one line in a registry. No other list is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from project import ROOT
from pydantic import Field
from small_shards import NAMES, request, write_events, write_features, write_spikes
from torch import nn
from toy_clips import NO_AUGMENT, toy

from spikesound.apps import api
from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.costs.layer import read_layers
from spikesound.costs.models import counts_of
from spikesound.costs.tables import break_even_table, energy_table, figures
from spikesound.evaluation.classification import evaluate_classifier
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.places import Places
from spikesound.evaluation.robustness.faults import faults_of, faulty, firing
from spikesound.models import networks
from spikesound.models.export import export
from spikesound.models.folding import Normed
from spikesound.models.layers import Layer, output_of
from spikesound.models.loading import load
from spikesound.models.networks.layout import Layout
from spikesound.params import (
    ENCODING_PARAMS,
    NETWORK_PARAMS,
    NEURON_PARAMS,
    EncodingParams,
    NetworkParams,
    NeuronParams,
    Params,
    Update,
    twins,
)
from spikesound.snn import encoding, neurons
from spikesound.snn.encoding import Encoding
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import SURROGATES
from spikesound.training.dataset import Dataset, load_features, load_spikes
from spikesound.training.run import train_fold

FOLD = "1"

# An encoding: two neurons a bin.


class PairParams(EncodingParams):
    """Pair coding: of the two neurons of a bin one spikes for loud values, one for quiet ones."""

    threshold: float = Field(gt=0, lt=1, description="Value from which the first neuron spikes.")

    @property
    def neurons_per_bin(self) -> int:
        """One input neuron for loud values, one for quiet ones."""
        return 2


def pair(x: torch.Tensor, params: PairParams, generator: torch.Generator) -> torch.Tensor:
    """Return spikes (step, ..., frame, 2 bin): loud, then quiet, of the same bin."""
    loud = x > params.threshold
    both = torch.stack([loud, ~loud], dim=-1).flatten(-2)
    return both.expand(params.steps, *both.shape).clone()


def pair_values(params: PairParams) -> torch.Tensor:
    """Return the decoding weight of a spike of each step."""
    return torch.full((params.steps,), 1 / params.steps)


def decode_pair(spikes: torch.Tensor, params: PairParams) -> torch.Tensor:
    """Return the share of steps at which the loud neuron spikes."""
    return spikes[..., ::2].float().mean(0)


# A neuron.


class ClampedParams(NeuronParams):
    """Integrates currents without a leak down to a floor, and starts again after a spike."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(0, 3, 1, 1)

    threshold: Annotated[float, Field(gt=0, description="Potential above which it spikes.")]


class Clamped(SpikingNeuron):
    """See :class:`ClampedParams`."""

    def __init__(self, params: ClampedParams) -> None:
        super().__init__()
        self.threshold = params.threshold
        self.spike = SURROGATES["atan"](2.0)

    def initial_state(self, like: torch.Tensor) -> State:
        return (torch.zeros_like(like),)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        potential = (state[0] + current).clamp(min=-1.0)
        spikes = self.spike(potential - self.threshold)
        return spikes, (potential * (1 - spikes.detach()),)


# A network.


class PerceptronParams(NetworkParams):
    """A hidden layer over each frame's bins, its mean over steps and frames, a linear read-out."""

    hidden: Annotated[int, Field(ge=1, description="Neurons of the hidden layer.")]


class Hidden(Normed):
    """A linear layer over the bins of each frame, batch norm, neuron."""

    synapses_name = "linear"

    def __init__(self, inputs: int, outputs: int, neuron: nn.Module) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.norm: nn.Module = nn.BatchNorm1d(outputs)
        self.neuron = neuron

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (step, batch, frame, bin) to outputs (step, batch, neuron, frame, 1)."""
        currents = self.norm(self.linear(x).flatten(0, 2)).view(*x.shape[:3], -1)
        out: torch.Tensor = self.neuron(currents.transpose(2, 3).unsqueeze(-1))
        return out


class Perceptron(nn.Module):
    """See :class:`PerceptronParams`."""

    def __init__(
        self, params: PerceptronParams, layout: Layout, neuron: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        self.steps = layout.steps
        self.hidden = Hidden(layout.bins, params.hidden, neuron())
        self.readout = nn.Linear(params.hidden, layout.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (step, batch, frame, bin) to class scores (batch, class)."""
        x = x.expand(self.steps, *x.shape[1:])
        scores: torch.Tensor = self.readout(self.hidden(x).mean((0, 3, 4)))
        return scores

    def layers(self) -> list[Layer]:
        """Return the hidden layer and the read-out."""
        layer = self.hidden
        hidden = Layer("hidden", "linear", layer, "input", layer.linear, layer.norm, layer.neuron)
        pooled = Layer("pooling", "pooling", layer, output_of(layer.neuron))
        readout = Layer("readout", "linear", self.readout, "pooled", self.readout, readout=True)
        return [hidden, pooled, readout]


ENTRIES: dict[str, dict[str, Any]] = {
    "encodings": {"pair": {"steps": 3, "threshold": 0.5}},
    "neurons": {"clamped": {"threshold": 0.5}},
    "networks": {
        "perceptron": {"hidden": 12},
        "cnn": {"channels": [4, 8], "kernel": 3, "pool": "average", "dropout": 0.0},
    },
}


@pytest.fixture
def extended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the three, as their lines in the registries would."""
    coding: Any = Encoding(pair, decode_pair, pair_values)
    monkeypatch.setitem(ENCODING_PARAMS, "pair", PairParams)
    monkeypatch.setitem(encoding.ENCODINGS, "pair", coding)
    monkeypatch.setitem(NEURON_PARAMS, "clamped", ClampedParams)
    monkeypatch.setitem(neurons.NEURONS, "clamped", Clamped)
    monkeypatch.setitem(NETWORK_PARAMS, "perceptron", PerceptronParams)
    monkeypatch.setitem(networks.NETWORKS, "perceptron", Perceptron)


def parameters(rows: dict[str, dict[str, str]], encoding: str = "pair") -> Params:
    """Return the project's parameters with the entries, and with these rows in its table."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for name, entries in ENTRIES.items():
        content[name] |= entries
    for recipe in content["recipes"].values():
        recipe |= {"epochs": 20, "batch_clips": 8, "patience": 20, "learning_rate": 0.01}
        recipe |= {"augment": NO_AUGMENT.model_dump()}
    content["methods"]["int8"]["epochs"] = 2
    content["models"] = rows
    content["costs"]["zero_skipping"] = []
    content["evaluate"] |= {"resamples": 100, "permutations": 100}
    content["encoding"] = encoding
    return Params.of(content)


def row(network: str, neuron: str, method: str, base: str | None = None) -> dict[str, str]:
    spiking = method not in ("backprop", "int8")
    return {
        "task": "classification",
        "network": network,
        "neuron": neuron,
        "method": method,
        "recipe": "snn" if spiking else "ann",
        "reads": "spikes" if spiking else "features/classification",
        "needs": f"models/classification/{base}" if base else "clips/classification",
    }


def trained(params: Params, folder: Path) -> dict[str, Path]:
    """Train each row of the table on small shards; return its folder."""
    clips = toy(96)
    clips = replace(clips, folds=[str(row // 2 % 4 + 1) for row in range(96)])
    features = write_features(folder / "features", params, clips)
    write_spikes(features, params, params.encoding)
    write_events(features, params)
    out = {}
    for name, model in params.table().items():
        base = out[model.base] if model.base else None
        train_fold(request(params, model, folder, name, fold=FOLD, base=base), lambda: None)
        out[name] = folder / name
    return out


def evaluated(params: Params, folder: Path, name: str) -> tuple[dict[str, Any], Places]:
    """Test a trained model on its held-out clips; return its metrics."""
    features = folder / "features"
    index = schema.read_table(features / "index.parquet", schema.FEATURE_INDEX)
    clips = index.assign(start_s=0.0, end_s=1.0)[schema.CLIPS.names]
    status = pd.DataFrame(
        {
            "clip_id": index["clip_id"],
            "state": "ok",
            "reason": "",
            "attempts": 1,
            "seconds": 1.0,
            "bytes": 1,
            "sha256": "0" * 64,
            "path": "shard",
        }
    )
    schema.write_table(clips, schema.CLIPS, folder / "clips.parquet")
    schema.write_table(status, schema.STATUS, folder / "status.parquet")
    out = folder / "evaluated" / name
    places = Places(
        names=NAMES,
        clips=folder / "clips.parquet",
        events=folder / "events.parquet",
        mixtures=folder / "mixtures.parquet",
        status=folder / "status.parquet",
        predictions=out,
        counts=out,
        metrics=out / "metrics.json",
        curves=out / "curves.csv",
        confusion=out / "confusion.csv",
        classes=out / "classes.csv",
    )
    spiking = params.model(name).spiking

    def load_clips(fold: str) -> Dataset:
        if spiking:
            return load_spikes(folder / "spikes" / f"fold-{fold}", list(NAMES))[0]
        return load_features(features, list(NAMES), fold)

    folds = Folds(name, {FOLD: folder / name}, load_clips, list(NAMES))
    metrics = evaluate_classifier(folds, places, params.evaluate, frame_rate_hz=20.0, seed=1)
    return metrics, places


def check_costs(params: Params, places: dict[str, Places]) -> None:
    counts = {
        name: counts_of(
            params.model(name), read_layers(each.counts / "operations.csv"), params.costs
        )
        for name, each in places.items()
    }
    energy = energy_table(counts, params.costs)
    assert set(energy["model"]) == set(counts)
    for name, each in counts.items():
        found = figures(each, params.costs)
        assert all(np.isfinite(value) for value in found.values() if not isinstance(value, str))
        spiking = params.model(name).spiking
        assert any(layer.operation == "ac" for layer in each.layers) or not spiking

    pairs = twins(params.table())
    assert pairs
    assert len(break_even_table(counts, pairs, params.costs))


def check_use(folder: Path, tmp_path: Path, formats: dict[str, bool]) -> None:
    """Predict, export and break the network.

    Parameters
    ----------
    formats : of exports; False where it cannot be expressed
    """
    model = load(folder)
    sound = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)
    found = api.load(folder).predict(sound, 22050)
    assert set(found) == {*NAMES.values(), api.NONE}
    assert sum(found.values()) == pytest.approx(1)
    for name, expressible in formats.items():
        path = tmp_path / f"{folder.name}.{name}"
        if expressible:
            assert export(model, name, path).path.is_file()
        else:
            with pytest.raises(SpikesoundError, match=r"expressed in NIR|no spiking neurons"):
                export(model, name, path)
    peaks = firing(model.network, lambda network: network(model.inputs(np.zeros((12, 16)))))
    for name in faults_of(model.network):
        broken = faulty(model.network, name, 4 if name == "weight_bits" else 0.5, 1, peaks)
        assert torch.isfinite(broken(model.inputs(np.ones((12, 16))))).all()


@pytest.mark.slow
@pytest.mark.usefixtures("extended")
def test_an_encoding_goes_through_everything(tmp_path: Path) -> None:
    params = parameters(
        {"ann": row("cnn", "relu", "backprop"), "snn": row("cnn", "lif", "surrogate")}
    )
    folders = trained(params, tmp_path)
    results = {name: evaluated(params, tmp_path, name) for name in folders}
    assert results["snn"][0]["encoding"] == "pair"
    assert results["snn"][0]["accuracy"] > 0.8
    assert 0 < results["snn"][0]["spike_rate"] < 1
    check_costs(params, {name: places for name, (_, places) in results.items()})
    loaded = load(folders["snn"])
    assert loaded.spec.bins == 2 * 16
    assert loaded.inputs(np.zeros((12, 16), np.float32)).shape == (3, 1, 12, 32)
    check_use(folders["snn"], tmp_path, {"safetensors": True, "onnx": False, "nir": True})


@pytest.mark.slow
@pytest.mark.usefixtures("extended")
@pytest.mark.parametrize("method", ["surrogate", "convert", "proxy"])
def test_a_network_goes_through_everything(method: str, tmp_path: Path) -> None:
    params = parameters(
        {
            "ann": row("perceptron", "relu", "backprop"),
            "ann-int8": row("perceptron", "relu", "int8", "ann"),
            "snn": row("perceptron", "lif", method),
        },
        "rate_deterministic",
    )
    folders = trained(params, tmp_path)
    results = {name: evaluated(params, tmp_path, name) for name in folders}
    assert {name: metrics["accuracy"] > 0.8 for name, (metrics, _) in results.items()} == {
        "ann": True,
        "ann-int8": True,
        "snn": True,
    }
    check_costs(params, {name: places for name, (_, places) in results.items()})
    for name in folders:
        formats = {"safetensors": True, "torchscript": True, "onnx": name != "snn"}
        check_use(folders[name], tmp_path, formats)


@pytest.mark.slow
@pytest.mark.usefixtures("extended")
def test_a_neuron_goes_through_everything(tmp_path: Path) -> None:
    params = parameters(
        {
            "ann": row("cnn", "relu", "backprop"),
            "snn": row("cnn", "clamped", "surrogate"),
            "ann-perceptron": row("perceptron", "relu", "backprop"),
            "all": row("perceptron", "clamped", "surrogate"),
        }
    )
    folders = trained(params, tmp_path)
    results = {name: evaluated(params, tmp_path, name) for name in folders}
    assert results["snn"][0]["accuracy"] > 0.8
    assert results["all"][0]["accuracy"] > 0.8
    check_costs(params, {name: places for name, (_, places) in results.items()})
    for name in ("snn", "all"):
        formats = {"safetensors": True, "torchscript": True, "onnx": False, "nir": False}
        check_use(folders[name], tmp_path, formats)
        assert load(folders[name]).spec.neuron == "clamped"


@pytest.mark.slow
@pytest.mark.usefixtures("extended")
def test_a_neuron_detects_in_a_stream(tmp_path: Path) -> None:
    content = row("tcn", "clamped", "surrogate") | {
        "task": "detection",
        "recipe": "detector_snn",
        "labels": "strong",
        "reads": "features/detection",
        "needs": "clips/detection",
    }
    params = parameters({"snn": content}, "direct")
    model = params.model("snn")
    small = {"channels": [4, 4], "pools": [2, 2], "hidden": 6, "dilations": [1, 2], "taps": 2}
    shape = type(model.network_params).model_validate(model.network_params.model_dump() | small)
    model = replace(model, network_params=shape)
    train_fold(request(params, model, tmp_path, "snn"), lambda: None)
    sound = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)
    found = api.load(tmp_path / "snn")
    events = found.detect(sound, 22050)
    assert events == found.detect(sound, 22050, backend="dense")
    assert set(found.predict(sound, 22050)) == set(NAMES.values())


@pytest.mark.slow
@pytest.mark.usefixtures("extended")
def test_what_is_registered_is_listed_where_a_name_is_unknown() -> None:
    with pytest.raises(SpikesoundError, match=r"valid: .*perceptron"):
        parameters({"ann": row("perception", "relu", "backprop")})
    with pytest.raises(SpikesoundError, match=r"valid: .*clamped"):
        parameters({"snn": row("cnn", "clamp", "surrogate")})
    with pytest.raises(SpikesoundError, match=r"valid: .*pair"):
        parameters({"ann": row("cnn", "relu", "backprop")}, "pairs")


@pytest.mark.slow
@pytest.mark.usefixtures("extended")
def test_a_users_own_snntorch_network_goes_through_everything(tmp_path: Path) -> None:
    """Twenty lines in a file outside of the package, named in a row of the table."""
    path = tmp_path / "mine.py"
    path.write_text((ROOT / "networks/snntorch_example.py").read_text(encoding="utf-8"))
    network = f"{path}:Net"
    params = parameters(
        {"ann": row(network, "relu", "backprop"), "snn": row(network, "own", "surrogate")},
        "rate_deterministic",
    )
    assert twins(params.table()) == [("snn", "ann")]
    folders = trained(params, tmp_path)
    results = {name: evaluated(params, tmp_path, name) for name in folders}
    assert {name: metrics["accuracy"] > 0.8 for name, (metrics, _) in results.items()} == {
        "ann": True,
        "snn": True,
    }
    assert 0 < results["snn"][0]["spike_rate"] < 1
    check_costs(params, {name: places for name, (_, places) in results.items()})
    for name in folders:
        formats = {"safetensors": True, "torchscript": True, "onnx": name == "ann"}
        check_use(folders[name], tmp_path, formats)
