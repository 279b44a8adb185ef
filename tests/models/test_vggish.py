"""VGGish: its published layout on small random weights, its counts, heads and early exits."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from toy_clips import NO_AUGMENT, base_spec, job, recipe, toy

from spikesound.apps.cli.model_choice import choose_model
from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.costs.layer import LayerCounts
from spikesound.features import compute
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.networks.sequence_head import Rounding
from spikesound.models.pretrained import PRETRAINED, Pretrained, files, model_file
from spikesound.models.pretrained.vggish import PARAMS, fill, spec_of
from spikesound.models.pretrained.yamnet import FEATURES
from spikesound.models.spec import Spec
from spikesound.params import Params, RemoteFile, SequenceHeadParams, VGGishParams
from spikesound.training.dataset import Dataset
from spikesound.training.job import Job
from spikesound.training.methods.head import train_head

SMALL = PARAMS.model_copy(update={"blocks": [[4], [6, 8]], "embedding": [10, 5], "patch": 16})


class Published(nn.Module):
    """The layers as the port to torch has them, of patches (patch, 1, frame, bin)."""

    def __init__(self) -> None:
        super().__init__()
        pool, relu = nn.MaxPool2d(2), nn.ReLU()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), relu, pool,
            nn.Conv2d(4, 6, 3, padding=1), relu, nn.Conv2d(6, 8, 3, padding=1), relu, pool,
        )  # fmt: skip
        self.embeddings = nn.Sequential(nn.Linear(8 * 4 * 16, 10), relu, nn.Linear(10, 5), relu)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.embeddings(self.features(x).permute(0, 2, 3, 1).flatten(1))
        return found


def written(path: Path) -> Published:
    torch.manual_seed(0)
    network = Published()
    torch.save(network.state_dict(), path)
    return network


def small(path: Path) -> Any:
    network = build(spec_of(SMALL))
    fill(network, path)
    return network.eval()


def test_a_small_file_gives_what_its_own_layers_give(tmp_path: Path) -> None:
    theirs = written(tmp_path / "a.pth")
    network = small(tmp_path / "a.pth")
    magnitudes = torch.rand(2, 40, 64, generator=torch.Generator().manual_seed(1)) * 3
    x = ((magnitudes + 0.001).log() - SMALL.low) / SMALL.span
    patches = (magnitudes[:, :32] + 0.01).log().unflatten(1, (2, 16))  # 8 frames are left
    with torch.inference_mode():
        expected = torch.stack([theirs(patches[:, i, None]) for i in range(2)])
        codes = network.codes(x[None])
        assert torch.allclose(codes, expected, atol=1e-4)
        assert codes.std() > 0.01
        scores = network(x[None])
    assert torch.allclose(scores, expected.mean(0) + expected.amax(0), atol=1e-4)
    shorter = torch.cat([x[None, :, :10], torch.zeros(1, 2, 6, 64)], 2)
    with torch.inference_mode():
        assert torch.equal(network(x[None, :, :10]), network(shorter)), "with silence behind it"


def test_its_front_end_is_yamnets_with_another_offset() -> None:
    wave = torch.rand(1, 16000, generator=torch.Generator().manual_seed(2)) - 0.5
    values = compute(wave, FEATURES)
    tone = values.exp() - 0.001
    seen: list[torch.Tensor] = []
    network: Any = build(spec_of(SMALL))
    network.convolutions[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network.codes(((values - SMALL.low) / SMALL.span)[None])
    assert torch.allclose(seen[0][0, 0, 0], (tone[0, :16] + 0.01).log(), atol=1e-4)
    assert (FEATURES.rate_hz, FEATURES.window, FEATURES.hop) == (16000, 400, 160)
    assert (FEATURES.mels, FEATURES.low_hz, FEATURES.high_hz) == (64, 125.0, 7500.0)


def test_damaged_and_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(SpikesoundError, match=r"a\.pth: expected a state dict of torch"):
        small(path)
    state = written(path).state_dict()
    torch.save({key: value for key, value in state.items() if "3.bias" not in key}, path)
    with pytest.raises(SpikesoundError, match=r"weights 'features\.3\.bias': missing"):
        small(path)
    torch.save(state | {"embeddings.2.weight": torch.zeros(5, 9)}, path)
    with pytest.raises(SpikesoundError, match=r"embeddings\.2\.weight: expected \(5, 10\), got"):
        small(path)


def test_the_published_network_has_its_published_size() -> None:
    with torch.device("meta"):
        network: Any = build(spec_of(PARAMS))
    layers = network.code_layers()
    weights = sum(each.numel() for layer in layers for each in layer.synapses.parameters())
    assert weights == 72_141_184
    last = network.embedding[0].linear
    assert (last.in_features, len(layers), network.width) == (12288, 9, 128)
    [remote] = PRETRAINED["vggish"].files
    assert str(remote.hash).startswith("sha256:" + remote.url.rpartition("-")[2].split(".")[0])


def registered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a small network into the registry in VGGish's place."""
    written(folder / "a.pth")
    digest = hashlib.sha256((folder / "a.pth").read_bytes()).hexdigest()
    remote = RemoteFile(url="http://127.0.0.1:9/a.pth", hash=f"sha256:{digest}")
    entry: Any = Pretrained(
        (remote,), lambda path: (spec_of(SMALL), small(path)), "none", classes=False
    )
    monkeypatch.setitem(PRETRAINED, "vggish", entry)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv(files.FOLDER, str(folder))


