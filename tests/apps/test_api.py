"""Load, predict, detect, stream; and the lines of README with them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import trained_models
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT
from trained_models import NAMES, RECORDING, detector, front_end

import spikesound
from spikesound.apps import api
from spikesound.apps.api import Model, load
from spikesound.apps.train.run import train
from spikesound.apps.windows import sample_windows
from spikesound.audio.reading import blocks
from spikesound.core.errors import SpikesoundError
from spikesound.models import file
from spikesound.models.loading import Answer
from spikesound.tasks.detection.decision import events as offline_events
from spikesound.tasks.detection.median_filter import median


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(detector(tmp_path_factory.mktemp("model") / "model.safetensors"))


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.concatenate(list(blocks(RECORDING, 22050)))


@pytest.mark.slow
def test_a_detector_gives_events_and_probabilities(model: Model) -> None:
    found = model.detect(RECORDING)
    assert (model.name, model.labels, model.detects) == ("snn-tcn-strong", NAMES, True)
    assert len(found) >= 3
    assert found == sorted(found, key=lambda event: (event.onset_s, NAMES.index(event.label)))
    assert all(0 <= e.onset_s < e.offset_s <= 5.01 and e.label in NAMES for e in found)
    probabilities = model.predict(str(RECORDING))
    assert list(probabilities) == NAMES
    for label, probability in probabilities.items():
        scores = [event.score for event in found if event.label == label]
        assert (probability >= 0.5) == bool(scores)
        assert not scores or max(scores) == pytest.approx(probability)


@pytest.mark.slow
def test_detect_is_what_the_whole_clip_gives_at_once(model: Model, samples: np.ndarray) -> None:
    loaded = model.trained
    features = torch.from_numpy(loaded.front_end.whole(samples))
    with torch.inference_mode():
        scores = torch.sigmoid(loaded.network(features[:, None]).logits[:, 0]).numpy()
    decision = loaded.spec.decision
    assert decision is not None
    filtered = median(scores, decision.medians)
    seconds, hop_s = len(samples) / 22050, loaded.front_end.hop_s
    expected = offline_events(
        filtered, decision.thresholds, labels=NAMES, hop_s=hop_s, seconds=seconds
    )
    found = model.detect(RECORDING)
    assert [e[:3] for e in found] == [e[:3] for e in expected]
    assert [e.score for e in found] == pytest.approx([e.score for e in expected], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_in_any_pieces_gives_what_detect_gives(
    model: Model, samples: np.ndarray, seed: int
) -> None:
    samples = samples[:40000]
    generator = np.random.default_rng(seed)
    cuts = np.sort(generator.integers(0, len(samples), 4 ** (1 + seed)))
    stream = model.stream()
    frames = [frame for piece in np.split(samples, cuts) for frame in stream.feed(piece)]
    frames += stream.finish()
    closed = [event for frame in frames for event in frame.closed]
    closed.sort(key=lambda event: (event.onset_s, NAMES.index(event.label)))
    assert closed == model.detect(samples, 22050)


@pytest.mark.slow
def test_backends_give_the_same_events(model: Model, samples: np.ndarray) -> None:
    found = {name: model.detect(samples, 22050, backend=name) for name in ("auto", "dense")}
    assert len(found["auto"]) >= 3
    assert [event[:3] for event in found["auto"]] == [event[:3] for event in found["dense"]]
    scores = [[event.score for event in events] for events in found.values()]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert model.stream().backend == "event_driven"
    assert model.stream(backend="dense").backend == "dense"


def test_an_unknown_backend_is_an_error_that_lists_the_valid_ones(model: Model) -> None:
    valid = "unknown backend 'denes' .did you mean 'dense'..; valid: auto, compiled, dense, event_"
    for model_of_any_task in (model, classifier()):
        with pytest.raises(SpikesoundError, match=valid):
            model_of_any_task.stream(backend="denes")
    with pytest.raises(SpikesoundError, match=valid):
        model.detect(RECORDING, backend="denes")
    with pytest.raises(SpikesoundError, match="backend 'compiled': neuron LIF is not conventional"):
        model.stream(backend="compiled")


@pytest.mark.slow
def test_a_file_and_its_samples_are_the_same_sound(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    stereo = np.random.default_rng(1).integers(-9000, 9000, (44100, 2)).astype(np.int16)
    soundfile.write(path, stereo, 44100)
    one, array = model.process(path), model.process(stereo, 44100)
    assert one.seconds == array.seconds == 1.0
    assert one.probabilities == pytest.approx(array.probabilities, abs=1e-5)
    with path.open("rb") as stream:
        assert model.process(stream) == one


@pytest.mark.slow
def test_what_is_missing_is_asked_for(model: Model, tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match="samples need their sampling rate"):
        model.predict(np.zeros(100))
    with pytest.raises(SpikesoundError, match="expected None with a file"):
        model.predict(RECORDING, 44100)
    with pytest.raises(SpikesoundError, match="sampling rate of 1000 to 1000000 Hz, got 0"):
        model.predict(np.zeros(100), 0)
    spec, network = file.load(detector(tmp_path / "a.safetensors"))
    undecided = tmp_path / "undecided.safetensors"
    file.save(undecided, spec.model_copy(update={"decision": None}), network)
    with pytest.raises(SpikesoundError, match="a detector without tuned thresholds"):
        load(undecided).detect(RECORDING)


def fed(model: Model, samples: object) -> list[float]:
    """Highest scores of a stream that is fed all at once."""
    stream = model.stream()
    frames = stream.feed(samples) + stream.finish()  # type: ignore[arg-type]
    return [float(highest) for highest in np.max([frame.scores for frame in frames], axis=0)]


@pytest.mark.slow
def test_a_stream_scales_and_mixes_samples_as_predict_does(
    model: Model, samples: np.ndarray
) -> None:
    mixed = samples[:60000]
    stereo = np.stack([np.zeros_like(mixed), 2 * mixed], axis=1)
    whole = np.round(mixed * 32767).astype(np.int16)
    expected = list(model.predict(mixed, 22050).values())
    forms = {
        "int16": whole,
        "int16, two channels": np.stack([whole, whole], axis=1),
        "int32": whole.astype(np.int32) << 16,
        "two channels": stereo,
        "float64": mixed.astype(np.float64),
        "list": mixed.tolist(),
        "tensor": torch.from_numpy(mixed),
    }
    for name, form in forms.items():
        assert fed(model, form) == pytest.approx(expected, abs=2e-2), name
        assert list(model.predict(form, 22050).values()) == fed(model, form), name
    assert fed(model, 3 * mixed) == fed(model, np.clip(3 * mixed, -1, 1)), "full scale"
    assert fed(model, whole) != pytest.approx(fed(model, np.sign(mixed)), abs=2e-2)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (np.zeros(99, np.int64), "expected dtype float, int8, int16, int32 or uint8, got int64"),
        ([0, 1, 2], "got int64"),
        (np.zeros(99, np.uint16), "got uint16"),
        (np.zeros(99, complex), "got complex128"),
        (np.zeros(99, bool), "got bool"),
        (np.array(["a"]), "got <U1"),
        (np.zeros((2, 99)), r"expected shape \(sample,\) or \(sample, channel\), got \(2, 99\)"),
        (np.zeros((1, 1, 99)), "got \\(1, 1, 99\\)"),
        (np.float32(1), r"got \(\)"),
        (None, "expected "),
        ({}, "expected "),
        ([[1.0], [1.0, 2.0]], "expected an array of numbers"),
        (np.array([0, np.nan]), "expected finite samples"),
        (np.array([0, 3000.0]), "3e[+]03 times full scale"),
    ],
)
def test_other_samples_are_refused_in_one_line(model: Model, form: object, words: str) -> None:
    stream = model.stream()
    for use in (stream.feed, lambda form: model.predict(form, 22050)):
        with pytest.raises(SpikesoundError, match=words):
            use(form)  # type: ignore[arg-type]
    assert stream.sound_s == 0


def test_no_samples_are_no_error_in_a_stream(model: Model) -> None:
    stream = model.stream()
    assert stream.feed(np.zeros(0)) == stream.feed([]) == []
    with pytest.raises(SpikesoundError, match="empty array"):
        model.predict(np.zeros(0), 22050)


@pytest.mark.parametrize("rate_hz", [0, 7, True, "22050", 22050.5, float("nan"), 1e9])
def test_a_rate_that_is_none_is_refused(model: Model, rate_hz: object) -> None:
    with pytest.raises(SpikesoundError, match="rate_hz: expected a sampling rate of 1000 to"):
        model.predict(np.zeros(100), rate_hz)  # type: ignore[arg-type]
    assert model.predict(np.zeros(100), 22050.0) == model.predict(np.zeros(100), 22050)  # type: ignore[arg-type]


class Loudness:
    """In place of a trained classifier: its scores are the mean and the length of the features."""

    name, labels, ids, clip_s = "ann-loud", ["mean", "frames"], ["m", "f"], 1.0
    detects, calibration = False, None
    front_end = front_end()

    def answer(self, features: np.ndarray) -> Answer:
        return Answer(np.array([features.mean(), len(features)], np.float32), refused=False)


def classifier() -> Model:
    return Model(Loudness())  # type: ignore[arg-type]


def test_the_windows_of_a_classifier_overlap_by_half(samples: np.ndarray) -> None:
    second = 22050
    starts = [0, second // 2, second, len(samples[:48000]) - second]
    whole = Loudness.front_end.whole
    expected = np.mean([whole(samples[at : at + second]).mean() for at in starts])
    found = classifier().process(samples[:48000], second)
    assert found.seconds == 48000 / second
    assert found.events is None
    assert found.probabilities["mean"] == pytest.approx(expected, abs=1e-6)
    assert found.probabilities["frames"] == 1 + second // 1024
    hardly_longer = classifier().predict(samples[: second + 200], second)
    assert hardly_longer["mean"] == pytest.approx(whole(samples[:second]).mean(), abs=1e-6)
    with pytest.raises(SpikesoundError, match="ann-loud: expected a detector, got a classifier"):
        classifier().detect(RECORDING)


def test_each_window_of_a_classifier_is_predicted_alone(samples: np.ndarray) -> None:
    second, model = 22050, classifier()
    sound = samples[: round(3.3 * second)]
    found = list(model.windows(sound, second, window_s=2.0, hop_s=1.0))
    times = [(round(each.onset_s, 4), round(each.offset_s, 4)) for each in found]
    assert times == [(0, 2), (1, 3), (1.3, 3.3)]
    for each in found:
        alone = sound[round(each.onset_s * second) : round(each.offset_s * second)]
        assert each.probabilities == model.predict(alone, second)
    [short] = model.windows(sound, second, window_s=60.0)
    assert [short.onset_s, short.offset_s] == pytest.approx([0, 3.3])
    assert short.probabilities == model.predict(sound, second), "not of added zeros"
    assert [each.onset_s for each in model.windows(sound, second)][:3] == [0, 0.5, 1.0]


@pytest.mark.slow
def test_windows_of_a_detector_are_the_highest_of_their_frames(
    model: Model, samples: np.ndarray
) -> None:
    stream, samples = model.stream(), samples[:100_000]
    frames = stream.feed(samples) + stream.finish()
    half = model.trained.front_end.hop_s / 2
    found = list(model.windows(samples, 22050, window_s=0.8, hop_s=0.3))
    ends = [min(0.3 * number + 0.8, len(samples) / 22050) for number in range(len(found))]
    assert [each.offset_s for each in found] == pytest.approx(ends)
    assert found[-1].offset_s == len(samples) / 22050
    for each in found:
        inside = [
            frame.scores
            for frame in frames
            if each.onset_s < frame.at_s + half and frame.at_s - half < each.offset_s
        ]
        assert list(each.probabilities.values()) == list(np.max(inside, axis=0))
    highest = {label: max(each.probabilities[label] for each in found) for label in NAMES}
    assert highest == model.predict(samples, 22050)


def test_windows_leave_no_gap_and_have_a_length(model: Model) -> None:
    for window_s, hop_s, words in ((0.0, None, "window"), (1.0, 2.0, "hop"), (1.0, -1.0, "hop")):
        with pytest.raises(SpikesoundError, match=f"^{words}: expected"):
            model.windows(RECORDING, window_s=window_s, hop_s=hop_s)


@pytest.mark.slow
@given(st.lists(st.integers(1, 50), min_size=1, max_size=9), st.integers(2, 60))
def test_windows_are_the_same_whatever_the_pieces(lengths: list[int], length: int) -> None:
    sound = np.arange(1, sum(lengths) + 1, dtype=np.float32)
    pieces = np.split(sound, np.cumsum(lengths)[:-1])
    found = [
        (list(samples), end) for samples, end in sample_windows(pieces, length, max(1, length // 2))
    ]
    hop, last = length // 2, max(0, len(sound) - length)
    starts = sorted({*range(0, last + 1, hop), last})
    padded = np.pad(sound, (0, max(0, length - len(sound))))
    assert [samples for samples, _ in found] == [list(padded[s : s + length]) for s in starts]
    assert found[-1][1] == len(sound)


@pytest.mark.slow
def test_a_model_is_loaded_by_its_file_its_folder_or_its_name_in_a_folder(tmp_path: Path) -> None:
    file = detector(tmp_path / "models/detection/snn-a/fold-2/model.safetensors")
    detector(tmp_path / "models/detection/snn-a/fold-5/model.safetensors", seed=2)
    folds = file.parents[1]
    for path in (file, file.parent, folds, f"{folds}/", tmp_path / "models/snn-a"):
        assert load(path).trained.spec.seed == 1, path
    models = tmp_path / "models"
    for path, words in (
        (models, "models: no model in this folder; models in it: snn-a"),
        (models / "snn-b", "snn-b: no such file; models in .*models: snn-a"),
        (tmp_path / "x/y", "x/y: no such file$"),
        ("a" * 5000, "aaa [.]{3} aaa.*: File name too long"),
    ):
        with pytest.raises(SpikesoundError, match=words):
            load(path)
    with pytest.raises(SpikesoundError, match=r"aaa \.{3} aaa.*: File name too long"):
        load(file).predict("a" * 5000)


@pytest.mark.slow
def test_importing_the_package_loads_nothing() -> None:
    """Until a name is used: torch takes seconds."""
    code = (
        "import sys, spikesound; before = {'torch', 'numpy'} & set(sys.modules); "
        "print(before, spikesound.load.__module__, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set() spikesound.apps.api True\n"


def test_the_package_offers_the_public_names() -> None:
    assert {name: getattr(spikesound, name) for name in spikesound.__all__} == {
        **{name: getattr(api, name) for name in api.__all__},
        "train": train,
    }
    assert set(spikesound.__all__) <= set(dir(spikesound))
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        spikesound.lode  # noqa: B018


@pytest.mark.slow
def test_the_lines_of_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [block] = [
        b for b in re.findall(r"```python\n(.*?)```", readme, re.S) if "spikesound.load" in b
    ]
    assert len(block.strip().splitlines()) <= 12
    [path] = re.findall(r'load\("(.*?)"\)', block)
    trained_models.detector(tmp_path / path / "fold-5/model.safetensors")
    soundfile.write(tmp_path / "street.wav", np.zeros(22050), 22050)
    monkeypatch.chdir(tmp_path)
    names = {"microphone": [np.zeros(4096, np.float32)] * 3}
    exec(compile(block, "README.md", "exec"), names)
    assert isinstance(names["model"], Model)
