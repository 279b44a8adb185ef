"""Clips of no class in training: what they are, their targets, and what is kept from training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from pydantic import ValidationError
from toy_clips import front_end, recipe, spec, toy

from spikesound.core.errors import SpikesoundError
from spikesound.data.negatives import KINDS, NOISE_DBFS, coloured, divided, negatives
from spikesound.params import NegativeParams, Params
from spikesound.snn.decoding import cross_entropy
from spikesound.training.negatives import FOLD, with_negatives

LENGTH, RATE = 8000, 8000


def rms_db(wave: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(wave, dtype=np.float64)) + 1e-30))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings of 2 s: a low tone, and a high one."""
    seconds = np.arange(2 * 22050) / 22050
    for name, hz in (("a", 500), ("b", 5000)):
        soundfile.write(tmp_path / f"{name}.wav", 0.5 * np.sin(2 * np.pi * hz * seconds), 22050)
    return tmp_path


def test_negatives_depend_on_the_seed_their_kind_and_their_number_alone() -> None:
    wave = np.random.default_rng(0).standard_normal(LENGTH).astype(np.float32)
    few = dict(negatives({"noise": 2}, LENGTH, [wave], RATE, seed=1))
    more = dict(
        negatives({"silence": 1, "noise": 3, "recordings": 2}, LENGTH, [wave], RATE, seed=1)
    )
    assert list(few) == ["negative-noise-00000", "negative-noise-00001"]
    assert len(more) == 6
    for name, samples in few.items():
        assert np.array_equal(samples, more[name])
    other = dict(negatives({"noise": 2}, LENGTH, [wave], RATE, seed=2))
    assert not np.array_equal(few["negative-noise-00000"], other["negative-noise-00000"])


def test_silence_is_digital_and_noise_has_the_levels_that_are_said() -> None:
    made = dict(negatives({"silence": 1, "noise": 30}, LENGTH, [], RATE, seed=3))
    assert not made.pop("negative-silence-00000").any()
    levels = [rms_db(wave) for wave in made.values()]
    assert min(levels) >= NOISE_DBFS[0] - 0.1
    assert max(levels) <= NOISE_DBFS[1] + 0.1
    assert max(levels) - min(levels) > 30


@pytest.mark.parametrize("fall_db", [0.0, 3.0, 6.0])
def test_the_power_of_noise_falls_by_so_many_db_an_octave(fall_db: float) -> None:
    wave = coloured(2**16, fall_db, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(wave)) ** 2
    octaves = [power[2**k : 2 ** (k + 1)].mean() for k in range(8, 15)]
    falls = -np.diff(10 * np.log10(octaves))
    assert falls.mean() == pytest.approx(fall_db, abs=0.3)


def test_what_no_training_meets_is_the_rest() -> None:
    waves = [np.full(10, number, np.float32) for number in range(5)]
    train, rest = divided(waves)
    assert [each[0] for each in train] == [0, 2, 4]
    assert [each[0] for each in rest] == [1, 3]
    first, second = divided([np.arange(10, dtype=np.float32)])
    assert first[0].tolist() == [0, 1, 2, 3, 4]
    assert second[0].tolist() == [5, 6, 7, 8, 9]


def test_recordings_that_are_not_there_are_an_error() -> None:
    with pytest.raises(SpikesoundError, match="recordings are wanted, and there are none"):
        list(negatives({"recordings": 1}, LENGTH, [], RATE, seed=1))
    with pytest.raises(SpikesoundError, match="unknown kind of negatives 'music'; valid: noise"):
        list(negatives({"music": 1}, LENGTH, [], RATE, seed=1))
    assert set(KINDS) == set(NegativeParams.model_fields) - {"folders"}


