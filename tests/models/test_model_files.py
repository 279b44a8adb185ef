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
from models_made import BINS, CLASSES, LIF, NAMES, classifier, detector, features, folder_of
from project import ROOT
from safetensors.torch import load_file, save_file
from spikesound.models.input_file import HEARING, write_hearing

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.features import normalisation
from spikesound.models import classifier_file, classifier_spec, detector_file
from spikesound.models.loading import Classifying, Detecting, load
from spikesound.params import Params

sys.path.append(str(ROOT / "benchmarks"))

from fuzz_models import fuzz
from hostile import joined, split


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector's file."""
    path = tmp_path_factory.mktemp("good") / "model.safetensors"
    made = detector("tcn", neuron=LIF)
    detector_file.save(path, made.spec, made.network)
    return path


def test_a_detector_comes_back_from_its_file(good: Path) -> None:
    made, found = detector("tcn", neuron=LIF), load(good)
    assert isinstance(found, Detecting)
    assert found.spec == made.spec
    assert (found.ids, found.labels) == (CLASSES, NAMES)
    assert found.front_end == made.front_end
    x = torch.from_numpy(features())[:, None]
    with torch.no_grad():
        assert torch.equal(found.network(x).logits, made.network(x).logits)
    assert isinstance(load(good.parent), Detecting)  # the folder that it lies in


def test_any_reader_of_safetensors_reads_the_weights(good: Path) -> None:
    weights = load_file(good)
    assert weights.keys() == detector("tcn", neuron=LIF).network.state_dict().keys()


@pytest.mark.parametrize("spiking", [True, False])
def test_a_classifier_comes_back_from_a_file_and_from_a_folder(
    tmp_path: Path, params: Params, spiking: bool
) -> None:
    made = classifier("cnn", params, spiking=spiking)
    folder = folder_of(made, tmp_path / "fold-1")
    classifier_file.save(tmp_path / "one.safetensors", made.spec, made.hearing, made.network)
    expected = made.probabilities(features())
    assert expected.dtype == np.float32
    assert expected.sum() == pytest.approx(1, abs=1e-6)
    for path in (folder, tmp_path / "one.safetensors"):
        found = load(path)
        assert isinstance(found, Classifying)
        assert (found.ids, found.labels, found.clip_s) == (CLASSES, NAMES, 2.0)
        np.testing.assert_array_equal(found.probabilities(features()), expected)


