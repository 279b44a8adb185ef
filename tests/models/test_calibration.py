"""Calibration in a model's file: it comes back, hostile ones are refused, what it says of clips."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_models
import torch
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.models import file
from spikesound.models.calibration import Calibrated, Calibration, Prototypes
from spikesound.models.export.int8 import to_int8
from spikesound.models.export.safetensors import to_safetensors
from spikesound.models.hidden_activity import with_hidden
from spikesound.models.loading import TrainedModel, load
from spikesound.params import Params

sys.path.append(str(ROOT / "benchmarks"))

from hostile import joined, split


def calibrated(
    *, temperature: float = 2.0, threshold: float = 0.0, prototypes: Prototypes | None = None
) -> Calibrated:
    values = Calibration(
        temperature=temperature,
        score="energy" if prototypes is None else "cosine",
        threshold=threshold,
        refused=0.05,
        clips=20,
        classes=3,
    )
    return Calibrated(values, prototypes)


def prototypes(synapses: int) -> Prototypes:
    made = Prototypes(3, synapses)
    made.means.copy_(torch.eye(3, synapses) + 0.5)
    return made


def model(params: Params, **changes: object) -> TrainedModel:
    made = small_models.classifier("cnn", params, spiking=True)
    return replace(made, calibration=calibrated(prototypes=prototypes(6), **changes))  # type: ignore[arg-type]


def written(made: TrainedModel, path: Path) -> Path:
    file.save(path, made.spec, made.network, calibration=made.calibration)
    return path


def test_a_calibration_comes_back_from_its_file(params: Params, tmp_path: Path) -> None:
    made = model(params, threshold=-3.0)
    found = load(written(made, tmp_path / file.WEIGHTS))
    assert found.calibration is not None
    assert made.calibration is not None
    assert found.calibration.values == made.calibration.values
    assert found.calibration.prototypes is not None
    assert torch.equal(found.calibration.prototypes.means, prototypes(6).means)
    features = small_models.features()
    assert np.array_equal(found.answer(features).probabilities, made.answer(features).probabilities)


def test_a_file_without_one_is_as_before(params: Params, tmp_path: Path) -> None:
    made = small_models.classifier("cnn", params, spiking=True)
    path = written(made, tmp_path / file.WEIGHTS)
    found = load(path)
    assert found.calibration is None
    header, _ = split(path.read_bytes())
    assert set(header["__metadata__"]) == {"format", "version", "spec", "sha256"}
    answer = found.answer(small_models.features())
    assert not answer.refused
    expected = made.probabilities(small_models.features())
    assert np.array_equal(answer.probabilities, expected)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"temperature": 0}, "calibration: temperature: Input should be greater than 0"),
        ({"score": "horoscope"}, "calibration: score: Input should be 'energy' or 'cosine'"),
        ({"classes": 4}, "calibration: expected 3 classes, got 4"),
        ({"score": "energy"}, "score 'energy' has no tensors"),
        ({"more": 1}, "calibration: more: Extra inputs"),
    ],
)
def test_a_wrong_calibration_is_refused_in_a_line(
    change: dict[str, object], why: str, params: Params, tmp_path: Path
) -> None:
    path = written(model(params), tmp_path / file.WEIGHTS)
    header, body = split(path.read_bytes())
    values = json.loads(header["__metadata__"]["calibration"]) | change
    header["__metadata__"]["calibration"] = json.dumps(values)
    path.write_bytes(joined(header, body))
    with pytest.raises(SpikesoundError, match=why) as raised:
        load(path)
    assert len(str(raised.value).splitlines()) == 1


def test_tensors_of_another_size_are_refused(params: Params, tmp_path: Path) -> None:
    made = model(params)
    assert made.calibration is not None
    wrong = replace(made.calibration, prototypes=Prototypes(2, 6))
    path = written(replace(made, calibration=wrong), tmp_path / "m")
    with pytest.raises(SpikesoundError, match=r"weights 'means': expected \(3, 6\), got F32 \(2"):
        load(path)


def test_exports_as_safetensors_keep_it(params: Params, tmp_path: Path) -> None:
    made = model(params)
    assert made.calibration is not None
    for export, name in ((to_safetensors, "a"), (to_int8, "b")):
        export(made, tmp_path / name)  # type: ignore[operator]
        found = load(tmp_path / name).calibration
        assert found is not None
        assert found.values == made.calibration.values


def test_probabilities_are_the_softmax_of_scores_over_the_temperature() -> None:
    scores = torch.tensor([[2.0, 0.0, -4.0]])
    odds = [math.exp(each / 2) for each in (2, 0, -4)]
    found = calibrated(temperature=2.0).probabilities(scores, "single")[0]
    assert found.tolist() == pytest.approx([each / sum(odds) for each in odds])
    several = calibrated(temperature=2.0).probabilities(scores, "multiple")[0]
    assert several.tolist() == pytest.approx([each / (1 + each) for each in odds])


@pytest.mark.parametrize("labels", ["single", "multiple"])
def test_learnt_sounds_keep_their_probabilities_and_their_windows(labels: str) -> None:
    scores = torch.tensor([[6.0, 0.0, -4.0, 1.0], [0.0, 0.0, 0.0, 5.0]])
    raw = scores.double().softmax(1) if labels == "single" else scores.double().sigmoid()
    made = calibrated(temperature=3.0, threshold=1e6)
    found = made.probabilities(scores, labels)
    assert torch.allclose(found[:, 3], raw[:, 3])
    if labels == "single":
        assert torch.allclose(found.sum(1), torch.ones(2, dtype=torch.float64))
        known = made.probabilities(scores[:, :3], labels)
        assert torch.allclose(found[:, :3], known * (1 - raw[:, 3:]))
    assert made.refused(scores, None, labels).tolist() == [True, False]


def test_energy_is_the_logarithm_of_the_sum_of_exponentials() -> None:
    scores = torch.tensor([[1.0, 2.0, 3.0]])
    found = calibrated().score(scores, None, "single").item()
    assert found == pytest.approx(math.log(sum(math.exp(each) for each in (1, 2, 3))))
    several = calibrated().score(scores, None, "multiple").item()
    assert several == pytest.approx(sum(math.log(1 + math.exp(each)) for each in (1, 2, 3)))


def test_the_cosine_is_that_of_the_class_means_weighted_by_the_probabilities() -> None:
    made = Prototypes(2, 2)
    made.means.copy_(torch.tensor([[2.0, 0.0], [3.0, 4.0]]))
    hidden = torch.tensor([[5.0, 0.0], [0.0, 0.0]])
    assert made.similarity(hidden).flatten().tolist() == pytest.approx([1, 0.6, 0, 0])
    scores = torch.tensor([[math.log(3.0), 0.0], [9.0, 0.0]])
    values = calibrated(temperature=1.0).values.model_copy(update={"classes": 2})
    found = Calibrated(values, made).score(scores, hidden, "single")
    assert found.tolist() == pytest.approx([0.75 + 0.25 * 0.6, 0.0])
    several = Calibrated(values, made).score(scores, hidden, "multiple")
    assert several.tolist() == pytest.approx([0.75, 0.0])
    half = values.model_copy(update={"temperature": 2.0})
    share = math.sqrt(3) / (math.sqrt(3) + 1)
    found = Calibrated(half, made).score(scores, hidden, "single")
    assert found[0].item() == pytest.approx(share + (1 - share) * 0.6)


def test_a_clip_below_the_threshold_is_refused(params: Params) -> None:
    features = small_models.features()
    made = model(params)
    assert made.calibration is not None
    with torch.inference_mode():
        scores, hidden = with_hidden(made.network, made.inputs(features))
    score = made.calibration.score(scores, hidden, "single").item()
    for margin, refused in ((1e-6, True), (-1e-6, False)):
        answer = model(params, threshold=score + margin).answer(features)
        assert answer.refused == refused
        assert answer.probabilities.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("network", "spiking"), [("cnn", True), ("cnn", False), ("gru", False)])
def test_the_readout_is_linear_in_the_hidden_activity(
    network: str, spiking: bool, params: Params
) -> None:
    made = small_models.classifier(network, params, spiking=spiking)
    x = torch.cat([made.inputs(small_models.features(seed)) for seed in range(3)], 1)
    with torch.no_grad():
        scores, hidden = with_hidden(made.network, x)
        assert torch.equal(scores, made.network(x)), "the hook is gone and changed nothing"
    assert hidden is not None
    readout: torch.nn.Linear = made.network.readout  # type: ignore[assignment]
    assert torch.allclose(readout(hidden), scores, atol=1e-5)
