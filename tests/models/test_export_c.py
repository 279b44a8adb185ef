"""A detector in C: equal to the integer reference to the bit, and near the float stream."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from c_programs import GCC, bytes_of_tables, compiled, given, swelling
from c_programs import built as built_by_gcc
from detectors import detector
from small_models import LIF, adaptive, classifier
from small_models import detector as other_front_end

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.stream import Stream
from spikesound.models.export import export
from spikesound.models.export.c.check_sound import check_sound
from spikesound.models.export.c.choice import Chosen, chosen
from spikesound.models.export.c.folded import float_layers
from spikesound.models.export.c.front_end import front_end_tables, integer_features
from spikesound.models.export.c.module import FLAGS, to_c
from spikesound.models.export.c.quantised import quantised
from spikesound.models.export.c.reference import SIGMOIDS, integer_scores, spikes_of
from spikesound.models.export.c.sizes import parts
from spikesound.models.export.c.text import identifier
from spikesound.models.layers import hidden
from spikesound.models.loading import TrainedModel
from spikesound.models.networks.detector import Detector
from spikesound.models.spec import Decision
from spikesound.params import Params
from spikesound.snn.neurons.multi_spike_lif import MultiSpikeLIF
from spikesound.tasks.detection.median_filter import median

MEDIANS = [1, 5, 3]
THRESHOLDS = [0.45, 0.5, 0.55]


def model(
    name: str,
    reset: str = "subtract",
    hop: int = 1024,
    lookahead: int = 0,
    levels: int = 1,
) -> TrainedModel:
    """Return a detector of 64 mel bands with random weights; levels: most spikes in a frame."""
    spec, network = detector(name, bins=64, reset=reset, levels=levels)
    features = spec.sound.features.model_copy(update={"hop": hop})
    front_end = spec.sound.model_copy(update={"features": features})
    decision = Decision(thresholds=THRESHOLDS, medians=MEDIANS, lookahead=lookahead)
    changes = {"decision": decision, "front_end": front_end}
    return TrainedModel(spec.model_copy(update=changes), network)


def sound(seed: int) -> np.ndarray:
    return swelling(seed, 40_000)


def built(folder: Path, found: TrainedModel) -> Path:
    """Export a model, compile its check program, and return the program."""
    program, compared = built_by_gcc(folder, found)
    assert compared > 100
    return program


def run(program: Path, samples: np.ndarray, classes: int) -> tuple[np.ndarray, ...]:
    """Return operations (frame,), probabilities and active classes (frame, class)."""
    rows = given(program, samples)
    return rows[:, 0], rows[:, 1 : 1 + classes], rows[:, 1 + classes :]


def float_scores(found: TrainedModel, samples: np.ndarray) -> np.ndarray:
    """Return probabilities (frame, class) of the dense network in float."""
    features = found.front_end.whole((samples / 32768).astype(np.float32))
    network = found.network
    assert isinstance(network, Detector)
    with torch.no_grad():
        logits = network(torch.from_numpy(features)[:, None]).logits[:, 0]
    return torch.sigmoid(logits).numpy()


@pytest.mark.slow
@compiled
@pytest.mark.parametrize(
    ("name", "reset", "hop", "levels"),
    [
        ("ann-tcn", "", 1024, 1),
        ("snn-tcn", "subtract", 1024, 1),
        ("snn-tcn", "zero", 400, 1),
        ("snn-tcn", "none", 1024, 1),
        ("snn-tcn", "none", 1024, 4),
        ("snn-tcn", "subtract", 1024, 3),
    ],
)
def test_all_scores_are_equal_to_the_integer_reference(
    tmp_path: Path, name: str, reset: str, hop: int, levels: int
) -> None:
    found = model(name, reset, hop, levels=levels)
    program = built(tmp_path, found)
    integers = chosen(found)
    samples = sound(3)
    expected = integer_scores(integers.network, integer_features(samples, integers.tables))
    operations, probabilities, _ = run(program, samples, 3)
    assert np.array_equal(probabilities, expected.probabilities)
    assert np.array_equal(operations, expected.operations)
    assert len(np.unique(probabilities)) > 50
    assert operations.max() > 2 * operations.min()  # zeros and silence cost nothing


@pytest.mark.slow
@compiled
@pytest.mark.parametrize(
    ("name", "levels", "mean", "most"),
    [
        ("ann-tcn", 1, 0.005, 0.05),
        ("snn-tcn", 1, 0.005, 0.1),
        ("snn-tcn", 4, 0.005, 0.1),
    ],
)
def test_scores_are_near_those_of_the_float_stream(
    tmp_path: Path, name: str, levels: int, mean: float, most: float
) -> None:
    found = model(name, levels=levels)
    samples = sound(4)
    _, probabilities, active = run(built(tmp_path, found), samples, 3)
    wanted = float_scores(found, samples)
    difference = np.abs(probabilities / 32768 - wanted)
    assert difference.mean() < mean
    assert difference.max() < most
    assert np.ptp(wanted, axis=0).max() > 10 * mean  # what is near is not merely constant
    assert isinstance(found.network, Detector)
    stream = Stream(found.spec, found.network)
    floats = stream.feed_mono((samples / 32768).astype(np.float32)) + stream.finish()
    decided = np.stack([frame.scores for frame in floats]) >= np.array(THRESHOLDS)
    delay = max(MEDIANS) // 2
    late = active[delay:].astype(bool)
    assert (late == decided[: len(late)]).mean() > 0.97


@pytest.mark.slow
@compiled
@pytest.mark.parametrize("lookahead", [0, 3])
def test_the_decision_is_the_pipelines(tmp_path: Path, lookahead: int) -> None:
    """The same median filter and thresholds, on the probabilities of the C code itself."""
    found = model("ann-tcn", lookahead=lookahead)
    _, probabilities, active = run(built(tmp_path, found), sound(5), 3)
    floats = (probabilities / 32768).astype(np.float32)
    filtered = median(floats[lookahead:], MEDIANS)
    delay = lookahead + max(MEDIANS) // 2
    expected = filtered >= np.array(THRESHOLDS)
    assert np.array_equal(active[delay:], expected[: len(active) - delay])
    assert expected.any()
    assert not expected.all()
    assert not active[:delay].any()
    with_none = median(floats, MEDIANS)[lookahead:] >= np.array(THRESHOLDS)
    assert np.array_equal(with_none, expected) == (lookahead == 0), "outputs that are of no frame"


@pytest.mark.slow
@compiled
@pytest.mark.parametrize("levels", [1, 4])
def test_sizes_in_the_header_are_those_of_the_state(tmp_path: Path, levels: int) -> None:
    found = model("snn-tcn", levels=levels)
    program = built(tmp_path, found)
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    state = int(said.split("state: ")[1].split()[0])
    integers = chosen(found)
    table = parts(integers.network, integers.tables, max(MEDIANS))
    assert 0 <= state - sum(part.ram for part in table) <= 40  # counters, padding
    module = (tmp_path / "m" / "snn_tcn_strong.c").read_text()
    assert bytes_of_tables(module) == sum(part.flash for part in table)
    text = (tmp_path / "m" / "snn_tcn_strong.h").read_text()
    for part in table:
        assert f"{part.name:<18}{part.kind:<27}{part.flash:>8,}{part.ram:>8,}" in text


@pytest.mark.slow
@compiled
def test_a_damaged_module_is_found(tmp_path: Path) -> None:
    export(model("ann-tcn"), "c", tmp_path / "m")
    module = tmp_path / "m" / "ann_tcn_strong.c"
    text = module.read_text()
    start = text.index("last_biases[3] = {") + len("last_biases[3] = {")
    module.write_text(text[:start] + "9" + text[start:].lstrip("-"))
    names = [str(module), str(tmp_path / "m" / "ann_tcn_strong_check.c")]
    subprocess.run([GCC, *FLAGS, "-o", tmp_path / "check", *names], check=True)
    done = subprocess.run([tmp_path / "check"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "frame 0 differs" in done.stdout


def test_features_in_integers_are_those_in_float() -> None:
    front_end = model("ann-tcn").front_end
    samples = sound(6)
    exact = front_end.whole((samples / 32768).astype(np.float32))
    integers = integer_features(samples, front_end_tables(front_end)) / 32767
    assert np.abs(integers - exact).max() < 1e-3
    assert exact.min() == 0
    assert exact.max() > 0.8


@pytest.mark.slow
def test_a_layer_gets_16_bits_where_8_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    found = model("snn-tcn")
    few = bits_of(chosen(found))
    monkeypatch.setattr("spikesound.models.export.c.choice.LOSS", 0.0)
    many = chosen(found)
    monkeypatch.setattr("spikesound.models.export.c.choice.LOSS", 1.0)
    none = chosen(found)
    assert set(bits_of(none)) == {8}
    assert sum(few) < sum(bits_of(many))
    assert many.mean_difference < none.mean_difference / 2


def bits_of(found: Chosen) -> list[int]:
    """Return the bits of the weights, layer by layer."""
    return [layer.bits for layer in (*found.network.layers, found.network.readout)]


@pytest.mark.parametrize("reset", ["none", "subtract"])
def test_numbers_of_spikes_are_those_of_the_neuron(reset: str) -> None:
    """Sums in integers, against the neuron in float: numbers of all sizes."""
    found = model("snn-tcn", reset, levels=3)
    neuron = hidden(found.network)[-1].neuron
    assert isinstance(neuron, MultiSpikeLIF)
    layers, readout = float_layers(found)
    last = quantised(layers, readout, [1.0] * len(layers), [8] * (len(layers) + 1)).layers[-1]
    spread = np.abs(last.weights).sum(0).max()
    sums = np.random.default_rng(2).integers(-spread // 2, spread, (50, len(last.scales)))
    rule = layers[-1].rule
    assert rule is not None
    numbers = spikes_of(sums, last, rule)
    currents = torch.from_numpy((sums + last.biases / last.unit) * last.scales).float()
    expected = neuron(currents).detach().numpy()
    assert np.array_equal(numbers, expected)
    assert set(np.unique(numbers)) == {0, 1, 2, 3}


def test_known_values() -> None:
    assert SIGMOIDS[[0, 16, 32, 256]].tolist() == [16384, 23955, 28862, 32768]
    # 1664525 + 1013904223 = 15496 x 2^16 + ..., so noise of (15496 - 32768) / 2, and a sawtooth of
    # -32768 / 2^15.
    assert check_sound(1).tolist() == [-8637]


def test_what_c_cannot_express_is_named(tmp_path: Path, params: Params) -> None:
    held = other_front_end("tcn", neuron=LIF | {"refractory": 2})
    refused = [
        (classifier("gru", params, spiking=False), "of kind 'gated' cannot be expressed in C"),
        (classifier("cnn", params, spiking=True, encoding="rate"), "encoding must be 'direct'"),
        (adaptive(params), "layer 'recurrent_1' of kind 'recurrent' cannot be expressed in C"),
        (held, "'convolution_1': neuron LIF with a refractory period cannot"),
        (model("snn-tcn", levels=256), "256 spikes a frame cannot .* at most 255"),
        (other_front_end("tcn"), "window 640, hop 640: in C the window must be a power of two"),
    ]
    for found, why in refused:
        with pytest.raises(SpikesoundError, match=why):
            export(found, "c", tmp_path / "m")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    with pytest.raises(SpikesoundError, match="expected a new folder, or an earlier export in C"):
        export(model("ann-tcn"), "c", tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_without_a_compiler_a_note_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    done = to_c(model("ann-tcn"), tmp_path / "m")
    assert done.compared == 0
    assert any("no C compiler found" in note for note in done.notes)


@pytest.mark.slow
@compiled
def test_an_earlier_export_is_replaced(tmp_path: Path) -> None:
    strange = {"names": ['a "b" */ ??/ model_x', "Ärger\n", "MODEL_BINS"]}
    found = model("ann-tcn")
    found = TrainedModel(found.spec.model_copy(update=strange), found.network)
    for _ in range(2):
        assert export(found, "c", tmp_path / "m").size > 10_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]
    assert "MODEL_BINS" in (tmp_path / "m" / "ann_tcn_strong.c").read_text()


@compiled
@pytest.mark.slow
@pytest.mark.parametrize(("name", "levels"), [("ann-tcn", 1), ("snn-tcn", 1), ("snn-tcn", 4)])
def test_no_undefined_behaviour(tmp_path: Path, name: str, levels: int) -> None:
    """Loud noise at full scale, under gcc's sanitizers of undefined behaviour and addresses."""
    found = model(name, levels=levels)
    export(found, "c", tmp_path / "m")
    prefix = identifier(found.name)
    names = [str(tmp_path / "m" / f"{prefix}{end}") for end in (".c", "_check.c")]
    flags = [*FLAGS, "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    program = tmp_path / "check"
    done = subprocess.run([GCC, *flags, "-o", program, *names], capture_output=True, text=True)
    if done.returncode and "cannot find" in done.stderr:
        pytest.skip("gcc has no sanitizers")
    assert done.returncode == 0, done.stderr
    loud = np.random.default_rng(1).choice([-32768, 32767], 20_000).astype(np.int16)
    assert len(run(program, loud, 3)[0]) == 20
