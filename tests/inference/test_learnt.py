"""Learnt sounds: the rule by hand, the row in every backend, the file, the check."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_models
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import LIF, saved

from spikesound.core.errors import SpikesoundError
from spikesound.inference.backends import BACKENDS, streaming
from spikesound.inference.learnt import file, rows
from spikesound.inference.learnt.activity import Activity, HiddenLayer
from spikesound.inference.learnt.check import Checked, boundary, checked, left_out, potential
from spikesound.inference.learnt.delta import DeltaRule, learn, sigmoid
from spikesound.inference.learnt.teach import fit, teach
from spikesound.models.loading import TrainedModel
from spikesound.params import Params

CHECKED = Checked(found=1, left_out=2, false_alarms=0, others=3)


def activity(values: object, known: float = 0.0) -> Activity:
    """Activity of rows without the bias's synapse, which is put behind them."""
    x = np.array(values, np.float32)
    x = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    return Activity(x, np.full(len(x), known, np.float32), np.ones(len(x), bool))


def detector(name: str, params: Params) -> TrainedModel:
    made = {
        "snn-tcn": lambda: small_models.detector("tcn", neuron=LIF),
        "ann-tcn": lambda: small_models.detector("tcn"),
        "ann-gru": lambda: small_models.detector("crnn_gru"),
        "snn-alif": lambda: small_models.adaptive(params),
    }
    return made[name]()


def taught(model: TrainedModel, *names: str) -> list[file.Taught]:
    """Sounds with weights and examples drawn at random."""
    generator = np.random.default_rng(3)
    synapses, sounds = HiddenLayer(model).synapses, []
    for name in names:
        example = activity(generator.normal(size=(4, synapses - 1)), 0.5)
        recording = file.Recording(name=f"{name}.wav", sha256="0" * 64, rows=4)
        sound = file.Sound(name=name, median=3, recordings=[recording], checked=CHECKED)
        weights = generator.normal(size=synapses).astype(np.float32)
        sounds.append(file.Taught(sound, weights, [example]))
    return sounds


def test_an_update_by_hand() -> None:
    """Inputs 2 and 0 have mean 1 and deviation 1; at 0 the errors are 1/2 and -1/2."""
    sound, other = activity([[2.0]]), activity([[0.0]])
    once = learn([sound], [other], DeltaRule(rate=4.0, passes=1, share=0.5))
    # 4 / 2 synapses x (1/2 x 1/2 x 1 + 1/2 x -1/2 x -1) = 1 of the input, 0 of the bias
    assert once == pytest.approx([1.0, -1.0])
    twice = learn([sound], [other], DeltaRule(rate=4.0, passes=2, share=0.5))
    assert twice[0] == pytest.approx(1 + 2 * (1 - 1 / (1 + math.exp(-1))))


def test_what_the_known_classes_have_against_a_sound_is_overcome() -> None:
    rule = DeltaRule(rate=4.0, passes=200)
    plain, opposed = (
        learn([activity([[2.0]], known)], [activity([[0.0]], known)], rule) for known in (0.0, 5.0)
    )
    high = float(activity([[2.0]]).rows[0] @ opposed)
    assert high - 5.0 > 1.0
    assert high > float(activity([[2.0]]).rows[0] @ plain)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_two_clouds_that_a_plane_divides_are_told_apart(seed: int) -> None:
    generator = np.random.default_rng(seed)
    middle = generator.normal(size=12)
    sound = [activity(generator.normal(4 * middle, 0.5, (3, 12))) for _ in range(3)]
    others = [activity(generator.normal(0.0, 0.5, (3, 12))) for _ in range(5)]
    weights = learn(sound, others, DeltaRule(passes=200))
    assert min(potential(each, weights, 0) for each in sound) > 0
    assert max(potential(each, weights, 0) for each in others) < 0


def test_a_synapse_that_is_always_silent_gets_no_weight() -> None:
    weights = learn([activity([[2.0, 0.0]])], [activity([[0.0, 0.0]])])
    assert weights[1] == 0
    assert np.isfinite(weights).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["snn-tcn", "ann-tcn", "ann-gru", "snn-alif"])