def test_what_an_encoder_draws_depends_on_the_clip_alone(params: Params) -> None:
    made = classifier("cnn", params, spiking=True, encoding="rate", steps=8)
    one, again, other = (made.inputs(features(), clip) for clip in ("a", "a", "b"))
    assert one.shape == (8, 1, 26, BINS)
    assert set(one.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_features_of_another_width_are_refused(params: Params) -> None:
    made = classifier("cnn", params, spiking=False)
    with pytest.raises(SpikesoundError, match=r"features \(5, 3\), not \(frame, 16\)"):
        made.probabilities(np.zeros((5, 3), np.float32))


def test_the_training_stages_write_what_a_classifier_hears(tmp_path: Path, params: Params) -> None:
    made = classifier("cnn", params, spiking=True)
    folder = tmp_path / "fold-1"
    classifier_spec.save(folder, made.spec, made.network)
    used = made.front_end.features.model_dump(exclude={"batch_clips"})
    write_json(tmp_path / "features/spec.json", {"params": used})
    figures = {"1": {"low": made.front_end.low, "high": made.front_end.high}}
    normalisation.save(figures, tmp_path / "features/normalisation.json")
    labels = dict(zip(CLASSES, NAMES, strict=True))
    encoding = params.encodings.direct.model_copy(update={"steps": 4})
    write_hearing(folder, tmp_path / "features", labels, encoding)
    found = load(folder)
    assert isinstance(found, Classifying)
    assert found.front_end == made.front_end
    assert found.labels == NAMES
    with pytest.raises(SpikesoundError, match="unknown label of the model '/m/rain'"):
        write_hearing(folder, tmp_path / "features", {"/m/bark": "Bark"}, encoding)


def test_a_folder_of_two_runs_is_refused(tmp_path: Path, params: Params) -> None:
    folder = folder_of(classifier("cnn", params, spiking=False), tmp_path / "fold-1")
    spec = json.loads((folder / "spec.json").read_text())
    write_json(folder / "spec.json", {**spec, "seed": 2})
    with pytest.raises(SpikesoundError, match="damaged or of another run"):
        load(folder)
    (folder / HEARING).unlink()
    with pytest.raises(SpikesoundError, match=r"hearing\.json: no such file"):
        load(folder)


def test_damaged_and_hostile_files_are_refused_in_a_line(
    good: Path, tmp_path: Path, params: Params
) -> None:
    made = classifier("gru", params, spiking=False)
    classifier_file.save(tmp_path / "c.safetensors", made.spec, made.hearing, made.network)
    outcomes = fuzz([good.read_bytes(), (tmp_path / "c.safetensors").read_bytes()], 100)
    assert len(outcomes) == 100
    assert sum(outcome.kind == "refused" for outcome in outcomes) >= 90
    assert max(outcome.seconds for outcome in outcomes) < 5  # far more than any takes


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
        ({"network_params__hidden": 10**9}, "a size of 1000000000"),
        ({"network_params__hidden": 60_000}, r"are F32 .*, not \(60000,"),
        ({"network_params__dilations": [1] * 5000}, "5000 layers"),
        ({"network_params__dilations": [1, 60_000]}, "at most 4096 frames"),
        ({"network_params__pools": [2, 60_000]}, "leave no bin"),
        ({"front_end__features__mels": 10**9}, "features.mels is 1e\\+09"),
        ({"front_end__low": [0.0] * 3}, "low: 3, but its features have 16 bins"),
        ({"network": "transformer"}, "unknown network of detection 'transformer'"),
        ({"neuron": "quartz"}, "unknown neuron 'quartz'"),
        ({"classes": CLASSES[:2]}, "2 classes with 3 names"),
        ({"classes": [CLASSES[0]] * 3}, "class '/m/bark' is there twice"),
        ({"names": ["Bark", "Rain", "Bell\x1b[31m"]}, r"name 'Bell\\x1b\[31m' cannot be shown"),
        ({"model": "../../etc/passwd"}, "name of the model '../../etc/passwd'"),
        ({"decision__thresholds": [0.5]}, "1 thresholds for 3 medians"),
        ({"decision__medians": [1, 2, 3]}, "not odd"),
        ({"decision__thresholds": [0.5, 2.0, 0.5]}, "less than or equal to 1"),
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"network": "alif", "recurrent": None}, "network alif: no parameters"),
        ({"front_end__features__hop": 1}, "features.hop is 1; at least 1/64 of the window"),
        ({"front_end__features__clip_s": 86400.0}, "features.clip_s is 86400; at most 600"),
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
    with pytest.raises(SpikesoundError, match="format ''; valid: spikesound-detector"):
        load(tmp_path / "plain.safetensors")
    header, body = split(good.read_bytes())
    header["__metadata__"]["version"] = "2"
    (tmp_path / "later.safetensors").write_bytes(joined(header, body))
    with pytest.raises(SpikesoundError, match="version '2' of the format; this spikesound reads"):
        load(tmp_path / "later.safetensors")
    with pytest.raises(SpikesoundError, match="no such file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(SpikesoundError, match="no model in this folder"):
        load(tmp_path)


def test_a_file_is_written_whole_or_not_at_all(good: Path, tmp_path: Path) -> None:
    made = detector("tcn", neuron=LIF)
    path = tmp_path / "model.safetensors"
    detector_file.save(path, made.spec, made.network)
    assert path.read_bytes() == good.read_bytes()  # and the same bytes each time
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
