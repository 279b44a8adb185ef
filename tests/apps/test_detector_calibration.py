"""Calibrated events of a stream: their scores, and those of none of the classes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trained_models
from test_cli_predict import spikesound
from trained_models import NAMES

from spikesound.apps.api import NONE, Model, load
from spikesound.apps.live.traced import TracedStream
from spikesound.apps.serve.levels import Levels
from spikesound.apps.serve.messages import describe
from spikesound.audio.reading import blocks
from spikesound.core.errors import SpikesoundError
from spikesound.models import file
from spikesound.models.calibration import EventCalibration

RATE = 22_050


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.concatenate(list(blocks(trained_models.RECORDING, RATE)))


def calibrated(path: Path, samples: np.ndarray) -> EventCalibration:
    """Write a calibration that refuses about half of the events into a detector's file."""
    raw = load(path)
    found = raw.detect(samples, RATE)
    assert len(found) >= 3
    values = EventCalibration(
        slope=0.5, offsets=[0.5] * 3, threshold=0.0, refused=0.0, events=len(found)
    )
    middle = float(np.median([event.score for event in found]))
    made = values.model_copy(update={"threshold": values.probability(0, middle)})
    file.save(path, *file.load(path), calibration=made)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return trained_models.detector(
        tmp_path / "models/detection/snn-tcn-strong/fold-5" / file.WEIGHTS
    )


def test_events_have_calibrated_scores_and_those_below_the_threshold_no_class(
    path: Path, samples: np.ndarray
) -> None:
    made = calibrated(path, samples)
    before = load(path, raw=True).detect(samples, RATE)
    found = load(path).detect(samples, RATE)
    expected = sorted(
        (event.onset_s, event.offset_s, *made.answer(0, event.label, event.score))
        for event in before
    )
    assert sorted((e.onset_s, e.offset_s, e.label, e.score) for e in found) == expected
    labels = [event.label for event in found]
    assert 0 < labels.count(NONE) < len(labels)
    onsets = [event.onset_s for event in found]
    assert onsets == sorted(onsets)


def test_a_learnt_sound_behind_the_classes_is_not_refused(path: Path, samples: np.ndarray) -> None:
    calibrated(path, samples)
    trained = load(path).trained
    made = trained.event_calibration
    assert made is not None
    strict = made.model_copy(update={"threshold": 1.0, "offsets": made.offsets[:2]})
    model = Model(replace(trained, calibration=strict))
    kept = {event.label for event in model.detect(samples, RATE)}
    raw = {event.label for event in load(path, raw=True).detect(samples, RATE)}
    assert kept <= {NONE, NAMES[2]}
    assert (NAMES[2] in kept) == (NAMES[2] in raw)


def test_the_page_is_told_the_class_that_a_refused_event_began_with(
    path: Path, samples: np.ndarray
) -> None:
    calibrated(path, samples)
    model = load(path).trained
    stream = TracedStream(model, RATE)
    levels = Levels(model.front_end.hop_s, RATE)
    chunks = [stream.feed(samples), stream.finish()]
    messages = [describe(each, stream.thresholds, levels.feed(samples[:0])) for each in chunks]
    opened = [(e["label"], e["onset_s"]) for each in messages for e in each["opened"]]
    ended = [e for each in messages for e in each["events"]]
    assert sorted((e["label"], e["onset_s"]) for e in ended) == sorted(opened)
    assert {e["refused"] for e in ended} == {True, False}
    assert sum(e["refused"] for e in ended) == sum(
        event.label == NONE for each in chunks for event in each.ended
    )


def test_the_commands_name_it_and_raw_does_not(
    path: Path,
    samples: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", samples, RATE)
    options = ("a.wav", "--models", "models")
    _, _, err = spikesound(capsys, "detect", *options, "--format", "json")
    assert "not calibrated: it never answers 'none of these'" in err
    calibrated(path, samples)
    _, out, err = spikesound(capsys, "detect", *options, "--format", "json")
    assert "not calibrated" not in err
    assert NONE in {event["label"] for event in json.loads(out)["events"]}
    _, out, _ = spikesound(capsys, "detect", *options, "--raw", "--format", "json")
    assert NONE not in {event["label"] for event in json.loads(out)["events"]}
    listen = ("listen", "--file", "a.wav", "--models", "models", "--json")
    _, out, _ = spikesound(capsys, *listen)
    assert NONE in {json.loads(line)["label"] for line in out.splitlines()}
    _, out, _ = spikesound(capsys, *listen, "--raw")
    assert NONE not in {json.loads(line)["label"] for line in out.splitlines()}


def test_a_calibration_of_other_classes_is_refused(path: Path, samples: np.ndarray) -> None:
    made = calibrated(path, samples)
    wrong = made.model_copy(update={"offsets": [0.0]})
    file.save(path, *file.load(path), calibration=wrong)
    with pytest.raises(SpikesoundError, match="calibration: expected 3 classes, got 1"):
        load(path)
