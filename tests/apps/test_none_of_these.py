"""The answer `none of these`: from programs, on the command line, with windows and thresholds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_models
import soundfile
import torch
from test_cli_predict import spikesound

import spikesound as package
from spikesound.apps.api import NONE, Model, load
from spikesound.apps.batch.processes import Scoring
from spikesound.apps.batch.thresholds import read_thresholds
from spikesound.core.errors import SpikesoundError
from spikesound.inference.learnt.file import check_new_name
from spikesound.models import file
from spikesound.models.calibration import Calibrated, Calibration, energy
from spikesound.models.loading import TrainedModel
from spikesound.params import Params

Captured = pytest.CaptureFixture[str]
RATE = 8000
CLIP = 2 * RATE


def tone(seconds: float = 2.0, hz: float = 900.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * hz * times)).astype(np.float32)


def scores(model: TrainedModel, samples: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        return model.network(model.inputs(model.front_end.whole(samples)))


def calibrated(model: TrainedModel, refuses_tone: bool) -> TrainedModel:
    """Put a threshold between the energies of a tone and of digital silence."""
    made = [
        energy(scores(model, each), "single").item()
        for each in (tone(), np.zeros(CLIP, np.float32))
    ]
    values = Calibration(
        temperature=2.0,
        score="energy",
        threshold=sum(made) / 2,
        refused=0.05,
        clips=20,
        classes=3,
    )
    if (made[0] < made[1]) != refuses_tone:  # the lower energy is refused: turn all scores round
        readout: torch.nn.Linear = model.network.readout  # type: ignore[assignment]
        with torch.no_grad():
            readout.weight.neg_()
            readout.bias.neg_()
        return calibrated(model, refuses_tone)
    return replace(model, calibration=Calibrated(values))


@pytest.fixture
def path(params: Params, tmp_path: Path) -> Path:
    """A classifier that refuses digital silence, and not a tone."""
    made = calibrated(small_models.classifier("cnn", params, spiking=True), refuses_tone=False)
    place = tmp_path / "models/snn-cnn-surrogate/fold-1" / file.WEIGHTS
    file.save(place, made.spec, made.network, calibration=made.calibration)
    return place


def test_known_sound_has_calibrated_probabilities_and_none_of_these_has_0(path: Path) -> None:
    model = load(path)
    assert model.refuses
    found = model.predict(tone(), RATE)
    assert list(found) == [*small_models.NAMES, NONE]
    expected = (scores(model.trained, tone()) / 2).softmax(1)[0].tolist()
    assert list(found.values()) == pytest.approx([*expected, 0.0], abs=1e-6)


def test_sound_of_no_class_is_none_of_these(path: Path) -> None:
    found = load(path).predict(np.zeros(CLIP, np.float32), RATE)
    assert found == dict.fromkeys(small_models.NAMES, 0.0) | {NONE: 1.0}
    assert NONE == "none of these" == package.NONE


def test_of_several_windows_it_is_the_share_of_those(path: Path) -> None:
    model = load(path)
    sound = np.concatenate([tone(), np.zeros(2 * CLIP, np.float32)])
    windows = list(model.windows(sound, RATE, window_s=2.0, hop_s=2.0))
    assert [round(each.probabilities[NONE]) for each in windows] == [0, 1, 1]
    whole = model.predict(sound, RATE)  # windows a second apart
    assert 0 < whole[NONE] < 1
    assert sum(whole.values()) == pytest.approx(1)


def test_raw_is_what_the_network_gives(path: Path) -> None:
    raw = load(path, raw=True)
    assert not raw.refuses
    found = raw.predict(np.zeros(CLIP, np.float32), RATE)
    expected = scores(raw.trained, np.zeros(CLIP, np.float32)).softmax(1)[0].tolist()
    assert list(found) == small_models.NAMES
    assert list(found.values()) == pytest.approx(expected, abs=1e-6)


def test_a_list_of_the_most_probable_leaves_out_what_is_refused() -> None:
    refused = {"Bark": 0.0, "Rain": 0.0, NONE: 1.0}
    assert Scoring(top=2).kept(refused) == {NONE: 1.0}
    assert Scoring().kept(refused) == refused
    assert Scoring(threshold=0.5).kept(refused) == {NONE: 1.0}
    mixed = {"Bark": 0.3, "Rain": 0.1, NONE: 0.6}
    assert list(Scoring(top=2).kept(mixed)) == [NONE, "Bark"]
    assert Scoring(0.0, {NONE: 0.7}, 5).kept(mixed) == {"Bark": 0.3, "Rain": 0.1}


def test_a_file_of_thresholds_may_name_it(path: Path, tmp_path: Path) -> None:
    table = tmp_path / "thresholds.csv"
    table.write_text(f"label,threshold\n{NONE},0.7\nRain,0.2\n")
    assert read_thresholds(table, load(path)) == {NONE: 0.7, "Rain": 0.2}
    with pytest.raises(SpikesoundError, match=r"unknown label 'none of these'.*valid: Ba"):
        read_thresholds(table, load(path, raw=True))


def test_no_learnt_sound_may_have_its_name() -> None:
    with pytest.raises(SpikesoundError, match="'none of these' is the answer for sound of no"):
        check_new_name("None of these", ["Bark"])


def test_the_command_line_says_it_and_raw_does_not(
    path: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("silence.wav", np.zeros(CLIP), RATE)
    command = ("predict", "silence.wav", "--models", "models")
    code, out, err = spikesound(capsys, *command)
    assert code == 0
    rows = [line.split() for line in out.splitlines()[2:]]
    assert rows == [["none", "of", "these", "1.000"]]
    assert "not calibrated" not in err
    code, out, _ = spikesound(capsys, *command, "--format", "json")
    assert json.loads(out)["probabilities"][NONE] == 1
    code, out, err = spikesound(capsys, *command, "--raw", "--format", "json")
    assert NONE not in json.loads(out)["probabilities"]
    assert "not calibrated" not in err, "it was asked for"


def test_a_model_without_a_calibration_works_as_before_and_says_so(
    params: Params, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = small_models.classifier("cnn", params, spiking=True)
    small_models.saved(made, tmp_path / "models/snn-cnn-surrogate")
    soundfile.write("silence.wav", np.zeros(CLIP), RATE)
    code, out, err = spikesound(
        capsys, "predict", "silence.wav", "--models", "models", "--format", "json"
    )
    assert code == 0
    assert list(json.loads(out)["probabilities"]) == small_models.NAMES
    assert "not calibrated: it never answers 'none of these'" in err


def test_an_unfinished_batch_with_raw_is_not_gone_on_with_without(
    path: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", np.zeros(CLIP), RATE)
    Path("b.wav").write_text("damaged, so that the batch is not finished")
    command = ("predict", "a.wav", "b.wav", "--models", "models", "--out", "table.csv")
    assert spikesound(capsys, *command, "--raw")[0] == 1
    code, _, err = spikesound(capsys, *command)
    assert code == 1
    assert "unfinished batch with another raw" in err


def test_a_program_that_has_a_model_in_hand_takes_the_calibration_too(path: Path) -> None:
    trained = load(path).trained
    predict: Callable[..., dict[str, float]] = Model(trained).predict
    assert predict(np.zeros(CLIP, np.float32), RATE)[NONE] == 1