def test_every_backend_computes_the_new_row_and_the_old_ones_as_before(
    name: str, params: Params
) -> None:
    model = detector(name, params)
    sounds = taught(model, "Chirp", "Hum")
    extended = rows.with_rows(model, sounds)
    assert extended.labels == [*model.labels, "Chirp", "Hum"]
    features = small_models.features()
    x, layer = torch.from_numpy(features)[:, None], HiddenLayer(model)
    seen = layer.of_features(features).rows
    assert seen[:, :-1].any()
    run = 0
    for backend in BACKENDS:
        try:
            _, old = streaming(model.network, backend)  # type: ignore[arg-type]
        except SpikesoundError:
            continue
        _, new = streaming(extended.network, backend)  # type: ignore[arg-type]
        with torch.inference_mode():
            before = old.advance(x, old.rest(1))[0][:, 0].numpy()
            after = new.advance(x, new.rest(1))[0][:, 0].numpy()
        np.testing.assert_allclose(after[:, :3], before, atol=1e-6)
        expected = np.stack([seen @ each.weights for each in sounds], 1)
        np.testing.assert_allclose(after[:, 3:], expected, atol=1e-4)
        run += 1
    assert run == 2, "the compiled one, and the network itself"


@pytest.mark.parametrize(("network", "spiking"), [("cnn", True), ("cnn", False), ("gru", False)])
@pytest.mark.parametrize("labels", ["single", "multiple"])
def test_a_classifier_gives_the_probability_that_the_rule_has_learnt(
    network: str, spiking: bool, labels: str, params: Params
) -> None:
    model = small_models.classifier(network, params, spiking=spiking, labels=labels)
    sounds = taught(model, "Chirp")
    extended = rows.with_rows(model, sounds)
    features = small_models.features()
    before, after = model.probabilities(features), extended.probabilities(features)
    odds = potential(HiddenLayer(model).of_features(features), sounds[0].weights, 0)
    expected = 1 / (1 + math.exp(-odds))
    assert after[3] == pytest.approx(expected, abs=1e-5)
    factor = 1 - after[3] if labels == "single" else 1.0
    np.testing.assert_allclose(after[:3], before * factor, atol=1e-5)


def test_the_trace_of_a_detector_decays_as_its_integrator(params: Params) -> None:
    model = detector("ann-tcn", params)
    seen = HiddenLayer(model).of_features(small_models.features()).rows
    beta = model.network.integrator.beta.detach().item()  # type: ignore[union-attr, operator]
    assert seen[:3, -1] == pytest.approx([1 - beta, 1 - beta**2, 1 - beta**3])


def test_rows_of_a_late_network_are_of_the_frames_they_tell_of(params: Params) -> None:
    now = detector("ann-tcn", params)
    decision = now.spec.decision
    assert decision is not None
    later = decision.model_copy(update={"lookahead": 3})
    late = replace(now, spec=now.spec.model_copy(update={"decision": later}))
    features = small_models.features()
    seen, before = HiddenLayer(late).of_features(features), HiddenLayer(now).of_features(features)
    assert len(seen.rows) == len(seen.known) == len(before.rows)
    np.testing.assert_allclose(seen.rows[:-3], before.rows[3:], atol=1e-6)
    extended = rows.with_rows(late, taught(late, "Chirp"))
    assert extended.spec.decision is not None
    assert extended.spec.decision.lookahead == 3


def test_rows_of_the_loud_part_are_active(params: Params) -> None:
    model = detector("snn-tcn", params)
    samples = np.full(16_000, 1e-4, np.float32)
    samples[6400:9600] = 0.5  # ten frames of 640 samples before, five with it
    active = HiddenLayer(model).of_windows([samples]).active
    assert active[11:15].all()
    assert not active[:10].any()
    assert not active[16:].any()


