"""The laboratory of notebooks with detectors: files with events, thresholds, events, power."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import spikesound
from spikesound.apps.lab import DetectionLab, LabDetector
from spikesound.apps.lab.detection import checked
from spikesound.core.errors import SpikesoundError
from spikesound.params import Params

RATE_HZ, CLIP_S = 22050, 2.0


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """24 files in four folds, each with a tone of half a second but for every fourth."""
    rows = range(24)
    files = [f"{row}.wav" for row in rows]
    clips = pd.DataFrame({"file": files, "fold": [str(row % 4 + 1) for row in rows]})
    starts = np.random.default_rng(1).uniform(0.1, 1.4, len(files)).round(3)
    events = pd.DataFrame({"file": files, "label": "low", "onset_s": starts})
    events["label"] = [("low", "high")[row // 4 % 2] for row in rows]
    return clips, events.assign(offset_s=events["onset_s"] + 0.5)[[row // 4 < 5 for row in rows]]


def sounds(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the files of :func:`tables`: faint noise, with a tone during each event."""
    clips, events = tables()
    generator = np.random.default_rng(0)
    time_s = np.arange(round(CLIP_S * RATE_HZ)) / RATE_HZ
    for file in clips["file"]:
        samples = generator.normal(0, 0.001, len(time_s))
        for event in events[events["file"] == file].itertuples():
            inside = (time_s >= event.onset_s) & (time_s < event.offset_s)
            tone_hz = 500 if event.label == "low" else 4000
            samples += 0.3 * np.sin(2 * np.pi * tone_hz * time_s) * inside
        soundfile.write(folder / file, samples.astype(np.float32), RATE_HZ)
    return tuple(each.assign(file=str(folder) + "/" + each["file"]) for each in (clips, events))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("what", "changes", "message"),
    [
        ("clips", {"file": "a.wav"}, r"a\.wav stands there twice"),
        ("clips", {"fold": "4"}, "all are of the test fold"),
        ("clips", {"fold": "7"}, r"test_fold '4'.*7"),
        ("events", {"file": "a.wav"}, r"events: a\.wav is not among the clips"),
        ("events", {"offset_s": 2.5}, r"low from .* to 2\.5 s is not within the 2 s of 0\.wav"),
        ("events", {"onset_s": -0.1}, r"low from -0\.1 to"),
        ("events", {"offset_s": 0.05}, r"low from .* to 0\.05 s is not within"),
    ],
)
def test_tables_that_cannot_be_trained_on_are_refused(
    what: str, changes: dict[str, object], message: str
) -> None:
    clips, events = tables()
    clips, events = (
        each.assign(**changes) if name == what else each
        for name, each in (("clips", clips), ("events", events))
    )
    with pytest.raises(SpikesoundError, match=message):
        checked(clips, events, "4", CLIP_S)


def test_a_missing_column_is_named() -> None:
    clips, events = tables()
    with pytest.raises(SpikesoundError, match="events: no column 'onset_s'; expected file, label"):
        checked(clips, events.drop(columns="onset_s"), "4", CLIP_S)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, params: Params) -> DetectionLab:
    folder = tmp_path_factory.mktemp("detection-lab")
    clips, events = sounds(folder)
    return DetectionLab(clips, events, params, test_fold="4", clip_s=CLIP_S, folder=folder / "out")


def trained(lab: DetectionLab, model: str) -> LabDetector:
    small = {"channels": [4, 8], "hidden": 16}
    recipe = {"epochs": 20, "batch_clips": 4, "learning_rate": 0.02}
    return lab.train(model, network=small, recipe=recipe)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("snn", {}, "model 'snn'"),
        ("ann-cnn", {}, "expected a model of task detection"),
        ("ann-tcn-strong", {"coding": {}}, "part of model ann-tcn-strong to change 'coding'"),
    ],
)
def test_a_training_that_is_not_possible_is_refused(
    lab: DetectionLab, model: str, changes: dict[str, dict[str, int]], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message):
        lab.train(model, **changes)


@pytest.mark.slow
def test_a_detector_finds_the_tones_and_rests_in_silence(lab: DetectionLab) -> None:
    snn, ann = trained(lab, "snn-tcn-strong"), trained(lab, "ann-tcn-strong")
    assert len(snn.history) == 20
    assert list(snn.decision.index) == ["high", "low"]
    model = spikesound.load(snn.folder)
    right = 0
    for file in snn.test.ids:
        frames = snn.scores(file)
        assert frames.shape == (1 + round(CLIP_S * RATE_HZ) // lab.params.features.hop, 2)
        true = lab.events[lab.events["file"] == file]
        for event in true.itertuples():
            right += any(
                each.label == event.label
                and each.onset_s < event.offset_s
                and each.offset_s > event.onset_s
                for each in model.detect(file)
            )
    assert right >= 4, "of the five tones of the test fold"
    power = {name: each.power() for name, each in (("snn", snn), ("ann", ann))}
    assert list(power["snn"].index) == ["events", "background", "silence"]
    assert power["ann"]["total_uw"].nunique() == 1, "all operations, whatever comes"
    assert power["snn"].loc["silence", "total_uw"] < power["snn"].loc["events", "total_uw"]
    assert (power["ann"]["spike_rate"] == 0).all()
    with pytest.raises(SpikesoundError, match="test clip"):
        snn.scores(lab.clips["file"][0])
    with pytest.raises(SpikesoundError, match="file of the clips"):
        lab.features("other.wav")
