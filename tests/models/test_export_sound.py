"""ONNX files with the front end inside: samples in, the scores of the Python path out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import classifier, detector, front_end

from spikesound.core.errors import SpikesoundError
from spikesound.models.export import export
from spikesound.models.export.sounds import (
    check_sounds,
    clips_of,
    decisions,
    function_scores,
    model_scores,
    windows_of,
)
from spikesound.models.export.waveform import LogMel, sound_inputs_of
from spikesound.models.loading import TrainedModel
from spikesound.params import Params


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """Return noise that gets louder from silence on."""
    loudness = np.linspace(0, 0.5, samples) ** 2
    generator = np.random.default_rng(seed)
    return (loudness * generator.standard_normal(samples)).astype(np.float32)


def with_features(model: TrainedModel, **changes: object) -> TrainedModel:
    """Return the model with other parameters of features."""
    front = model.front_end
    features = front.features.model_copy(update=changes)
    front = front.model_copy(update={"features": features})
    return replace(model, spec=model.spec.model_copy(update={"front_end": front}))


@pytest.mark.parametrize(("window", "hop"), [(640, 640), (512, 200), (401, 160)])
def test_the_front_end_gives_the_features_of_the_python_path(window: int, hop: int) -> None:
    front = front_end()
    features = front.features.model_copy(update={"window": window, "hop": hop})
    front = front.model_copy(update={"features": features})
    sound = noise(8000)
    graph = LogMel(front, window // 2)
    found = graph(torch.from_numpy(sound)[None]).numpy()
    expected = front.whole(sound)
    assert expected.shape == found.shape
    assert 0.1 < expected.mean() < 0.9
    assert np.abs(found - expected).max() < 2e-5
    frames = LogMel(front, 0)
    alone = [frames(torch.from_numpy(w.copy())[None]) for w in windows_of(sound, front)]
    assert np.abs(torch.cat(alone).numpy() - expected).max() < 2e-5


@pytest.mark.parametrize("kind", ["classifier", "detector"])
def test_the_function_of_samples_gives_the_models_scores(params: Params, kind: str) -> None:
    clips = kind == "classifier"
    model = classifier("cnn", params, spiking=False) if clips else detector("tcn")
    sounds = [noise(20_000), *check_sounds(model)]
    expected = model_scores(model, sounds)
    found = function_scores(model, sound_inputs_of(model)[0], sounds)
    assert expected.std() > 0.01
    assert np.abs(found - expected).max() < 1e-3
    assert (decisions(model, found) == decisions(model, expected)).mean() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classifier", "detector"])
def test_an_onnx_file_takes_samples(tmp_path: Path, params: Params, kind: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    if kind == "classifier":
        model, shape = classifier("cnn", params, spiking=False), [1, 16_000]
    else:
        model, shape = detector("crnn_gru"), [1, 640]
    done = export(model, "onnx", tmp_path / "m.onnx", sounds=[noise(20_000)])
    assert done.difference < 1e-3
    assert done.decided
    samples = runtime.InferenceSession(tmp_path / "m.onnx").get_inputs()[0]
    assert (samples.name, samples.shape) == ("samples", shape)


def test_what_the_front_end_of_a_file_cannot_do_is_named(tmp_path: Path, params: Params) -> None:
    mfcc = with_features(detector("tcn"), kinds=["mfcc"])
    drawn = classifier("cnn", params, spiking=True, encoding="rate")
    for model, why in ((mfcc, "features mfcc: only mel"), (drawn, "encoding 'rate' cannot")):
        with pytest.raises(SpikesoundError, match=why):
            sound_inputs_of(model)
    with pytest.raises(SpikesoundError, match="is spiking"):
        export(drawn, "onnx", tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_decisions_by_hand(params: Params) -> None:
    scores = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], np.float32)
    single = classifier("cnn", params, spiking=False)
    assert decisions(single, scores).tolist() == [1, 0]
    multiple = classifier("cnn", params, spiking=False, labels="multiple")
    assert decisions(multiple, scores).tolist() == [0, 1, 0, 1, 0, 0]
    thresholds = [0.3, 0.5, 0.7]  # of the detector
    assert detector("tcn").spec.decision.thresholds == thresholds
    assert decisions(detector("tcn"), scores).tolist() == [0, 1, 0, 1, 0, 0]


def test_clips_of_a_sound_by_hand() -> None:
    assert [clip.tolist() for clip in clips_of(np.arange(1, 6), 3)] == [[1, 2, 3], [4, 5, 0]]
    assert len(clips_of(np.zeros(2010), 1000)) == 2, "less than a hundredth of a clip is left out"
    assert len(clips_of(np.zeros(2011), 1000)) == 3
    assert len(clips_of(np.zeros(1), 1000)) == 1
