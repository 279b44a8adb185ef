"""Model files: what is written comes back; what is damaged or hostile is refused in a line."""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from project import ROOT
from safetensors.torch import load_file, save_file
from small_models import BINS, CLASSES, LIF, NAMES, classifier, detector, features, saved

from spikesound.core.errors import SpikesoundError
from spikesound.models.file import WEIGHTS
from spikesound.models.loading import load
from spikesound.params import Params

sys.path.append(str(ROOT / "benchmarks"))

from fuzz_models import fuzz
from hostile import joined, split


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector's file."""
    return saved(detector("tcn", neuron=LIF), tmp_path_factory.mktemp("good")) / WEIGHTS


def test_a_detector_comes_back_from_its_file(good: Path) -> None:
    made, found = detector("tcn", neuron=LIF), load(good)
    assert found.detects
    assert found.spec == made.spec
    assert (found.ids, found.labels) == (CLASSES, NAMES)
    assert found.front_end == made.front_end
    x = torch.from_numpy(features())[:, None]
    with torch.no_grad():
        assert torch.equal(found.network(x).logits, made.network(x).logits)
    assert load(good.parent).detects  # the folder that it lies in


def test_any_reader_of_safetensors_reads_the_weights(good: Path) -> None:
    weights = load_file(good)
    assert weights.keys() == detector("tcn", neuron=LIF).network.state_dict().keys()


@pytest.mark.parametrize("spiking", [True, False])
@pytest.mark.parametrize("labels", ["single", "multiple"])
def test_a_classifier_comes_back_from_its_file(
    tmp_path: Path, params: Params, spiking: bool, labels: str
) -> None:
    made = classifier("cnn", params, spiking=spiking, labels=labels)
    expected = made.probabilities(features())
    assert expected.dtype == np.float32
    assert (expected.sum() == pytest.approx(1, abs=1e-6)) == (labels == "single")
    found = load(saved(made, tmp_path / "fold-1"))
    assert not found.detects
    assert (found.ids, found.labels, found.clip_s) == (CLASSES, NAMES, 2.0)
    np.testing.assert_array_equal(found.probabilities(features()), expected)


def test_probabilities_are_the_softmax_or_the_sigmoid_of_the_scores(params: Params) -> None:
    for labels in ("single", "multiple"):
        made = classifier("cnn", params, spiking=False, labels=labels)
        with torch.no_grad():
            scores = made.network(made.inputs(features()))[0].double()
        expected = scores.exp() / (scores.exp().sum() if labels == "single" else 1 + scores.exp())
        assert made.probabilities(features()) == pytest.approx(expected.numpy(), abs=1e-7)


