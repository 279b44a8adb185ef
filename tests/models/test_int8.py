"""Model files with weights of 8 bits or fewer: what is written comes back; damage is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from small_models import LIF, adaptive, classifier, detector

from spikesound.core.errors import SpikesoundError
from spikesound.models import file
from spikesound.models.export import export
from spikesound.models.integer_weights import SCALE
from spikesound.models.listing import list_models
from spikesound.models.loading import TrainedModel, load
from spikesound.models.safe_file import write
from spikesound.params import Params
from spikesound.snn.quantisation.integers import from_integers, to_integers
from spikesound.snn.quantisation.weights import fake_quantise, quantise_weights, synapses

Make = Callable[[Params], TrainedModel]
MODELS: dict[str, Make] = {
    "snn-cnn": lambda params: classifier("cnn", params, spiking=True),
    "ann-gru": lambda params: classifier("gru", params, spiking=False),
    "snn-tcn": lambda params: detector("tcn", neuron=LIF),
    "snn-alif": adaptive,
    "crnn-lstm": lambda params: detector("crnn_lstm"),
}


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_integers_and_scales_are_the_quantised_weights(bits: int) -> None:
    generator = torch.Generator().manual_seed(bits)
    for shape in ((7, 5), (16, 1, 3, 3), (20, 33, 3)):
        weight = torch.randn(shape, generator=generator)
        weight[0] = 0
        integers, scales = to_integers(weight, bits)
        assert integers.dtype == torch.int8
        assert int(integers.abs().max()) == 2 ** (bits - 1) - 1
        assert torch.equal(from_integers(integers, scales), fake_quantise(weight, bits))


def test_integers_by_hand() -> None:
    """3 bits: -3 to 3; the largest of a channel is 3 of its scale."""
    integers, scales = to_integers(torch.tensor([[0.6, -0.3, 0.05], [3.0, 1.4, -2.6]]), 3)
    assert integers.tolist() == [[3, -2, 0], [3, 1, -3]]  # -1.5 to the even -2
    assert scales.tolist() == pytest.approx([0.2, 1.0])


@pytest.mark.parametrize("name", MODELS)
def test_an_int8_file_is_loaded_as_the_quantised_model(
    tmp_path: Path, params: Params, name: str
) -> None:
    model = MODELS[name](params)
    done = export(model, "int8", tmp_path / "m.safetensors")
    assert done.difference > 0
    assert done.decided
    weights = load_file(tmp_path / "m.safetensors")
    for each in synapses(model.network):
        assert weights[each].dtype == torch.int8
        assert weights[each + SCALE].shape == weights[each].shape[:1]
    found = load(tmp_path / "m.safetensors")
    quantise_weights(model.network, 8)
    for key, value in model.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[key], value)
    assert found.spec == model.spec
    (listed,) = list_models([tmp_path], tmp_path)
    assert listed.parameters == sum(each.numel() for each in model.network.parameters())


def test_weights_of_few_bits_lose_nothing_by_as_many(tmp_path: Path, params: Params) -> None:
    model = classifier("cnn", params, spiking=False)
    quantise_weights(model.network, 3)
    assert export(model, "int8", tmp_path / "m.safetensors", bits=3).difference < 1e-6
    assert export(model, "int8", tmp_path / "m.safetensors", bits=2).difference > 1e-4


@pytest.mark.parametrize("bits", [1, 9])
def test_bits_out_of_range_are_refused(tmp_path: Path, bits: int) -> None:
    with pytest.raises(SpikesoundError, match=f"bits: expected 2 to 8, got {bits}"):
        export(detector("tcn"), "int8", tmp_path / "m.safetensors", bits=bits)
    assert list(tmp_path.iterdir()) == []


def test_damaged_integers_and_scales_are_refused(tmp_path: Path) -> None:
    model, path = detector("tcn"), tmp_path / "m.safetensors"
    file.save(path, model.spec, model.network, bits=8)
    with safe_open(path, "pt") as opened:
        metadata = {k: v for k, v in opened.metadata().items() if k != "sha256"}
    name = next(iter(synapses(model.network)))
    changes: dict[str, Callable[[dict[str, torch.Tensor]], object]] = {
        f"{name}{SCALE}': missing": lambda state: state.pop(name + SCALE),
        f"{name}{SCALE}': expected scales above 0": lambda state: state[name + SCALE].zero_(),
        f"{name}{SCALE}': expected finite": lambda state: state[name + SCALE].fill_(np.nan),
        f"{name}': expected": lambda state: state.update({name: state[name][:1].clone()}),
        "norm.weight': expected": lambda state: state.update(
            {"front.0.norm.weight": torch.ones(4, dtype=torch.int8)}
        ),
    }
    for why, change in changes.items():
        state = {key: value.clone() for key, value in load_file(path).items()}
        change(state)
        write(tmp_path / "damaged.safetensors", metadata, state)
        with pytest.raises(SpikesoundError, match=why):
            load(tmp_path / "damaged.safetensors")


def test_the_float_file_has_no_scales(tmp_path: Path) -> None:
    model = detector("tcn")
    file.save(tmp_path / "m.safetensors", model.spec, model.network)
    assert not [name for name in load_file(tmp_path / "m.safetensors") if name.endswith(SCALE)]
