"""``spikesound learn`` and ``forget``: from recordings to a model that knows a new sound."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_models
import soundfile
from small_models import LIF, saved

import spikesound
from spikesound.apps.cli import app
from spikesound.core.errors import run
from spikesound.core.json_files import write_json
from spikesound.features.shards import write_shards
from spikesound.inference.learnt import rows
from spikesound.inference.learnt.file import Sound
from spikesound.models.loading import TrainedModel, load
from spikesound.params import Params

Captured = pytest.CaptureFixture[str]

RATE_HZ = 8000
MODEL = Path("data/models/detection/snn-tcn-strong/fold-5/model.safetensors")
LEARNT = Path("data/models/detection/snn-tcn-strong.fold-5.learnt")


def tone(path: Path, seed: int, hz: float, noise: float = 0.01) -> None:
    """Half a second of a tone with quiet noise around it."""
    generator = np.random.default_rng(seed)
    samples = generator.normal(0, noise, RATE_HZ)
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    samples[2000:6000] += 0.5 * np.sin(2 * np.pi * hz * (1 + 0.02 * generator.normal()) * time_s)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(samples, -1, 1), RATE_HZ)


def model(neuron: dict[str, object] = LIF) -> TrainedModel:
    """A detector with random weights, and as many neurons as it takes to divide tones."""
    spec = small_models.detector("tcn", neuron=neuron).spec
    wide = {**spec.network_params, "channels": [8, 12], "hidden": 48}
    return small_models.made(spec.model_copy(update={"network_params": wide}))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a detector, six high tones, and low tones and noise as other sounds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIKESOUND_MODEL", raising=False)
    saved(model(), MODEL.parent)
    for seed in range(6):
        tone(tmp_path / f"beep/{seed}.wav", seed, 2500)
        tone(tmp_path / f"other/low-{seed}.wav", 10 + seed, 300)
        tone(tmp_path / f"other/noise-{seed}.wav", 20 + seed, 0, noise=0.1)
    return tmp_path


def said(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        run(lambda: app(list(arguments)))
    printed = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, printed.out, printed.err


def error_of(capsys: Captured, *arguments: str) -> str:
    code, out, err = said(capsys, *arguments)
    assert (code, out) == (1, "")
    return [line for line in err.splitlines() if line.startswith("error: ")][-1]


def taught(capsys: Captured, *more: str) -> str:
    code, out, err = said(capsys, "learn", "Beep", "beep", *more, "--not", "other")
    assert code == 0, err
    return out


@pytest.mark.slow
def test_a_taught_detector_finds_the_sound_in_all_commands(capsys: Captured) -> None:
    before = MODEL.read_bytes()
    out = taught(capsys)
    result = re.fullmatch(
        r"Beep: found in (\d) of 6 recordings left out; (\d+) false alarms? in 12 .*\n", out
    )
    assert result is not None
    assert int(result[1]) >= 5
    assert int(result[2]) <= 1
    assert MODEL.read_bytes() == before
    beep, low = "beep/1.wav", "other/low-0.wav"  # a network of random weights finds no others
    _, out, _ = said(capsys, "detect", beep, low, "--format", "csv")
    beeps = [line.split(",") for line in out.splitlines() if ",Beep," in line]
    assert len(beeps) == 1
    assert beeps[0][0] == beep
    assert 0.2 < float(beeps[0][1]) < float(beeps[0][2]) < 0.95
    _, out, _ = said(capsys, "predict", beep, "--format", "csv", "--threshold", "0.5")
    assert "Beep" in out
    _, out, _ = said(capsys, "listen", "--file", beep, "--json")
    assert "Beep" in [json.loads(line)["label"] for line in out.splitlines()]
    loaded = spikesound.load(MODEL)
    assert loaded.labels == ["Bark", "Rain", "Bell", "Beep"]
    assert "Beep" in {event.label for event in loaded.detect(beep, backend="dense")}


@pytest.mark.slow
def test_the_known_classes_are_detected_as_before(capsys: Captured) -> None:
    _, before, _ = said(capsys, "detect", "other", "beep", "--format", "csv")
    assert before.count("\n") > 5
    taught(capsys)
    _, after, _ = said(capsys, "detect", "other", "beep", "--format", "csv")
    assert [line for line in after.splitlines() if ",Beep," not in line] == before.splitlines()


@pytest.mark.slow
def test_models_lists_what_is_learnt_and_forget_removes_it(capsys: Captured) -> None:
    taught(capsys)
    said(capsys, "learn", "Low", "other/low-0.wav", "other/low-1.wav", "--not", "beep")
    _, out, _ = said(capsys, "models")
    assert "snn-tcn-strong has learnt Beep\nsnn-tcn-strong has learnt Low\n" in out
    _, out, _ = said(capsys, "models", "--json")
    assert json.loads(out)[0]["learnt"] == ["Beep", "Low"]
    line = error_of(capsys, "forget", "Bep")
    assert "unknown learnt sound 'Bep' (did you mean 'Beep'?); valid: Beep, Low" in line
    assert said(capsys, "forget", "Beep")[:2] == (
        0, "Beep: forgotten; learnt sounds left: 1\n"
    )  # fmt: skip
    assert spikesound.load(MODEL).labels[3:] == ["Low"]
    assert said(capsys, "forget", "Low")[0] == 0
    assert not LEARNT.exists()
    assert "no learnt sounds" in error_of(capsys, "forget", "Low")


@pytest.mark.slow
def test_more_recordings_are_added_to_a_sound(capsys: Captured) -> None:
    said(capsys, "learn", "Beep", "beep/0.wav", "--not", "other")
    line = error_of(capsys, "learn", "Beep", "beep/1.wav", "--not", "other")
    assert "Beep: already learnt; use --add for more recordings of it" in line
    line = error_of(capsys, "learn", "Beep", "beep/0.wav", "--add", "--not", "other")
    assert line == "error: 1 of 13 recordings cannot be used: see above; nothing learnt"
    code, out, _ = said(
        capsys, "learn", "Beep", "--add", "beep/1.wav", "beep/2.wav", "--not", "other"
    )
    assert code == 0
    assert re.match(r"Beep: found in \d of 3 recordings left out; ", out)
    assert [each.name for each in _sound().recordings] == ["0.wav", "1.wav", "2.wav"]
    line = error_of(capsys, "learn", "Beeep", "--add", "beep/3.wav", "--not", "other")
    assert "unknown learnt sound to add to 'Beeep'" in line


@pytest.mark.slow
def test_every_file_behind_not_is_of_other_sounds(capsys: Captured) -> None:
    others = ["other/low-0.wav", "other/low-1.wav", "other/noise-2.wav"]
    code, out, _ = said(
        capsys, "learn", "Beep", "beep/0.wav", "beep/1.wav", "--not", *others, "--model", str(MODEL)
    )
    assert code == 0
    assert re.fullmatch("Beep: found in . of 2 .*; . false alarms? in 3 .*\n", out)
    names = [each.name for each in _sound().recordings]
    assert names == ["0.wav", "1.wav"]
    said(capsys, "forget", "Beep")
    out = said(capsys, "learn", "Beep", "beep/0.wav", f"--not={others[0]}", *others[1:])[1]
    assert "in 3 recordings of other sounds" in out


def _sound() -> Sound:
    return rows.taught_of(load(MODEL), MODEL)[0].sound


@pytest.mark.slow
def test_what_cannot_be_used_is_named_line_by_line(capsys: Captured, folder: Path) -> None:
    soundfile.write(folder / "short.wav", np.full(500, 0.1), RATE_HZ)
    soundfile.write(folder / "silent.wav", np.full(8000, 1e-5), RATE_HZ, subtype="FLOAT")
    whole = (folder / "beep/0.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "text.wav").write_text("no sound\n")
    (folder / "same.wav").write_bytes(whole)
    files = ["short.wav", "silent.wav", "cut.wav", "text.wav", "beep/0.wav", "same.wav"]
    code, out, err = said(capsys, "learn", "Beep", *files, "--not", "other")
    assert (code, out) == (1, "")
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert re.match("error: short.wav: too short: expected at least 0.1 s, got 0.062", lines[0])
    assert lines[1] == "error: silent.wav: silent: its peak is below -60 dB"
    assert lines[2].startswith("error: cut.wav: ")
    assert lines[3].startswith("error: text.wav: ")
    assert lines[4] == "error: same.wav: the same recording as beep/0.wav"
    assert lines[5] == "error: 5 of 18 recordings cannot be used: see above; nothing learnt"
    assert len(lines) == 6
    assert not LEARNT.exists()
    same = error_of(capsys, "learn", "Beep", "beep/0.wav", "--not", "other", "beep")
    assert same.startswith("error: 1 of 19 recordings")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Bark", "beep", "--not", "other"], "name: 'Bark' is a class of the model already"),
        (["bell", "beep", "--not", "other"], "name: 'Bell' is a class of the model already"),
        ([" Beep", "beep", "--not", "other"], "name: expected 1 to 100 printable characters"),
        (["Beep", "beep"], "no recordings of other sounds, from which to tell the new one: give"),
        (["Beep", "none.wav", "--not", "other"], "none.wav: no such file or folder"),
        (["Beep", "beep", "--not", "none"], "none: no such file or folder"),
        (["Beep", "beep", "--not", "other", "--model", "snn"], "unknown model 'snn'"),
        (["Beep", "beep", "--not", "other", "--learnt", "no/such/x.learnt"], ""),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], words: str, capsys: Captured) -> None:
    if words:
        assert words in error_of(capsys, "learn", *arguments)
        assert not LEARNT.exists()
    else:  # the folder of another file is made
        assert said(capsys, "learn", *arguments)[0] == 0
        assert spikesound.load(MODEL, learnt="no/such/x.learnt").labels[-1] == "Beep"
        assert spikesound.load(MODEL).labels[-1] == "Bell"
        line = error_of(capsys, "detect", "beep/0.wav", "--learnt", "none.learnt")
        assert "none.learnt: no such file" in line


@pytest.mark.slow
def test_sounds_of_a_model_that_was_trained_again_are_refused(capsys: Captured) -> None:
    taught(capsys)
    saved(model({**LIF, "beta": 0.6}), MODEL.parent)
    line = error_of(capsys, "detect", "beep/0.wav")
    assert f"{LEARNT.absolute()}: learnt by another model than" in line
    _, out, _ = said(capsys, "models")
    assert "has learnt nothing that can be used: " in out


@pytest.mark.slow
def test_a_batch_is_done_again_when_something_was_learnt(capsys: Captured) -> None:
    Path("beep/broken.wav").write_text("no sound")
    arguments = ("detect", "beep", "--format", "csv", "--out", "labels")
    assert said(capsys, *arguments)[0] == 1
    Path("beep/broken.wav").unlink()
    taught(capsys)
    assert "of an unfinished batch with another learnt" in error_of(capsys, *arguments)
    assert said(capsys, *arguments, "--force")[0] == 0
    assert "Beep" in Path("labels/0.wav.csv").read_text()


@pytest.mark.slow
def test_the_known_classes_are_other_sounds_where_their_features_are(
    capsys: Captured, params: Params
) -> None:
    clips = np.stack([small_models.features(seed) for seed in range(12)]) * 80 - 80
    table = pd.DataFrame(
        {
            "clip_id": [f"c{number}" for number in range(12)],
            "fold": ["1", "2", "5"] * 4,
            "media_id": "m",
            "recording": "r",
            "labels": [["/m/bark"]] * 12,
        }
    )
    folder = Path("data/features/detection")
    write_shards(folder, table, clips.astype(np.float16), 10)
    front_end = model().front_end.features
    write_json(folder / "spec.json", {"params": front_end.model_dump(exclude={"batch_clips"})})
    _, out, _ = said(capsys, "learn", "Beep", "beep")
    assert " in 8 recordings of other sounds" in out, "those of fold 5 are held out"
    other = front_end.model_copy(update={"mels": 20}).model_dump(exclude={"batch_clips"})
    write_json(folder / "spec.json", {"params": other})
    code, out, err = said(capsys, "learn", "Beep 2", "other/low-1.wav", "--not", "beep")
    assert code == 0
    assert "known classes left out: " in err
    assert " in 6 recordings of other sounds" in out


@pytest.mark.slow
def test_a_classifier_learns_too(capsys: Captured, params: Params) -> None:
    folder = Path("data/models/classification/snn-cnn-surrogate/fold-1")
    saved(small_models.classifier("cnn", params, spiking=True), folder)
    code, out, _ = said(
        capsys, "learn", "Beep", "beep", "--not", "other", "--model", "snn-cnn-surrogate"
    )
    assert code == 0
    assert " of 6 recordings left out" in out
    _, out, _ = said(
        capsys, "predict", "beep/0.wav", "other/noise-0.wav", "--model", "snn-cnn-surrogate",
        "--format", "json",
    )  # fmt: skip
    tones, noise = json.loads(out)
    assert "Beep" in json.dumps(tones)
    probabilities = spikesound.load(folder).predict("beep/0.wav")
    assert probabilities["Beep"] > spikesound.load(folder).predict("other/noise-0.wav")["Beep"]
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert noise