def test_what_an_encoder_draws_depends_on_the_clip_alone(params: Params) -> None:
    made = classifier("cnn", params, spiking=True, encoding="rate", steps=8)
    one, again, other = (made.inputs(features(), clip) for clip in ("a", "a", "b"))
    assert one.shape == (8, 1, 26, BINS)
    assert set(one.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_features_of_another_width_are_refused(params: Params) -> None:
    made = classifier("cnn", params, spiking=False)
    with pytest.raises(SpikesoundError, match=r"expected features \(frame, 16\), got \(5, 3\)"):
        made.probabilities(np.zeros((5, 3), np.float32))


@pytest.mark.slow
def test_damaged_and_hostile_files_are_refused_in_a_line(
    good: Path, tmp_path: Path, params: Params
) -> None:
    other = saved(classifier("gru", params, spiking=False), tmp_path) / WEIGHTS
    outcomes = fuzz([good.read_bytes(), other.read_bytes()], 100)
    assert len(outcomes) == 100
    assert sum(outcome.kind == "refused" for outcome in outcomes) >= 90
    assert max(outcome.seconds for outcome in outcomes) < 5  # far more than any takes


CNN = {"channels": [4], "kernel": 3, "pool": "average", "dropout": 0.0}
RATE = {"steps": 4, "gain": 1.0}


def changed(good: Path, path: Path, **values: object) -> Path:
    """Write a file with other values in its spec, signed."""
    header, body = split(good.read_bytes())
    spec = json.loads(header["__metadata__"]["spec"])
    for name, value in values.items():
        place = spec
        *above, last = name.split("__")
        for key in above:
            place = place[key]
        place[last] = value
    header["__metadata__"]["spec"] = json.dumps(spec)
    path.write_bytes(joined(header, body))
    return path


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"network_params__hidden": 10**9}, "size: expected at most 65536, got 1000000000"),
        ({"neuron_params__refractory": 10**9}, "size: expected at most 65536"),
        ({"network_params__hidden": 60_000}, r"expected \(60000,.*, got F32"),
        ({"network_params__dilations": [1] * 5000}, "layers: expected at most 256, got 5000"),
        ({"network_params__dilations": [1, 60_000]}, "dilations: expected at most 4096 frames"),
        ({"network_params__pools": [2, 60_000]}, "leave no bin"),
        ({"front_end__features__mels": 10**9}, "features.mels: expected at most 4096, got 1e\\+09"),
        ({"front_end__low": [0.0] * 3}, "low: expected 16 bins, as its features have, got 3"),
        ({"network": "transformer"}, "unknown network 'transformer'"),
        ({"neuron": "quartz"}, "unknown neuron 'quartz'"),
        ({"classes": CLASSES[:2]}, "names: expected one for each of 2 classes, got 3"),
        ({"classes": [CLASSES[0]] * 3}, "duplicate class '/m/bark'"),
        (
            {"names": ["Bark", "Rain", "Bell\x1b[31m"]},
            r"printable characters, got 'Bell\\x1b\[31m'",
        ),
        ({"model": "../../etc/passwd"}, "got '../../etc/passwd'"),
        ({"decision__thresholds": [0.5]}, "1 thresholds for 3 medians"),
        ({"decision__medians": [1, 2, 3]}, "not odd"),
        ({"decision__thresholds": [0.5, 2.0, 0.5]}, "less than or equal to 1"),
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"network": "lsnn"}, "unknown key of network_params 'dilations'"),
        ({"network": "cnn", "network_params": CNN}, "expected one that puts out frames"),
        ({"task": "regression"}, "task: Input should be 'classification' or 'detection'"),
        ({"front_end": None}, "front_end: missing"),
        ({"neuron_params__beta": 2.0}, "neuron_params.beta"),
        ({"encoding": "rate", "encoding_params": RATE}, "steps: expected 4, as its encoding has"),
        (
            {"front_end__features__hop": 1},
            "features.hop: expected at least 1/64 of the window, got 1",
        ),
        (
            {"front_end__features__clip_s": 86400.0},
            "features.clip_s: expected at most 600, got 86400",
        ),
    ],
)
def test_a_spec_that_cannot_be_is_refused_at_once(
    good: Path, tmp_path: Path, values: dict[str, object], why: str
) -> None:
    path = changed(good, tmp_path / "m.safetensors", **values)
    started = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(SpikesoundError, match=why) as error:
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(error.value).startswith(str(path))
    assert time.perf_counter() - started < 1
    assert peak < 40 * path.stat().st_size + 2**20


def test_files_of_other_kinds_are_named(good: Path, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "pickled.safetensors")
    with pytest.raises(SpikesoundError, match="zip archive, as PyTorch's"):
        load(tmp_path / "pickled.safetensors")
    save_file({"a": torch.zeros(3)}, tmp_path / "plain.safetensors")
    with pytest.raises(SpikesoundError, match="format ''; expected 'spikesound-model'"):
        load(tmp_path / "plain.safetensors")
    header, body = split(good.read_bytes())
    header["__metadata__"]["version"] = "2"
    (tmp_path / "later.safetensors").write_bytes(joined(header, body))
    with pytest.raises(SpikesoundError, match="format version: expected '1', got '2'"):
        load(tmp_path / "later.safetensors")
    with pytest.raises(SpikesoundError, match="no such file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(SpikesoundError, match="no model in this folder"):
        load(tmp_path)


def test_a_file_is_written_whole_or_not_at_all(good: Path, tmp_path: Path) -> None:
    path = saved(detector("tcn", neuron=LIF), tmp_path) / WEIGHTS
    assert path.read_bytes() == good.read_bytes()  # and the same bytes each time
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