@pytest.mark.parametrize("labels", ["single", "multiple"])
@pytest.mark.parametrize("spiking", [False, True])
def test_clips_of_no_class_come_behind_the_training_clips(
    labels: str, spiking: bool, params: Params, folder: Path
) -> None:
    clips = toy(20, spikes=spiking)
    wanted = spec(params, spiking=spiking, labels=labels)
    shares = NegativeParams(silence=0.1, noise=0.2, recordings=0.1, folders=[str(folder)])
    found = with_negatives(clips, shares, front_end(params), wanted)
    assert len(found) == 20 + 2 + 4 + 2
    assert found.ids[:20] == clips.ids
    assert np.array_equal(found.inputs[:20], clips.inputs)
    assert found.inputs.dtype == clips.inputs.dtype
    assert set(found.folds[20:]) == {FOLD}
    expected = 0.5 if labels == "single" else 0.0
    assert (found.present[20:] == expected).all()
    assert not found.batch(np.arange(20, 22)).any(), "silence"
    assert found.batch(np.arange(22, 28)).any()
    assert found.batch(np.arange(28)).shape == (28, *clips.batch(np.arange(1)).shape[1:])
    again = with_negatives(clips, shares, front_end(params), wanted)
    assert np.array_equal(found.inputs, again.inputs)


def test_training_meets_every_other_recording_alone(params: Params, folder: Path) -> None:
    """The high tone of the second file is in the highest bins, the low one is not."""
    shares = NegativeParams(recordings=0.5, folders=[str(folder)])
    found = with_negatives(toy(20), shares, front_end(params), spec(params))
    heard = found.batch(np.arange(20, 30))[:, 0].mean((0, 1))
    assert heard.argmax() < len(heard) / 2
    assert heard[int(0.7 * len(heard)) :].max() < 0.5 * heard.max()


def test_the_loss_of_a_negative_is_least_where_all_classes_are_equal() -> None:
    target = torch.full((1, 4), 0.25)
    equal = cross_entropy(torch.zeros(1, 4), target)
    assert equal.item() == pytest.approx(np.log(4))
    assert cross_entropy(torch.tensor([[3.0, 0, 0, 0]]), target) > equal


def test_of_a_detector_no_class_sounds_in_any_frame(params: Params) -> None:
    clips = replace(toy(20), active=np.ones((20, 12, 2), bool))
    wanted = spec(params).model_copy(update={"task": "detection", "labels": "strong"})
    found = with_negatives(clips, NegativeParams(noise=0.1), front_end(params), wanted)
    assert found.active is not None
    assert found.active.shape == (22, 12, 2)
    assert not found.active[20:].any()
    assert not found.present[20:].any()


def test_without_them_nothing_changes(params: Params) -> None:
    clips = toy(20)
    assert with_negatives(clips, None, front_end(params), spec(params)) is clips
    plain = recipe(params)
    assert plain.negatives is None
    assert "negatives" not in plain.model_dump(), "finished trainings are found again"
    assert "negatives" in recipe(params, negatives={"noise": 0.1}).model_dump()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "every share is 0"),
        ({"recordings": 0.1}, "one of them needs the other"),
        ({"noise": 0.1, "folders": ["x"]}, "one of them needs the other"),
        ({"noise": 1.5}, "less than or equal to 1"),
        ({"music": 0.5}, "Extra inputs"),
    ],
)
def test_shares_that_say_nothing_are_refused(values: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        NegativeParams.model_validate(values)


def test_streamed_clips_have_no_negatives(params: Params) -> None:
    with pytest.raises(ValidationError, match="negatives: only of clips in memory"):
        recipe(params, negatives={"noise": 0.1}, dataset="stream")


def test_a_method_that_learns_without_a_loss_cannot_train_on_them(params: Params) -> None:
    negative = params.recipes["ann"].model_copy(update={"negatives": NegativeParams(noise=0.1)})
    row = params.models["snn-cnn-surrogate"].model_copy(update={"method": "stdp", "recipe": "n"})
    wrong = params.model_copy(
        update={"recipes": params.recipes | {"n": negative}, "models": {"mine": row}}
    )
    with pytest.raises(SpikesoundError, match=r"models.mine.method: recipe 'n' has negatives"):
        wrong.table()
