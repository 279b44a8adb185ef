"""The streaming hour: its sound, gates, quantised copies, look-ahead, and all of it to rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from detectors import BINS, features
from hour_models import trained
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import numpy_generator
from spikesound.costs.counting import count_frames
from spikesound.data.scenes.material import Material, Recording
from spikesound.experiments.hour.compose import HOUR_S, hour
from spikesound.experiments.hour.detector import Detector, quantised, run_all, run_gated
from spikesound.experiments.hour.experiment import Experiment
from spikesound.experiments.hour.gates import Open, above_floor_db, levels_db, opened, spans
from spikesound.experiments.hour.hours import Hours
from spikesound.experiments.hour.quality import quality
from spikesound.experiments.hour.run import run_hour
from spikesound.experiments.hour.systems import DENSE, GATED
from spikesound.experiments.hour.tuning import masked, psds1
from spikesound.models.spec import Decision
from spikesound.params import Params
from spikesound.params.hour import HourParams, load_hour
from spikesound.tasks.detection.decision import Event

RATE_HZ = 4000


@pytest.fixture(scope="module")
def settings() -> HourParams:
    return load_hour(ROOT / "experiments/hour.yaml")


def wave(seconds: float, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return 0.1 * generator.standard_normal(round(seconds * RATE_HZ)).astype(np.float32)


def material(labels: list[str]) -> Material:
    whole = ((0, 5000),)
    events = {
        label: [Recording(f"{label}-{n}", label, wave(5, 10 * k + n), whole, whole) for n in (1, 2)]
        for k, label in enumerate(labels)
    }
    return Material([Recording("rain", "rain", wave(5, 99))], events)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.01, 0.2, 1.0])
def test_events_sound_for_the_share_of_the_hour(share: float, params: Params) -> None:
    scenes = params.sources.scenes.model_copy(update={"rate_hz": RATE_HZ})
    minutes = list(hour(material(["/m/0", "/m/1"]), scenes, share=share, minute_s=60, number=0))
    assert len(minutes) == 60
    sounding = 0.0
    for minute in minutes:
        assert len(minute.samples) == 60 * RATE_HZ
        ends = 0.0
        for event in minute.events:
            assert ends <= event.onset_s < event.offset_s <= 60
            ends = event.offset_s
            sounding += event.offset_s - event.onset_s
    assert sounding / HOUR_S == pytest.approx(share, abs=0.006 if share == 1 else 0.0001)


def test_another_hour_has_other_sound_and_the_same_hour_the_same(params: Params) -> None:
    scenes = params.sources.scenes.model_copy(update={"rate_hz": RATE_HZ})
    made = material(["/m/0"])
    first, again, other = (
        next(iter(hour(made, scenes, share=0.2, minute_s=60, number=n))) for n in (0, 0, 1)
    )
    assert np.array_equal(first.samples, again.samples)
    assert not np.array_equal(first.samples, other.samples)


def test_the_level_of_a_frame_is_its_mean_square(params: Params) -> None:
    settings = params.features.model_copy(update={"window": 8, "hop": 8})
    samples = np.repeat([0.0, 0.1, 1.0], 8).astype(np.float32)
    levels = levels_db(samples, settings)
    # Frames are centred: half of the second one is silent.
    assert levels[[0, 3]] == pytest.approx([-120, 10 * np.log10(0.5)], abs=1e-3)
    assert levels[1] == pytest.approx(10 * np.log10(0.01 / 2), abs=1e-3)


@given(st.lists(st.floats(-90, 0), min_size=1, max_size=40), st.floats(0.01, 3))
def test_the_floor_follows_the_quietest_frames(levels: list[float], rise: float) -> None:
    floor, expected = levels[0], []
    for level in levels:
        floor = min(level, floor + rise)
        expected.append(level - floor)
    found = above_floor_db(np.array(levels, np.float32), rise)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_gate_opens_before_a_trigger_and_holds_after_it() -> None:
    triggers = np.zeros(12, bool)
    triggers[[4, 6]] = True
    gate = opened(triggers, hold=2, before=3)
    assert np.flatnonzero(gate.counts).tolist() == [4, 5, 6, 7, 8]
    assert np.flatnonzero(gate.runs).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert gate.share == 8 / 12
    assert spans(gate.runs) == [(1, 9)]
    assert spans(np.array([True, False, True])) == [(0, 1), (2, 3)]
    assert spans(np.zeros(3, bool)) == []


@pytest.mark.parametrize("model", ["ann-tcn", "snn-tcn"])
def test_a_gated_detector_starts_at_rest_and_counts_what_it_runs(model: str) -> None:
    own = Detector(trained(model))
    x = features(2, 30)
    never, late = np.zeros(30, bool), np.arange(30) >= 20
    gates = [Open(late, np.arange(30) >= 24), Open(never, never)]
    scores, counts = run_gated(own, x, gates, count=True)
    whole, _ = run_all(own, x[:, 20:], count=False)
    np.testing.assert_allclose(scores[0, 24:], whole[0, 4:], atol=1e-6)
    assert not scores[0, :24].any()
    assert not scores[1].any()
    expected = count_frames(own.trained.network, own.trained.spec, x[:1, 20:])
    for mine, of_whole in zip(counts, expected, strict=True):
        assert mine.effective[:, 0].tolist() == of_whole.effective[:, 0].tolist()


def test_counts_of_all_minutes_are_those_of_each_one_behind_the_other() -> None:
    own = Detector(trained("snn-tcn"))
    x = features(3, 20)
    _, counts = run_all(own, x, count=True)
    expected = count_frames(own.trained.network, own.trained.spec, x)
    assert counts[1].effective.shape == (60, 1)
    assert counts[1].effective[:, 0].tolist() == expected[1].effective.T.ravel().tolist()


def test_the_quantised_copy_has_few_levels_and_nearly_the_same_output() -> None:
    model = trained("ann-tcn")
    x = features(4, 40)
    copy = quantised(model, x, weight_bits=8, activation_bits=8)
    before, _ = run_all(Detector(model), x, count=False)
    after, _ = run_all(copy, x, count=False)
    assert 0 < np.abs(before - after).max() < 0.05
    outputs: list[torch.Tensor] = []
    block = copy.trained.network.front[0]  # type: ignore[union-attr,index]
    block.neuron.register_forward_hook(lambda m, i, o: outputs.append(o))
    run_all(copy, x, count=False)
    assert len(torch.unique(outputs[0])) <= 256
    coarse = quantised(model, x, weight_bits=8, activation_bits=2)
    run_all(coarse, x, count=False)
    assert (coarse.weight_bits, coarse.activation_bits) == (8, 2)
    rough, _ = run_all(coarse, x, count=False)
    assert np.abs(before - rough).max() > np.abs(before - after).max()


def made_hours(lookahead: int) -> Hours:
    """Return two minutes of 40 frames of a second with an event each; their sound is zeros."""
    events = [[Event("/m/0", 5.0, 15.0)], [Event("/m/1", 10.0, 12.0)]]
    frames = 40 + lookahead
    inputs, levels = np.zeros((2, frames, BINS)), np.zeros((2, frames))
    sound = (inputs.astype(np.float32), levels.astype(np.float32))
    return Hours(["a", "b"], *sound, events, 40.0, ["/m/0", "/m/1"], lookahead)


def test_output_that_comes_later_is_of_the_same_frames(params: Params) -> None:
    generator = np.random.default_rng(3)
    scores = 0.3 * generator.random((2, 40, 2), np.float32)
    scores[0, 5:14, 0], scores[1, 10:12, 1], scores[1, 30:33, 0] = 0.9, 0.8, 0.7
    late = np.concatenate([generator.random((2, 6, 2), np.float32), scores], axis=1)
    features = params.features.model_copy(update={"rate_hz": RATE_HZ, "hop": RATE_HZ})
    rows = []
    for lookahead, output in ((0, scores), (6, late)):
        hours = made_hours(lookahead)
        decision = Decision(thresholds=[0.5] * 2, medians=[1, 1], lookahead=lookahead)
        rows.append(
            {"gate": psds1(hours, output, decision, 1.0)}
            | quality(hours, output, decision, features, generator=numpy_generator(1, "t"),
                      resamples=10, confidence=0.9)
        )  # fmt: skip
    at_once, later = rows
    assert at_once["gate"] == later["gate"] > 0.3
    assert later["delay_median_s"] == pytest.approx(at_once["delay_median_s"] + 6)
    assert {k: v for k, v in at_once.items() if not k.startswith("delay")} == {
        k: v for k, v in later.items() if not k.startswith("delay")
    }


def test_a_gate_that_opens_with_an_event_lets_its_onset_count_with_a_look_ahead() -> None:
    hours, scores = made_hours(6), np.full((2, 46, 2), 0.9, np.float32)
    triggers = np.zeros(46, bool)
    triggers[20] = True
    gates = [opened(triggers, hold=9, before=5), opened(triggers & False, hold=9, before=5)]
    counted = hours.of_frames(masked(scores, gates))
    assert counted.shape == (2, 40, 2)
    assert np.flatnonzero(counted[0, :, 0]).tolist() == list(range(14, 24))
    assert not counted[1].any()


@pytest.fixture(scope="module")
def small(params: Params, settings: HourParams) -> tuple[Experiment, HourParams]:
    small = settings.model_copy(
        update={
            "shares": [0.2, 1.0],
            "hours": [1, 1],
            "validation_share": 0.2,
            "validation_hours": 1,
            "minute_s": 60.0,
            "conventional": "ann-tcn",
            "spiking": "snn-tcn",
            "hold_s": [1.0],
            "energy_gate": settings.energy_gate.model_copy(update={"thresholds_db": [6.0]}),
            "network_gate": settings.network_gate.model_copy(
                update={"model": "snn-tcn", "wakes": "ann-tcn", "thresholds": [0.6]}
            ),
            "resamples": 2,
        }
    )
    models = {}
    for name in ("ann-tcn", "snn-tcn"):
        model = trained(name, lookahead=2)
        section = model.front_end.features.model_copy(
            update={"mels": BINS, "mfccs": BINS, "rate_hz": RATE_HZ, "high_hz": RATE_HZ / 2,
                    "window": 1024, "hop": 1024}
        )  # fmt: skip
        front_end = model.front_end.model_copy(update={"features": section})
        models[name] = replace(model, spec=model.spec.model_copy(update={"front_end": front_end}))
    return Experiment(models, params, small), small


@pytest.mark.slow  # six detectors through hours of sound, twelve systems
def test_an_hour_from_detectors_to_rows_and_a_share_that_is_done_is_kept(
    small: tuple[Experiment, HourParams],
) -> None:
    experiment, settings = small
    made = material(["/m/0", "/m/1", "/m/2"])
    written: list[int] = []
    known = {"rows": [{"share": 1.0, "system": "done before"}]}
    content = run_hour(experiment, (made, made), known, lambda c: written.append(len(c["rows"])))
    assert written == [13]
    assert content["rows"][0] == known["rows"][0]
    rows = {row["system"]: row for row in content["rows"][1:]}
    assert rows[DENSE]["of_dense"] == rows[GATED]["of_gated"] == 1
    assert rows[DENSE]["runs"] == pytest.approx([1.0], abs=1e-4)
    for row in rows.values():
        assert row["share"] == 0.2
        assert row["joules_least"] <= row["joules"] <= row["joules_greatest"]
        assert set(row["days"]) == {f"{uw:g}" for uw in settings.cell.other_uw}
    woken = rows["spiking gate wakes conventional, int8"]
    assert len(woken["runs"]) == 2
    assert woken["runs"][0] == pytest.approx(1.0, abs=1e-4)


def test_minutes_go_on_for_the_look_ahead(small: tuple[Experiment, HourParams]) -> None:
    experiment, _ = small
    hours = experiment.mixed(material(["/m/0", "/m/1", "/m/2"]), 0.2, 1)
    assert hours.lookahead == 2
    hop = experiment.front_end.features.hop
    assert hours.inputs.shape[1] == hours.above_db.shape[1] == 60 * RATE_HZ // hop + 1 + 2
    for values in (hours.inputs, hours.above_db):
        assert np.array_equal(values[:, -1], values[:, -3])
        assert np.array_equal(values[:, -2], values[:, -3])
        assert not np.array_equal(values[:, -3], values[:, -4])


def test_detectors_that_do_not_go_together_are_refused(
    params: Params, settings: HourParams
) -> None:
    named = settings.model_copy(
        update={
            "conventional": "ann-tcn",
            "spiking": "snn-tcn",
            "network_gate": settings.network_gate.model_copy(
                update={"model": "snn-tcn", "wakes": "ann-tcn"}
            ),
        }
    )
    models = {name: trained(name) for name in ("ann-tcn", "snn-tcn")}
    untuned = models["snn-tcn"].spec.model_copy(update={"decision": None})
    with pytest.raises(SpikesoundError, match="snn-tcn: a detector without tuned thresholds"):
        Experiment(models | {"snn-tcn": replace(models["snn-tcn"], spec=untuned)}, params, named)
    other = models["snn-tcn"].spec.model_copy(update={"classes": ["/m/9", "/m/8", "/m/7"]})
    with pytest.raises(SpikesoundError, match="snn-tcn: its classes or its fold"):
        Experiment(models | {"snn-tcn": replace(models["snn-tcn"], spec=other)}, params, named)
    late = {name: trained(name, 12) for name in models}
    with pytest.raises(SpikesoundError, match=r"before_s: 0\.5 s are 11 frames; .*, 12 frames"):
        Experiment(late, params, named)
    with pytest.raises(SpikesoundError, match=r"one look-ahead .* ann-tcn: 0, snn-tcn: 2"):
        Experiment(models | {"snn-tcn": trained("snn-tcn", 2)}, params, named)


def test_shares_and_hours_go_together(settings: HourParams) -> None:
    with pytest.raises(ValueError, match="2 values of hours for 4 shares"):
        HourParams.model_validate(settings.model_dump() | {"hours": [1, 2]})
