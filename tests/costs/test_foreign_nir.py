"""NIR files: equal counts to the project's own on real sound, by hand, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from small_models import LIF, classifier, made
from trained_models import RECORDING

from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.costs.foreign.nir_network import read_nir
from spikesound.costs.foreign.run import count
from spikesound.costs.foreign.sample import Sample
from spikesound.costs.layer import LayerCounts
from spikesound.models.export import export
from spikesound.models.export.plain import plain_loops
from spikesound.models.loading import TrainedModel
from spikesound.params import Params

nir = pytest.importorskip("nir")

BEHIND = ("pooling", "pooling_frames", "readout")
"""Layers that a NIR file does not have; the export says so."""


def exported(reset: str, params: Params, path: Path) -> TrainedModel:
    """Write a classifier as NIR, and return it."""
    spec = classifier("cnn", params, spiking=True).spec
    changes: dict[str, object] = {"neuron_params": LIF | {"reset": reset}}
    if reset == "integrate":
        section = params.neurons["integrate_and_fire"].model_dump()
        changes = {"neuron": "integrate_and_fire", "neuron_params": section}
    model = made(spec.model_copy(update=changes))
    export(model, "nir", path)
    return model


def dog(model: TrainedModel, frames: int) -> torch.Tensor:
    """Return the model's input (step, 1, frame, bin) of the beginning of a real recording."""
    samples, _ = librosa.load(RECORDING, sr=model.front_end.rate_hz)
    return model.inputs(model.front_end.whole(samples.astype(np.float32))[:frames])


def own_counts(model: TrainedModel, x: torch.Tensor) -> list[LayerCounts]:
    counted, exact = Counted(), plain_loops(model, torch.float64)
    with torch.no_grad(), counting(exact.network, model.spec, counted):
        exact.network(x.double())
    return counted.layers


@pytest.mark.slow
@pytest.mark.parametrize("reset", ["subtract", "zero", "none", "integrate"])
def test_an_exported_classifier_is_counted_as_by_the_project(
    reset: str, params: Params, tmp_path: Path
) -> None:
    model = exported(reset, params, tmp_path / "m.nir")
    network = read_nir(tmp_path / "m.nir")
    assert network.shape is not None
    x = dog(model, network.shape[1])
    assert len(x) == 1, "direct coding: constant over time"
    sample = Sample(x[0, :, None], "b", "constant", model.spec.steps, each_step=True)
    found = count(network, sample)
    ours = own_counts(model, x)
    assert [layer.layer for layer in ours if layer.layer in BEHIND] == list(BEHIND)
    blocks = [layer for layer in ours if layer.layer not in BEHIND]
    assert sum(layer.active_outputs for layer in blocks) > 100
    # Equal, but for the names, and that a file does not say that a kernel has a mean merged into
    # it, by which an integer weight needs two bits more. What is active in no step is not counted.
    assert {layer.merged_bits for layer in blocks} == {2}
    for layer, own in zip(found.layers, blocks, strict=True):
        known = {"layer": own.layer, "merged_bits": own.merged_bits, "distinct": own.distinct}
        assert replace(layer, **known) == own
    assert found.steps == model.spec.steps


def graph(**nodes: Any) -> Any:
    """Return a chain of nodes between an input and an output of two values."""
    names = ["input", *nodes, "output"]
    ends = {
        "input": nir.Input({"input": np.array([2])}),
        "output": nir.Output({"output": np.array([2])}),
    }
    every = {name: nodes.get(name, ends.get(name)) for name in names}
    return nir.NIRGraph(every, list(pairwise(names)), type_check=False)


def full(value: float) -> np.ndarray[Any, Any]:
    return np.full(2, value)


SPIKES = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])[:, None]


def test_a_graph_is_counted_by_hand(tmp_path: Path) -> None:
    # tau of one step and no memory: a current of 2 spikes, as a current of 0.5 does not.
    lif = {"tau": full(1e-4), "r": full(1.0), "v_leak": full(0.0), "v_threshold": full(1.0)}
    nir.write(
        tmp_path / "m.nir",
        graph(
            a=nir.Linear(2 * np.eye(2)), b=nir.LIF(**lif),
            c=nir.Affine(np.full((2, 2), 0.25), np.zeros(2)),
            d=nir.CubaLIF(
                tau_syn=full(1e-3), tau_mem=full(1e-3), r=full(1.0), v_leak=full(0.0),
                v_threshold=full(1.0), w_in=full(1.0),
            ),
        ),
    )  # fmt: skip
    first, second = count(read_nir(tmp_path / "m.nir"), Sample(SPIKES, each_step=True)).layers
    assert (first.layer, first.effective, first.active_outputs, first.weights) == ("a", 6, 3, 4)
    assert (first.neuron, first.neuron_updates, first.steps) == ("lif", 6, 3)
    assert (second.layer, second.effective, second.active_outputs) == ("c", 6, 0)
    assert (second.neuron, second.weights) == ("cuba_lif", 4 + 2)


def test_the_length_of_a_step_decides_what_spikes(tmp_path: Path) -> None:
    node = nir.IF(r=full(1e4), v_threshold=full(1.5))
    nir.write(tmp_path / "m.nir", graph(a=nir.Linear(np.eye(2)), b=node))
    by_default, longer = (
        count(read_nir(tmp_path / "m.nir", dt), Sample(SPIKES, each_step=True)).layers[0]
        for dt in (None, 2e-4)
    )
    assert by_default.active_outputs == 1, "two spikes of one input add up to one"
    assert longer.active_outputs == 3, "each is enough"
    assert by_default.neuron == "integrate_and_fire"


def test_what_cannot_be_counted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.nir"
    nir.write(path, graph(a=nir.Delay(full(1e-3)), b=nir.Threshold(full(1.0))))
    with pytest.raises(SpikesoundError, match=r"'a' of class nir\.Delay cannot.*AvgPool2d, Conv1d"):
        read_nir(path)
    recurrent = graph(a=nir.Linear(np.eye(2)), b=nir.IF(full(1.0), full(1.0)))
    recurrent.nodes["back"] = nir.Linear(np.full((2, 2), 0.5))
    recurrent.edges += [("b", "back"), ("back", "b")]
    nir.write(path, recurrent)
    with pytest.raises(SpikesoundError, match="are a cycle; recurrent connections cannot"):
        read_nir(path)
    nir.write(path, graph(a=nir.Linear(np.eye(2)), b=nir.IF(full(1.0), full(1.0))))
    with pytest.raises(SpikesoundError, match=r"axes \(time, batch, 2\), got \(5,\)"):
        count(read_nir(path), Sample(torch.ones(3, 1, 5), each_step=True))
    path.write_bytes(b"no HDF5")
    with pytest.raises(SpikesoundError, match=r"m\.nir: not a NIR file"):
        read_nir(path)
    with pytest.raises(SpikesoundError, match=r"none\.nir: no such file"):
        read_nir(tmp_path / "none.nir")
