"""Device and precision: parameters of Fabric, and one loop for all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from small_shards import request, small
from toy_clips import job, recipe

from spikesound.params import DeviceParams, Params
from spikesound.training.fabric import TrainingFabric
from spikesound.training.methods import METHODS
from spikesound.training.run import prepare

PRECISIONS = ("32-true", "bf16-mixed")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["backprop", "surrogate"])
def test_lower_precision_trains_near_full_precision_and_not_as_it(
    kind: str, params: Params, tmp_path: Path
) -> None:
    losses, weights = [], []
    for precision in PRECISIONS:
        fabric = Fabric(accelerator="cpu", devices=1, precision=precision)  # type: ignore[arg-type]
        torch.manual_seed(0)
        base = job(params, tmp_path / precision, kind=kind, training=recipe(params, epochs=1))
        trained = METHODS[kind](replace(base, fabric=fabric))
        losses.append(trained.history[0]["train_loss"])
        weights.append(trained.network.state_dict())
        assert {value.dtype for value in trained.network.parameters()} == {torch.float32}
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.2)
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_precision_is_a_parameter_of_the_run(
    precision: str, params: Params, tmp_path: Path
) -> None:
    device = params.device.model_copy(update={"accelerator": "cpu", "precision": precision})
    wanted = request(params, small(params, "ann-cnn"), tmp_path, device=device)
    assert prepare(wanted)[0].fabric._precision.precision == precision


@pytest.mark.slow
@pytest.mark.parametrize("name", ["snn-tcn-both", "ann-gru-strong"])
def test_detectors_train_with_lower_precision(name: str, params: Params, tmp_path: Path) -> None:
    losses = []
    for precision in PRECISIONS:
        device = params.device.model_copy(update={"accelerator": "cpu", "precision": precision})
        wanted = request(params, small(params, name, epochs=1), tmp_path, device=device)
        base, _ = prepare(wanted)
        torch.manual_seed(0)
        base = replace(base, resume=tmp_path / f"{precision}.pt")
        losses.append(METHODS[wanted.model.method](base).history[0]["train_loss"])
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.2)


def test_gradients_that_explode_move_nothing_and_others_are_clipped() -> None:
    """The norm of 1e25 in float32 overflows, though each gradient is finite."""
    fabric = TrainingFabric(DeviceParams(accelerator="cpu", precision="32-true"))
    network = torch.nn.Linear(2, 1, bias=False)
    optimiser = fabric.setup_optimizers(torch.optim.SGD(network.parameters(), 1.0))
    for scale, moved, left_out in ((3.0, True, 0), (1e25, False, 1), (float("nan"), False, 2)):
        before = network.weight.detach().clone()
        optimiser.zero_grad()
        fabric.backward(network(torch.full((1, 2), scale)).sum())
        fabric.clip_gradients(network, optimiser, max_norm=1.0)
        optimiser.step()
        step = (network.weight.detach() - before).norm().item()
        assert step == pytest.approx(1.0 if moved else 0.0, abs=1e-5)
        assert fabric.left_out == left_out