def test_a_readout_that_is_not_linear_is_refused(params: Params) -> None:
    model = small_models.classifier("cnn", params, spiking=True)
    spec = model.spec.model_copy(update={"readout": "spike_count"})
    with pytest.raises(SpikesoundError, match=r"read-out is linear.* got network 'cnn', read-out"):
        HiddenLayer(small_models.made(spec))


def test_each_recording_is_left_out_once() -> None:
    sound = [activity([[float(number)]]) for number in range(1, 4)]
    others = [activity([[-float(number)]]) for number in range(1, 6)]
    seen: list[list[float]] = []

    def rule(with_it: object, without: object) -> np.ndarray:
        seen.append([float(each.rows[0, 0]) for each in [*with_it, *without]])  # type: ignore[misc]
        return np.array([len(seen), 0.0], np.float32)

    with_it, without = left_out(sound, others, [activity([[-9.0]])], frames=0, rule=rule)
    absent = [sorted({1.0, 2, 3, -1, -2, -3, -4, -5, -9} - set(each)) for each in seen]
    assert absent == [[-1, 1], [-2, 2], [-3, 3], [-4], [-5]]
    assert with_it == pytest.approx([1, 4, 9], abs=1e-4), "by the weights of its own part"
    assert without == pytest.approx([-1, -4, -9, -16, -25], abs=1e-3)


def test_the_boundary_is_the_middle_of_the_widest_gap_that_divides_best() -> None:
    assert boundary(np.float32([4, 5, 9]), np.float32([-3, 0, 1])) == 2.5
    assert boundary(np.float32([4, 5, 9]), np.float32([-3, 0, 8])) == 2.0, "misses none for one"
    assert boundary(np.float32([1, 5, 6]), np.float32([0, 2, 3])) == 4.0
    assert boundary(np.float32([-3, -2]), np.float32([1, 2])) == 0, "none is better than none"
    assert boundary(np.float32([]), np.float32([1, 2])) == 0


def test_a_recording_is_judged_by_the_boundary_of_the_others() -> None:
    done = checked(np.float32([4, 5, -9]), np.float32([-3, 0, 8]))
    assert done == Checked(found=2, left_out=3, false_alarms=1, others=3)
    assert done.sentence() == (
        "found in 2 of 3 recordings left out; 1 false alarm in 3 recordings of other sounds"
    )
    # Of its own two, the middle of the gap would divide them.
    assert checked(np.float32([1]), np.float32([0])).found == 1
    assert checked(np.float32([1, 9]), np.float32([0, 2])).found == 1


def test_the_boundary_is_put_into_the_bias() -> None:
    sound = [activity([[each]]) for each in (7.0, 8.0, 9.0)]
    others = [activity([[each]]) for each in (0.0, 1.0, 2.0)]
    weights, done = fit(sound, others, frames=1, rule=lambda a, b: np.float32([1, 0]))
    assert weights == pytest.approx([1, -4.5])
    assert done == Checked(found=3, left_out=3, false_alarms=0, others=3)


def test_a_single_recording_is_not_left_out() -> None:
    others = [activity([[0.0]]), activity([[1.0]])]
    weights, done = fit([activity([[4.0]])], others, frames=1, rule=lambda a, b: np.float32([1, 0]))
    assert weights == pytest.approx([1, -2.5]), "half way to the next of the others"
    assert (done.left_out, done.others) == (0, 2)
    assert done.sentence().startswith("found: not known, since its only recording")
    _, alone = fit([activity([[4.0]])], others[:1], frames=1)
    assert "false alarms: not known" in alone.sentence()


def test_the_potential_of_a_detector_is_the_highest_after_its_median_filter() -> None:
    heights = np.array([[9.0], [-9], [-9], [2], [3], [4], [-9]], np.float32)
    weights = np.float32([1, 0])
    assert potential(activity(heights), weights, 3) == 3
    assert potential(activity(heights), weights, 1) == 9