def test_it_becomes_a_model_file_without_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(tmp_path, monkeypatch)
    spec, network = file.load(model_file("vggish"))
    assert spec.classes == [f"embedding {i}" for i in range(1, 6)]
    assert torch.equal(network.state_dict()["readout.weight"], torch.eye(5))
    with pytest.raises(SpikesoundError, match=r"'vggish' gives embeddings .*`needs: base/vggish`"):
        choose_model("vggish", str(tmp_path / "models"))


# --- heads -------------------------------------------------------------------------------------

PATCH = {"patch": 4, "low": 0.0, "span": 1.0}
TRUNKS = {
    "vggish": SMALL.model_copy(update={"embedding": [12], **PATCH}).model_dump(),
    "yamnet": PATCH | {"channels": [6, 8], "strides": [2, 1], "outputs": []},
}


def striped() -> Dataset:
    """Clips of stripes along either axis: means over places tell them apart, too."""
    clips = toy()
    x = np.random.default_rng(1).uniform(0, 0.4, clips.inputs.shape)
    x[0::2, :, ::3] += 0.6
    x[1::2, :, :, ::3] += 0.6
    return replace(clips, inputs=x.astype(np.float16))


def headed(params: Params, folder: Path, trunk: str = "vggish", **changes: Any) -> Job:
    """Return a job on a head whose trunk is an untrained network's."""
    section = {"trunk": trunk, "trunk_params": TRUNKS[trunk], "cell": "dense", "units": 8}
    section |= {"rounding": False} | changes
    few = recipe(
        params, epochs=25, patience=25, learning_rate=0.01, augment=NO_AUGMENT.model_dump()
    )
    wanted = job(params, folder, kind="head", clips=striped(), training=few)
    neuron = "relu6" if trunk == "yamnet" else "relu"
    spec = wanted.spec.model_copy(
        update={"network": "sequence_head", "network_params": section, "neuron": neuron}
    )
    of_base = {"network": trunk, "network_params": TRUNKS[trunk]}
    torch.manual_seed(4)
    base = build(base_spec(replace(wanted, spec=spec)).model_copy(update=of_base))
    for name, each in base.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(each)
    return replace(wanted, spec=spec, base=base)


@pytest.mark.parametrize("cell", ["dense", "lstm", "gru"])
@pytest.mark.parametrize("trunk", TRUNKS)
def test_a_head_is_trained_on_embeddings_of_patches(
    trunk: str, cell: str, params: Params, tmp_path: Path
) -> None:
    wanted = headed(params, tmp_path, trunk, cell=cell)
    before = {key: value.clone() for key, value in wanted.base.state_dict().items()}  # type: ignore[union-attr]
    found = train_head(wanted)
    network: Any = found.network
    assert found.result["validation_accuracy"] > 0.8
    for key, value in network.trunk.state_dict().items():
        assert torch.equal(value, before[key]), "the trunk stays"
    x = torch.from_numpy(wanted.validation.batch(np.arange(3))).transpose(0, 1)
    with torch.inference_mode():
        codes = network.codes(x)
        assert codes.shape[:3] == (1, 3, 3), "12 frames are three patches"
        moved = network.codes(torch.cat([x[:, :, 4:8], x[:, :, :4], x[:, :, 8:]], 2))
    assert torch.allclose(moved, codes[:, :, [1, 0, 2]], atol=1e-5), "each of its own patch alone"


