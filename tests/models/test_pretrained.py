"""Pretrained networks: reading of TensorFlow Lite files, the registry, and YAMNet itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from project import ROOT
from published import published
from tflite_made import Made, like_yamnet

from spikesound.apps.sound import Samples
from spikesound.core.errors import SpikesoundError
from spikesound.features import compute
from spikesound.models import file, pretrained
from spikesound.models.build import build
from spikesound.models.pretrained import PRETRAINED, Pretrained, files, model_file
from spikesound.models.pretrained.tflite import read_operators
from spikesound.models.pretrained.yamnet import (
    FEATURES,
    PARAMS,
    fill,
    read_classes,
    read_yamnet,
    spec_of,
)
from spikesound.params import RemoteFile

CHANNELS, STRIDES = [4, 6, 8], [2, 1, 2]
SMALL = PARAMS.model_copy(update={"channels": CHANNELS, "strides": STRIDES, "patch": 32})
IDS = ["/m/a", "/m/b", "/m/c"]


def run_file(path: Path, values: np.ndarray) -> np.ndarray:
    """Scores of a file by the interpreter of its publishers."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def small(path: Path, **changes: object) -> tuple[Made, torch.nn.Module]:
    made = like_yamnet(path, CHANNELS, STRIDES, 3, **changes)  # type: ignore[arg-type]
    network = build(spec_of(SMALL, IDS, IDS))
    fill(network, read_operators(path), path)
    return made, network.eval()


@pytest.mark.parametrize("quantised", [True, False])
def test_weights_are_those_that_were_written(tmp_path: Path, quantised: bool) -> None:
    made = like_yamnet(tmp_path / "a.tflite", CHANNELS, STRIDES, 3, quantised=quantised)
    found = read_operators(tmp_path / "a.tflite")
    separable = ["DEPTHWISE_CONV_2D", "CONV_2D"]
    kinds = ["CONV_2D", *separable, *separable, "MEAN", "FULLY_CONNECTED", "LOGISTIC"]
    assert [each.kind for each in found] == kinds
    assert [each.stride for each in found[:5]] == [(2, 2), (1, 1), (1, 1), (2, 2), (1, 1)]
    assert {each.activation for each in found[:5]} == {"RELU6"}
    assert {each.padding for each in found[:5]} == {"SAME"}
    weighted = [each.weights for each in found if each.weights]
    assert len(weighted) == len(made.values) == 6
    for ours, theirs in zip(weighted, made.values, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert np.allclose(one, other, rtol=1e-6, atol=1e-7)


def test_a_small_file_gives_the_scores_of_its_publishers_interpreter(tmp_path: Path) -> None:
    _, network = small(tmp_path / "a.tflite", quantised=False)
    values = np.random.default_rng(1).normal(0, 4, (1, 32, 64, 1)).astype(np.float32)
    x = (torch.from_numpy(values[None, ..., 0]) - SMALL.low) / SMALL.span
    with torch.inference_mode():
        ours = network(x).sigmoid().numpy()
    assert np.abs(ours - run_file(tmp_path / "a.tflite", values)).max() < 1e-5
    assert ours.std() > 0.01
    first = network.blocks[0].neuron  # type: ignore[union-attr, index]
    first.register_forward_hook(lambda module, inputs, output: seen.append(output.max().item()))
    seen: list[float] = []
    with torch.inference_mode():
        network(x)
    assert seen == [6.0], "activations reach where they are clipped"


def test_damaged_and_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(b"PK\x03\x04 nothing of the kind")
    with pytest.raises(SpikesoundError, match=r"a\.tflite: expected a TensorFlow Lite file"):
        read_operators(path)
    like_yamnet(path, CHANNELS, STRIDES, 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:400])
    with pytest.raises(SpikesoundError, match=r"a\.tflite: a damaged"):
        read_operators(path)
    path.write_bytes(whole)
    network = build(spec_of(SMALL.model_copy(update={"strides": [2, 1, 1]}), IDS, IDS))
    with pytest.raises(SpikesoundError, match="layer depthwise_3: expected DEPTHWISE_CONV_2D of "):
        fill(network, read_operators(path), path)
    network = build(spec_of(SMALL.model_copy(update={"channels": [4, 6, 9]}), IDS, IDS))
    with pytest.raises(SpikesoundError, match="layer pointwise_3: expected weights"):
        fill(network, read_operators(path), path)
    with pytest.raises(SpikesoundError, match="expected 28 layers with weights, got 6"):
        fill(build(spec_of(PARAMS, IDS, IDS)), read_operators(path), path)


