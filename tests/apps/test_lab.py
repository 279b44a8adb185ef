"""The laboratory of notebooks: a table of files, trainings, and the inside of a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from toy_clips import BINS, STEPS, settled, spec

import spikesound
from spikesound.apps.lab import Lab, LabModel, read_clip, trace_neuron, traces
from spikesound.apps.lab.clips import checked
from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.layers import recorded
from spikesound.params import Params
from spikesound.snn.neurons import NEURONS

RATE_HZ = 22050


def table(count: int = 24) -> pd.DataFrame:
    rows = range(count)
    return pd.DataFrame(
        {
            "file": [f"{row}.wav" for row in rows],
            "label": [("noise", "tone")[row % 2] for row in rows],
            "fold": [str(row // 2 % 3 + 1) for row in rows],
            "recording": [f"r{row}" for row in rows],
        }
    )


def tones(folder: Path) -> pd.DataFrame:
    """Half a second of noise or of a tone in each of 24 files, as a table."""
    rows = table()
    generator = np.random.default_rng(0)
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    for file, label in zip(rows["file"], rows["label"], strict=True):
        tone = 0.3 * np.sin(2 * np.pi * 1000 * time_s) * (label == "tone")
        noise = generator.normal(0, 0.001 if label == "tone" else 0.2, len(time_s))
        soundfile.write(folder / file, (tone + noise).astype(np.float32), RATE_HZ)
    return rows.assign(file=[str(folder / file) for file in rows["file"]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file": "a.wav"}, r"a\.wav stands there twice"),
        ({"recording": "one"}, "recording 'one' is in more than one fold"),
        ({"label": "one"}, "fewer than two labels"),
        ({"fold": "2"}, "all are of the test fold"),
        ({"fold": "7"}, r"test_fold '2'.*7"),
    ],
)
def test_a_table_that_cannot_be_trained_on_is_refused(
    changes: dict[str, str], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message):
        checked(table().assign(**changes), "2")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SpikesoundError, match="no column 'fold'; expected file, label, fold"):
        checked(table().drop(columns="fold"), "2")


@pytest.mark.slow
def test_a_clip_is_cut_and_padded(tmp_path: Path, params: Params) -> None:
    file = tones(tmp_path)["file"][0]
    own = read_clip(file, params.features.model_copy(update={"clip_s": None}))
    short = read_clip(file, params.features.model_copy(update={"clip_s": 0.1}))
    long = read_clip(file, params.features.model_copy(update={"clip_s": 1.0}))
    assert (len(own), len(short), len(long)) == (RATE_HZ // 2, 2205, RATE_HZ)
    assert np.array_equal(short, own[:2205])
    assert np.array_equal(long[: len(own)], own)
    assert not long[len(own) :].any()
    with pytest.raises(SpikesoundError, match=r"nowhere\.wav"):
        read_clip(tmp_path / "nowhere.wav", params.features)


def test_the_membrane_of_a_neuron(params: Params) -> None:
    lif = params.neurons["lif"].model_copy(update={"beta": 0.5})
    trace = trace_neuron(NEURONS["lif"](lif), torch.tensor([0.8, 0.8, 0.8, 0.0]).view(-1, 1))
    # 0.8; 0.4 + 0.8 = 1.2 spikes; 0.6 + 0.8 - 1 = 0.4; 0.2
    assert trace.states[0][:, 0] == pytest.approx([0.8, 1.2, 0.4, 0.2])
    assert trace.spikes[:, 0].tolist() == [0, 1, 0, 0]
    assert trace.rate == 0.25


def test_traces_have_the_spikes_of_the_network(params: Params) -> None:
    x = torch.rand(STEPS, 6, 12, BINS, generator=torch.Generator().manual_seed(0))
    network = settled(build(spec(params, spiking=True)), x)
    with torch.inference_mode(), recorded(network) as spikes:
        network(x)
    found = traces(network, x)
    assert [trace.layer for trace in found] == ["convolution_1", "convolution_2"]
    for trace, own in zip(found, spikes, strict=True):
        assert np.array_equal(trace.spikes, own.numpy())
        assert trace.states[0].shape == trace.currents.shape == own.shape
    assert sum(trace.spikes.sum() for trace in found) > 0


def test_a_conventional_network_has_no_membranes(params: Params) -> None:
    with pytest.raises(SpikesoundError, match="no spiking neurons"):
        traces(build(spec(params)), torch.rand(1, 2, 12, BINS))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    return Lab(tones(folder), params, test_fold="3", clip_s=0.5, folder=folder / "out")


def trained(lab: Lab, model: str) -> LabModel:
    small = {"channels": [4, 8]}
    recipe = {"epochs": 12, "batch_clips": 4, "learning_rate": 0.02}
    return lab.train(model, network=small, recipe=recipe)


@pytest.mark.slow
def test_features_are_in_the_range_of_the_network(lab: Lab, params: Params) -> None:
    features = lab.features(lab.clips["file"][0])
    assert features.shape == (1 + RATE_HZ // 2 // params.features.hop, params.features.mels)
    every = np.stack([lab.features(file) for file in lab.clips["file"]])
    assert (every.min(), every.max()) == (0, 1)
    assert np.array_equal(every[0], features)
    with pytest.raises(SpikesoundError, match="file of the clips"):
        lab.features("other.wav")


@pytest.mark.slow
def test_a_spiking_network_and_its_twin(lab: Lab) -> None:
    snn, ann = trained(lab, "snn-cnn-surrogate"), trained(lab, "ann-cnn")
    for model in (snn, ann):
        assert len(model.history) == 12
        assert set(model.predicted["clip_id"]) == set(lab.clips.query("fold == '3'")["file"])
        assert model.accuracy == 1.0
        assert float(model.figures()["energy_nj"]) > 0
        file = model.test.ids[0]
        scores = spikesound.load(model.folder).predict(file)
        assert max(scores, key=lambda label: scores[label]) == model.predicted["predicted"][0]
    each = [np.concatenate([t.spikes.ravel() for t in snn.trace(c)]) for c in snn.test.ids]
    assert snn.spike_rate == pytest.approx(float(np.mean(each)))
    assert ann.spike_rate is None
    with pytest.raises(SpikesoundError, match="no spiking neurons"):
        ann.trace(ann.test.ids[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("snn", {}, "model 'snn'"),
        ("ann-tcn-strong", {}, "expected a model of task classification"),
        ("ann-cnn-int8", {}, "starts from the trained ann-cnn"),
        ("ann-cnn", {"neurons": {}}, "part of model ann-cnn to change 'neurons'.*neuron"),
        ("ann-cnn", {"recipe": {"epoch": 2}}, r"ann-cnn\.recipe.*'epoch'.*epochs"),
    ],
)
def test_a_training_that_is_not_possible_is_refused(
    lab: Lab, model: str, changes: dict[str, dict[str, int]], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message):
        lab.train(model, **changes)


def several(rows: pd.DataFrame) -> pd.DataFrame:
    """The table with a list of labels a clip: noise alone, or noise and a tone."""
    labels = [["noise", "tone"] if label == "tone" else ["noise"] for label in rows["label"]]
    return rows.assign(label=labels)


def test_several_labels_a_clip_must_be_asked_for(tmp_path: Path, params: Params) -> None:
    with pytest.raises(SpikesoundError, match=r"1\.wav has several labels or none; set tasks\.cl"):
        Lab(several(table()), params, test_fold="3", folder=tmp_path)


@pytest.mark.slow
def test_several_labels_a_clip_are_learnt(tmp_path: Path, params: Params) -> None:
    multiple = params.tasks.classification.model_copy(update={"labels": "multiple"})
    tasks = params.tasks.model_copy(update={"classification": multiple})
    lab = Lab(
        several(tones(tmp_path)),
        params.model_copy(update={"tasks": tasks}),
        test_fold="3",
        clip_s=0.5,
        folder=tmp_path / "out",
    )
    model = trained(lab, "ann-cnn")
    tone = model.scores["tone"].to_numpy()
    present = model.test.present[:, model.model.labels.index("tone")] > 0
    assert tone[present].min() > tone[~present].max()
    assert model.scores["noise"].min() > 0.5
    assert float(model.scores.sum(axis=1).max()) > 1, "no shares of one"
    with pytest.raises(SpikesoundError, match="may have several labels; use scores"):
        assert model.accuracy