def test_a_second_sound_is_set_against_the_first_of_a_classifier(params: Params) -> None:
    model = small_models.classifier("cnn", params, spiking=True)
    layer, first = HiddenLayer(model), taught(model, "Chirp")
    recording = file.Recording(name="a.wav", sha256="1" * 64, rows=1)
    hum, noise = (layer.of_features(small_models.features(seed)) for seed in (1, 2))
    second = teach(model, "Hum", [(recording, hum)], [noise, noise], first)
    extended = rows.with_rows(model, [*first, second])
    features = small_models.features(1)
    with_both = extended.probabilities(features)
    assert with_both.sum() == pytest.approx(1, abs=1e-5)
    opposed = np.logaddexp(hum.known, hum.rows @ first[0].weights)
    alone = sigmoid(hum.rows @ second.weights - opposed)
    assert with_both[4] == pytest.approx(float(alone[0]), abs=1e-5)


def test_sounds_are_read_as_they_were_written(params: Params, tmp_path: Path) -> None:
    model = detector("snn-tcn", params)
    saved(model, tmp_path / "m" / "fold-5")
    path = tmp_path / "m" / "fold-5" / "model.safetensors"
    sounds = taught(model, "Chirp", "Türglocke, laut")
    target = file.learnt_path(path)
    assert target == tmp_path / "m.fold-5.learnt"
    before = path.read_bytes()
    file.write(target, path, model.name, sounds)
    assert path.read_bytes() == before
    back = rows.taught_of(model, path)
    assert [each.sound for each in back] == [each.sound for each in sounds]
    for mine, theirs in zip(back, sounds, strict=True):
        np.testing.assert_array_equal(mine.weights, theirs.weights)
        np.testing.assert_array_equal(mine.examples[0].rows, theirs.examples[0].rows)
        np.testing.assert_array_equal(mine.examples[0].known, theirs.examples[0].known)
        np.testing.assert_array_equal(mine.examples[0].active, theirs.examples[0].active)
    assert rows.load(path).labels[-2:] == ["Chirp", "Türglocke, laut"]
    assert file.names(target, path) == ["Chirp", "Türglocke, laut"]


@pytest.mark.parametrize(
    ("place", "beside"),
    [
        ("snn/fold-2/model.safetensors", "snn.fold-2.learnt"),
        ("snn/model.safetensors", "snn.learnt"),
        ("mine.safetensors", "mine.learnt"),
    ],
)
def test_sounds_lie_outside_of_what_the_pipeline_replaces(place: str, beside: str) -> None:
    assert file.learnt_path(Path("/models") / place) == Path("/models") / beside


def test_a_file_of_another_model_or_damaged_is_refused(params: Params, tmp_path: Path) -> None:
    model = detector("snn-tcn", params)
    path = saved(model, tmp_path / "m") / "model.safetensors"
    target = file.learnt_path(path)
    file.write(target, path, model.name, taught(model, "Chirp"))
    whole = target.read_bytes()
    target.write_bytes(whole[:-4])
    with pytest.raises(SpikesoundError, match=r"m.learnt: weights: expected .* cut off"):
        rows.load(path)
    target.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(SpikesoundError, match=r"m.learnt: damaged: sha256"):
        rows.load(path)
    target.write_bytes(path.read_bytes())
    with pytest.raises(SpikesoundError, match=r"m.learnt: safetensors, but not a file of learnt"):
        rows.load(path)
    target.write_bytes(whole)
    with torch.no_grad():
        model.network.readout.bias.add_(1)  # type: ignore[union-attr, operator]
    saved(model, tmp_path / "m")
    with pytest.raises(SpikesoundError, match=r"m.learnt: learnt by another model than"):
        rows.load(path)


@pytest.mark.parametrize("name", ["", " a", "a\n", "x" * 101, "bark", "/m/rain", "\x1b[1m"])
def test_names_are_checked(name: str) -> None:
    with pytest.raises(SpikesoundError, match=r"^name: "):
        file.check_new_name(name, ["Bark", "/m/rain"])
    file.check_new_name("Door bell", ["Bark", "/m/rain"])
