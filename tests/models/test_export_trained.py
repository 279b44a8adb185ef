"""ONNX files of networks that were trained on real recordings, run on recordings by themselves.

The file is used as docs/reference/exports.md says, by ONNX Runtime and NumPy alone: nothing of
spikesound's front end or network is on that side.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from project import ROOT

import spikesound
from spikesound.apps.lab import DetectionLab, Lab
from spikesound.audio.reading import blocks
from spikesound.models.export import export
from spikesound.params import Params

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

# A training each, and torch's exporter.
pytestmark = pytest.mark.slow

Floats = npt.NDArray[np.float32]

AUDIO = ROOT / "data/esc10/audio"
OF_FOLD = 4
"""Recordings of each class and fold that are trained on."""

TESTED = 12
"""Recordings of fold 5, on which no network was trained."""


@pytest.fixture(scope="module")
def recordings() -> pd.DataFrame:
    """Dogs, roosters and rain of ESC-10, with their folds."""
    rows = pd.read_csv(ROOT / "data/esc10/credits.csv")
    folds = pd.read_csv(ROOT / "data/esc10/folds.csv", dtype=str).set_index("media_id")["fold"]
    rows = rows.assign(
        file=[str(AUDIO / f"{name}.ogg") for name in rows["media_id"]],
        label=rows["esc10_category"],
        fold=folds[rows["media_id"]].to_numpy(),
        recording=rows["media_id"].str.split("-").str[1],
    )
    return rows[rows["label"].isin(["Dog bark", "Rooster", "Rain"])]


def trained_on(recordings: pd.DataFrame) -> pd.DataFrame:
    """Return a few recordings of folds 1 to 4, and one with an event of the test fold."""
    few = recordings.groupby(["label", "fold"]).head(OF_FOLD)
    return pd.concat(
        [few[few["fold"] != "5"], few[(few["fold"] == "5") & (few["label"] != "Rain")].head(1)]
    )


def samples_of(file: str, rate_hz: int) -> Floats:
    return np.concatenate(list(blocks(Path(file), rate_hz)))


def facts(session: Any) -> dict[str, Any]:
    return {
        key: json.loads(value) if value[:1] in "[{" else value
        for key, value in session.get_modelmeta().custom_metadata_map.items()
    }


def test_a_trained_classifier_in_onnx_gives_what_predict_gives(
    recordings: pd.DataFrame, params: Params, tmp_path: Path
) -> None:
    lab = Lab(trained_on(recordings), params, test_fold="5", folder=tmp_path / "lab")
    small = {"network": {"channels": [4, 8]}, "recipe": {"epochs": 6, "batch_clips": 8}}
    model = spikesound.load(lab.train("ann-cnn", **small).folder)
    export(model.trained, "onnx", tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    names = facts(session)["names"]
    length = session.get_inputs()[0].shape[1]
    given, expected = [], []
    for file in recordings.loc[recordings["fold"] == "5", "file"][::2][:TESTED]:
        clip = samples_of(file, model.rate_hz)[:length]
        clip = np.pad(clip, (0, length - len(clip)))
        (probabilities,) = session.run(["probabilities"], {"samples": clip[None]})
        given.append(probabilities[0])
        predicted = model.predict(file)
        expected.append([predicted[name] for name in names])
    assert np.ptp(expected, axis=0).max() > 0.1, "recordings differ"
    assert np.abs(np.array(given) - expected).max() < 1e-3
    assert np.array_equal(np.argmax(given, 1), np.argmax(expected, 1))


def by_frames(session: Any, sound: Floats, window: int, hop: int) -> Floats:
    """Return a detector's probabilities (frame, class), frame by frame with its states."""
    padded = np.pad(sound, window // 2)
    states = {each.name: np.zeros(each.shape, np.float32) for each in session.get_inputs()[1:]}
    rows = []
    for start in range(0, len(padded) - window + 1, hop):
        inputs = {"samples": padded[None, start : start + window], **states}
        probabilities, *after = session.run(None, inputs)
        rows.append(probabilities[0, 0])
        states = dict(zip(states, after, strict=True))
    return np.stack(rows)


def test_a_trained_detector_in_onnx_gives_what_the_stream_gives(
    recordings: pd.DataFrame, params: Params, tmp_path: Path
) -> None:
    clips = trained_on(recordings)[["file", "fold", "label"]]
    events = clips[clips["label"] != "Rain"].assign(onset_s=0.0, offset_s=2.0)
    lab = DetectionLab(clips, events, params, test_fold="5", clip_s=5.0, folder=tmp_path / "lab")
    small = {"channels": [4, 4], "hidden": 8, "dilations": [1, 2]}
    trained = lab.train("ann-tcn-strong", network=small, recipe={"epochs": 6, "batch_clips": 8})
    model = spikesound.load(trained.folder)
    export(model.trained, "onnx", tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    front = facts(session)["front_end"]["features"]
    unfiltered = model.trained.spec.decision.model_copy(update={"medians": [1, 1]})
    spec = model.trained.spec.model_copy(update={"decision": unfiltered})
    given, expected = [], []
    for file in recordings.loc[recordings["fold"] == "5", "file"][::6]:
        sound = samples_of(file, model.rate_hz)
        stream = spikesound.Stream(spec, model.trained.network)
        results = [*stream.feed(sound), *stream.finish()]
        # The last frame may come twice: again with the end of an event that goes on.
        expected.append(np.stack(list({each.at_s: each.scores for each in results}.values())))
        given.append(by_frames(session, sound, front["window"], front["hop"]))
    assert [len(each) for each in given] == [len(each) for each in expected]
    ours, theirs = np.concatenate(expected), np.concatenate(given)
    assert np.ptp(ours, axis=0).min() > 0.05, "frames differ"
    assert np.abs(ours - theirs).max() < 1e-3
    thresholds = np.array(unfiltered.thresholds)
    assert ((ours >= thresholds) != (theirs >= thresholds)).mean() < 1e-3
