"""Fine-tuning of a trained twin: values that are really few, activations that become fewer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from toy_clips import long

from spikesound.core.errors import SpikesoundError
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.layers import recorded
from spikesound.models.networks.cnn import CNN
from spikesound.params import FineTuneParams, Params
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train_backprop
from spikesound.training.methods.fine_tune import hoyer_density, train_fine_tuned
from spikesound.training.scores import clip_scores


def section(**changes: object) -> FineTuneParams:
    values = {"activation_bits": None, "weight_bits": None, "sparsity": 0.0, "epochs": 8}
    return FineTuneParams.model_validate(values | {"learning_rate": 0.003} | changes)


def twin(params: Params, folder: Path) -> tuple[Job, Trained]:
    wanted = long(params, folder, "backprop")
    torch.manual_seed(0)
    return wanted, train_backprop(wanted)


def tuned(job: Job, source: Trained, folder: Path, **changes: object) -> Trained:
    wanted = replace(
        job, method=section(**changes), base=source.network, resume=folder / "tuned.pt"
    )
    return train_fine_tuned(wanted)


@pytest.mark.slow
def test_a_quantised_twin_has_few_values_and_still_knows(params: Params, tmp_path: Path) -> None:
    job, source = twin(params, tmp_path)
    before = {name: value.clone() for name, value in source.network.state_dict().items()}
    trained = tuned(job, source, tmp_path, activation_bits=2, weight_bits=4)
    network = trained.network
    assert isinstance(network, CNN)
    for block in network.blocks:
        assert isinstance(block.neuron, QCFS)
        weight = block.convolution.weight.detach()  # type: ignore[union-attr, operator]
        for channel in weight:
            assert len(channel.unique()) <= 2**4 - 1
    with recorded(network) as activations:
        scores = clip_scores(network, job.validation, 16)
    for layer in activations:
        assert len(layer.unique()) <= 2**2
    hits = (scores.argmax(1) == job.validation.present.argmax(1)).mean()
    assert hits == trained.result["validation_accuracy"] >= 0.75
    assert trained.result["best_epoch"] == 8, "the last one is kept"
    for name, value in source.network.state_dict().items():
        assert torch.equal(value, before[name]), "the twin stays as it was"
    file.save(tmp_path / file.WEIGHTS, trained.spec, network)
    _, again = file.load(tmp_path)
    assert np.array_equal(clip_scores(again, job.validation, 16), scores)


@pytest.mark.slow
def test_sparsity_leaves_fewer_activations(params: Params, tmp_path: Path) -> None:
    job, source = twin(params, tmp_path)

    def density(network: nn.Module) -> float:
        assert isinstance(network, CNN)
        with recorded(network) as activations:
            clip_scores(network, job.validation, 16)
        return float(np.mean([float((layer > 0).float().mean()) for layer in activations]))

    free = tuned(job, source, tmp_path / "a", epochs=20)
    sparse = tuned(job, source, tmp_path / "b", epochs=20, sparsity=10.0)
    assert density(sparse.network) < 0.9 * density(free.network)


@pytest.mark.slow
@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.01, 100))
def test_density_is_the_share_that_takes_part(active: int, silent: int, scale: float) -> None:
    layer = torch.cat([torch.full((active,), scale), torch.zeros(silent)])
    assert hoyer_density([layer]).item() == pytest.approx(active / (active + silent), rel=1e-4)
    assert hoyer_density([layer, torch.zeros(3)]).item() == pytest.approx(
        active / (active + silent) / 2, rel=1e-4
    )


@pytest.mark.slow
def test_other_networks_and_silent_layers_are_refused(params: Params, tmp_path: Path) -> None:
    job, _ = twin(params, tmp_path)
    wanted = replace(job, method=section())
    with pytest.raises(SpikesoundError, match="ann-cnn: fine-tuning starts from a trained model"):
        train_fine_tuned(wanted)
    with pytest.raises(SpikesoundError, match=r"another network: weights 'blocks\.0"):
        train_fine_tuned(replace(wanted, base=nn.Linear(1, 1)))
    lstm = job.spec.model_copy(
        update={"network": "lstm", "network_params": params.networks["lstm"].model_dump()}
    )
    gates = replace(wanted, spec=lstm, method=section(activation_bits=8), base=build(lstm))
    with pytest.raises(SpikesoundError, match="'lstm' has gates in place of neurons"):
        train_fine_tuned(gates)
    silent = build(job.spec)
    assert isinstance(silent, CNN)
    for block in silent.blocks:
        nn.init.zeros_(block.norm.weight)  # type: ignore[union-attr, arg-type]
        nn.init.zeros_(block.norm.bias)  # type: ignore[union-attr, arg-type]
    quiet = replace(wanted, method=section(activation_bits=8), base=silent)
    with pytest.raises(SpikesoundError, match="ann-cnn: layer 1 is silent"):
        train_fine_tuned(quiet)