def class_map(path: Path) -> Path:
    rows = "".join(f"{i},{label},Sound {i}\n" for i, label in enumerate(IDS))
    path.write_text(f"index,mid,display_name\n{rows}")
    return path


def test_classes_come_in_their_order(tmp_path: Path) -> None:
    path = class_map(tmp_path / "map.csv")
    assert read_classes(path) == (IDS, ["Sound 0", "Sound 1", "Sound 2"])
    path.write_text(path.read_text().replace("1,/m/b", "7,/m/b"))
    with pytest.raises(SpikesoundError, match=r"map\.csv: expected indices 0 to 2"):
        read_classes(path)
    path.write_text("number,id\n0,/m/a\n")
    with pytest.raises(SpikesoundError, match=r"map\.csv: expected columns index, mid"):
        read_classes(path)


def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bool = False) -> Path:
    """A registry of a small network, whose files lie in a folder of the person's own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    like_yamnet(folder / "a.tflite", CHANNELS, STRIDES, 3)
    class_map(folder / "map.csv")

    def remote(name: str) -> RemoteFile:
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        return RemoteFile(url=f"http://127.0.0.1:9/{name}", hash=f"sha256:{digest}")

    def read(weights: Path, classes: Path) -> tuple[object, torch.nn.Module]:
        spec = spec_of(SMALL, *read_classes(classes))
        network = build(spec)
        fill(network, read_operators(weights), weights)
        return spec, network

    entry = Pretrained((remote("a.tflite"), remote("map.csv")), read, "none")  # type: ignore[arg-type]
    monkeypatch.setitem(PRETRAINED, "small", entry)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(files.FOLDER, str(folder))
    if damage:
        with (folder / "a.tflite").open("ab") as damaged:
            damaged.write(b"x")
    return folder


def test_a_persons_own_copies_become_a_model_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = registered(tmp_path, monkeypatch)
    path = model_file("small")
    spec, network = file.load(path)
    assert spec.names == ["Sound 0", "Sound 1", "Sound 2"]
    expected = read_operators(folder / "a.tflite")[0].weights[0]
    assert np.array_equal(
        network.state_dict()["blocks.0.convolution.weight"].permute(0, 2, 3, 1), expected
    )
    monkeypatch.delenv(files.FOLDER)
    assert model_file("small") == path, "once read, it needs neither folder nor network"


def test_what_is_not_to_be_had_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registered(tmp_path, monkeypatch, damage=True)
    with pytest.raises(SpikesoundError, match=r"a\.tflite: expected hash sha256:"):
        model_file("small")
    monkeypatch.delenv(files.FOLDER)
    monkeypatch.setattr("spikesound.data.sources.remote.ATTEMPTS", 1)
    with pytest.raises(SpikesoundError, match=r"weights of small: http.*put a\.tflite into") as e:
        model_file("small")
    assert "\n" not in str(e.value)
    with pytest.raises(SpikesoundError, match="unknown pretrained network 'yamnett'"):
        model_file("yamnett")


def test_hashes_and_licences_are_given() -> None:
    for entry in PRETRAINED.values():
        assert entry.licence
        assert all(each.url.startswith("https://") for each in entry.files)
    assert pretrained.READING >= 1


def probabilities(network: torch.nn.Module, values: np.ndarray) -> np.ndarray:
    """Scores of log-mel values (96, 64)."""
    x = (torch.from_numpy(values[None, None]) - PARAMS.low) / PARAMS.span
    with torch.inference_mode():
        return network(x).sigmoid()[0].numpy()


@pytest.mark.slow
def test_yamnet_gives_the_scores_of_its_file() -> None:
    """On the published spectra and on real clips, up to the file's rounding to 8 bits.

    The interpreter rounds the input and all activations; its probabilities are multiples of 1/256.
    """
    path = published("yamnet_spectra_in.tflite")
    spec, network = read_yamnet(path, published("yamnet_class_map.csv"))
    assert len(spec.classes) == len(set(spec.names)) == 521
    spectra = published("yamnet_test_spectra.bin")
    patches = [np.fromfile(spectra, np.float32).reshape(96, 64)]
    for name in ("1-100032-A", "2-37806-A", "3-155312-A"):
        sound = np.concatenate(list(Samples(ROOT / f"data/esc10/audio/{name}.ogg", None, 16000)))
        values = compute(torch.from_numpy(sound[None]), FEATURES)[0].numpy()
        patches += [values[start : start + 96] for start in (0, 96, 192)]
    for values in patches:
        ours, theirs = probabilities(network, values), run_file(path, values[None]).ravel()
        assert ours.argmax() == theirs.argmax()
        assert np.abs(ours - theirs).max() < 0.1
        assert np.corrcoef(ours, theirs)[0, 1] > 0.995