def counted(network: nn.Module, spec: Spec, x: torch.Tensor) -> dict[str, LayerCounts]:
    found = Counted()
    with torch.inference_mode(), counting(network, spec, found):
        network(x)
    return {layer.layer: layer for layer in found.layers}


def test_counts_by_hand(params: Params, tmp_path: Path) -> None:
    wanted = headed(params, tmp_path)
    network = build(wanted.spec).eval()
    layers = counted(network, wanted.spec, torch.rand(1, 2, 12, 16) + 0.1)
    # Three patches of 4 x 16 places: four channels of 3 x 3, borders left out.
    assert layers["convolution_1"].dense == 3 * 4 * (3 * 4 - 2) * (3 * 16 - 2)
    assert layers["convolution_1"].effective == layers["convolution_1"].dense
    assert layers["maximum_convolution_1"].effective == 3 * 3 * 4 * 2 * 8
    assert "norm_convolution_1" not in layers
    assert layers["embedding_1"].dense == 3 * (8 * 1 * 4) * 12
    assert layers["hidden"].dense == 3 * 12 * 8
    assert layers["hidden"].neuron == "relu"
    assert layers["pooling_patches"].effective == 2 * 3 * 8
    assert layers["readout"].dense == 8 * 2
    gru = headed(params, tmp_path, "yamnet", cell="gru")
    layers = counted(build(gru.spec).eval(), gru.spec, torch.rand(1, 2, 12, 16) + 0.1)
    assert layers["recurrent_1_1"].dense == 3 * 8 * (3 * 8 + 2 * 8)
    assert "readout" in layers
    assert layers["pooling"].outputs == 8


def first_layer(network: Any) -> torch.Tensor:
    found: torch.Tensor = network.head.cells.linear.weight
    return found


@pytest.mark.parametrize("exit", [1, 2])
def test_an_early_exit_with_rounding_learns_in_its_read_out_alone(
    exit: int, params: Params, tmp_path: Path
) -> None:
    trunk = TRUNKS["vggish"] | {"exit": exit}
    losses = {}
    for rounding in (True, False):
        wanted = headed(params, tmp_path / str(rounding), trunk_params=trunk, rounding=rounding)
        wanted = replace(wanted, recipe=wanted.recipe.model_copy(update={"weight_decay": 0.0}))
        torch.manual_seed(5)
        start = first_layer(build(wanted.spec)).clone()
        torch.manual_seed(5)
        found = train_head(wanted)
        assert torch.equal(first_layer(found.network), start) == rounding
        losses[rounding] = found.history[-1]["train_loss"]
        channels = {1: 4, 2: 8}[exit]
        assert start.shape[1] == channels * (4 >> exit) * (16 >> exit)
    assert losses[False] < losses[True]


def test_rounding_is_to_8_bits_and_has_no_gradient() -> None:
    x = torch.tensor([-9.0, -2.0, 0.003, 0.5, 9.0], requires_grad=True)
    y = Rounding()(x)
    steps = (y.detach().double() + 2) * 255 / 4
    assert torch.allclose(steps, steps.round(), atol=1e-4)
    assert (y.detach() - x.detach().clamp(-2, 2)).abs().max() <= 2 / 255 + 1e-6
    y.sum().backward()
    assert x.grad is not None
    assert not x.grad.any()


def test_what_does_not_fit_is_one_line(params: Params, tmp_path: Path) -> None:
    wanted = headed(params, tmp_path)
    with pytest.raises(SpikesoundError, match="transfer learning starts from a trained model"):
        train_head(replace(wanted, base=None))
    other = build(headed(params, tmp_path, "yamnet").spec)
    with pytest.raises(SpikesoundError, match=r"is another network: weights 'convolutions\.0"):
        train_head(replace(wanted, base=other))
    plain = job(params, tmp_path, kind="head", clips=toy())
    with pytest.raises(SpikesoundError, match="expected a network of kind sequence_head, got cnn"):
        train_head(plain)
    with pytest.raises(SpikesoundError, match="multiples of 4 frames of a patch and bins, got 6"):
        build(spec_of(SMALL.model_copy(update={"patch": 6})))
    with pytest.raises(ValueError, match="exit 3 is above the number of blocks, 2"):
        VGGishParams.model_validate(SMALL.model_dump() | {"exit": 3})
    section = {"trunk": "vggish", "trunk_params": {}, "cell": "gru", "units": 2, "rounding": False}
    with pytest.raises(ValueError, match="blocks"):
        SequenceHeadParams.model_validate(section)
