"""Variants of a trained twin: bits that are really few, activations that become fewer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spikesound.training.methods.variant import hoyer_density, train_variant
from spikesound.training.task import Task, Trained
from torch import nn
from toy_clips import long, toy

from spikesound.core.errors import SpikesoundError
from spikesound.models import classifier_spec
from spikesound.models.layers import recorded
from spikesound.models.networks.cnn import CNN
from spikesound.params import Params, VariantParams
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.training.loop import predict, train_plain


def section(**changes: object) -> VariantParams:
    values = {"activation_bits": None, "weight_bits": None, "sparsity": 0.0, "epochs": 8}
    return VariantParams.model_validate(values | {"learning_rate": 0.003} | changes)


def twin(params: Params, folder: Path) -> tuple[Task, Trained]:
    plain = long(params, folder, "surrogate")
    alone = {"model": "ann-cnn", "neuron": None, "neuron_params": None, "steps": 1}
    clips = toy(48)
    wanted = replace(
        plain,
        spec=plain.spec.model_copy(update=alone),
        training=clips.select(np.arange(32)),
        validation=clips.select(np.arange(32, 48)),
        method=None,
        step_values=(1.0,),
    )
    torch.manual_seed(0)
    return wanted, train_plain(wanted)


def varied(task: Task, source: Trained, folder: Path, **changes: object) -> Trained:
    method = section(**changes)
    spec = task.spec.model_copy(update={"activation_bits": method.activation_bits})
    wanted = replace(task, spec=spec, method=method, resume=folder / "variant.pt")
    return train_variant(wanted, source.network)


def test_a_variant_has_so_many_values_and_still_knows(params: Params, tmp_path: Path) -> None:
    task, source = twin(params, tmp_path)
    before = {name: value.clone() for name, value in source.network.state_dict().items()}
    trained = varied(task, source, tmp_path, activation_bits=2, weight_bits=4)
    network = trained.network
    assert isinstance(network, CNN)
    for block in network.blocks:
        assert isinstance(block.neuron, QCFS)
        weight = block.convolution.weight.detach()  # type: ignore[union-attr, operator]
        for channel in weight:
            assert len(channel.unique()) <= 2**4 - 1
    with recorded(network) as activations:
        scores = predict(network, task.validation, 16)
    for layer in activations:
        assert len(layer.unique()) <= 2**2
    hits = (scores.argmax(1) == task.validation.targets.argmax(1)).mean()
    assert hits == trained.result["validation_accuracy"] >= 0.75
    assert trained.result["best_epoch"] == 8, "the last one is kept"
    for name, value in source.network.state_dict().items():
        assert torch.equal(value, before[name]), "the twin stays as it was"
    classifier_spec.save(tmp_path / "model", trained.spec, network)
    _, again = classifier_spec.load(tmp_path / "model")
    assert np.array_equal(predict(again, task.validation, 16), scores)


@pytest.mark.slow
def test_sparsity_leaves_fewer_activations(params: Params, tmp_path: Path) -> None:
    task, source = twin(params, tmp_path)

    def density(network: nn.Module) -> float:
        assert isinstance(network, CNN)
        with recorded(network) as activations:
            predict(network, task.validation, 16)
        return float(np.mean([float((layer > 0).float().mean()) for layer in activations]))

    free = varied(task, source, tmp_path / "a", epochs=20)
    sparse = varied(task, source, tmp_path / "b", epochs=20, sparsity=10.0)
    assert density(sparse.network) < 0.9 * density(free.network)


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.01, 100))
def test_density_is_the_share_that_takes_part(active: int, silent: int, scale: float) -> None:
    layer = torch.cat([torch.full((active,), scale), torch.zeros(silent)])
    assert hoyer_density([layer]).item() == pytest.approx(active / (active + silent), rel=1e-4)
    assert hoyer_density([layer, torch.zeros(3)]).item() == pytest.approx(
        active / (active + silent) / 2, rel=1e-4
    )


def test_variants_of_other_networks_and_silent_layers_are_refused(
    params: Params, tmp_path: Path
) -> None:
    task, _ = twin(params, tmp_path)
    wanted = replace(task, method=section())
    with pytest.raises(SpikesoundError, match=r"another network: weights 'blocks\.0"):
        train_variant(wanted, nn.Linear(1, 1))
    lstm = task.spec.model_copy(
        update={"network": "lstm", "network_params": params.networks.lstm.model_dump()}
    )
    gates = replace(wanted, spec=lstm, method=section(activation_bits=8))
    with pytest.raises(SpikesoundError, match="'lstm' has gates in place of neurons"):
        train_variant(gates, classifier_spec.build(lstm))
    silent = classifier_spec.build(task.spec)
    assert isinstance(silent, CNN)
    for block in silent.blocks:
        nn.init.zeros_(block.norm.weight)  # type: ignore[union-attr, arg-type]
        nn.init.zeros_(block.norm.bias)  # type: ignore[union-attr, arg-type]
    spec = task.spec.model_copy(update={"activation_bits": 8})
    with pytest.raises(SpikesoundError, match="variants: layer 1 is silent"):
        train_variant(replace(wanted, spec=spec, method=section(activation_bits=8)), silent)
