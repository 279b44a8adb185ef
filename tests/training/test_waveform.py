"""Training on sound: the equations of mixing, draws by clip, features that are the pipeline's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_shards import request, small
from toy_clips import NO_AUGMENT, recipe, toy
from toy_clips import job as toy_job

from spikesound.core.errors import SpikesoundError
from spikesound.features import compute, stored
from spikesound.features.front_end import FrontEnd
from spikesound.features.normalisation import apply
from spikesound.params import AugmentParams, Params, RecipeParams, WaveformParams
from spikesound.training.job import Epoch, Job
from spikesound.training.loop import averaged, train_backprop
from spikesound.training.run import prepare
from spikesound.training.stream.augment import augment
from spikesound.training.stream.draws import Draws
from spikesound.training.waveform.augment import STEPS, _speeds, cropped, louder, moved
from spikesound.training.waveform.epoch import WaveformEpoch
from spikesound.training.waveform.mix import between_class, levels_db, partners, spans
from spikesound.training.waveform.waves import Waves

RATE_HZ = 8000
PLAIN = WaveformParams(
    speed=1.0, padding=0.0, roll=False, gain_db=0.0, between=0.0, spans=0.0, bands=0.0
)
ALL = WaveformParams(
    speed=1.25, padding=0.1, roll=True, gain_db=6.0, between=0.4, spans=0.3, bands=0.2
)
NUMBERS = np.arange(64, dtype=np.int64) * 31 + 7


def draws(rows: slice = slice(None)) -> Draws:
    return Draws(1, 1, NUMBERS[rows])


def noise(count: int = 8, samples: int = 4000) -> torch.Tensor:
    return torch.randn(count, samples, generator=torch.Generator().manual_seed(0)) * 0.1


def tone(hz: float, samples: int = 4000) -> torch.Tensor:
    return torch.sin(2 * np.pi * hz * torch.arange(samples) / RATE_HZ)


def test_the_ratio_of_two_sounds_is_corrected_by_their_levels() -> None:
    """Worked out by hand from equation 2: a sound of ten times the amplitude, at equal shares."""
    loud, quiet = tone(400)[None], 0.1 * tone(900)[None]
    mixed = between_class(loud, quiet, torch.tensor([0.5]), RATE_HZ)[0]
    p = 1 / (1 + 10 ** (20 / 20))
    expected = (p * loud + (1 - p) * quiet)[0] / np.sqrt(p**2 + (1 - p) ** 2)
    assert torch.allclose(mixed, expected, atol=1e-5)
    # Both are heard alike: as loud, within the mix, as each other.
    spectrum = torch.fft.rfft(mixed).abs()
    assert spectrum[200] == pytest.approx(float(spectrum[450]), rel=1e-3)


@pytest.mark.parametrize(("ratio", "which"), [(0.0, 1), (1.0, 0)])
def test_a_ratio_at_an_end_is_one_of_the_sounds(ratio: float, which: int) -> None:
    pair = noise(2)
    mixed = between_class(pair[:1], pair[1:], torch.tensor([ratio]), RATE_HZ)
    assert torch.allclose(mixed[0], pair[which], atol=1e-6)


def test_sounds_of_equal_level_keep_the_ratio_and_the_power() -> None:
    one, other = tone(400)[None], tone(900)[None]
    mixed = between_class(one, other, torch.tensor([0.8]), RATE_HZ)
    assert torch.allclose(mixed, (0.8 * one + 0.2 * other) / np.sqrt(0.68), atol=1e-4)
    assert mixed.square().mean() == pytest.approx(0.5, rel=1e-3)


def test_a_level_is_that_of_the_loudest_window() -> None:
    wave = torch.zeros(1, 4000)
    wave[0, 800:1600] = 0.1  # the second window of 0.1 s
    assert levels_db(wave, RATE_HZ).item() == pytest.approx(-20.0, abs=1e-4)
    assert levels_db(torch.zeros(1, 4000), RATE_HZ).item() == pytest.approx(-100.0)


def test_partners_are_of_another_class_and_go_by_the_clip() -> None:
    present = np.eye(4, dtype=np.float32)[np.arange(60) % 4]
    rows = np.arange(60)
    mates = partners(present, rows, seed=1, epoch=3)
    assert not (present[rows] * present[mates]).any()
    again = partners(present, rows[::-1][:7].copy(), seed=1, epoch=3)
    assert np.array_equal(again, mates[::-1][:7])
    assert (partners(present, rows, seed=1, epoch=4) != mates).mean() > 0.5
    alone = partners(np.ones((5, 1), np.float32), np.arange(5), seed=1, epoch=1)
    assert set(alone) <= set(range(5)), "of one class alone any clip is a partner"


def test_a_crop_lies_between_zeros() -> None:
    wave = torch.arange(1.0, 6.0)
    assert cropped(wave, 5, 0, 0.99).tolist() == [1, 2, 3, 4, 5]
    assert cropped(wave, 5, 2, 0.0).tolist() == [0, 0, 1, 2, 3]
    assert cropped(wave, 5, 2, 0.99).tolist() == [3, 4, 5, 0, 0]
    assert cropped(wave, 3, 0, 0.5).tolist() == [2, 3, 4], "what is longer is cut"
    assert cropped(wave[:3], 5, 0, 0.0).tolist() == [0, 0, 1, 2, 3], "what is shorter is placed"


def test_speed_moves_the_pitch_within_its_factor() -> None:
    waves = tone(1000, 8000).expand(64, -1)
    params = PLAIN.model_copy(update={"speed": 1.25})
    found = moved(waves, params, draws())
    assert found.shape == waves.shape
    middle = torch.fft.rfft(found[:, 2000:6000]).abs().argmax(1) * RATE_HZ / 4000
    assert 798 <= middle.min() < 850
    assert 1180 < middle.max() <= 1252
    assert torch.equal(moved(waves, PLAIN, draws()), waves), "nothing asked, nothing done"


def test_a_faster_tone_is_not_aliased() -> None:
    """A tone of 3700 Hz is above half the rate at speeds over 1.08: at 1.2 it is gone, and nothing
    is in its place; one of 2000 Hz keeps its level, and nothing else is within 50 dB of it."""
    params, rows = PLAIN.model_copy(update={"speed": 1.25}), draws()
    speeds = torch.tensor(_speeds(1.25, rows)) / STEPS
    assert 0.8 <= speeds.min() < 1 < speeds.max() <= 1.25
    assert len(set(speeds.tolist())) > 10
    window = torch.hann_window(4000, periodic=False)

    def spectra(hz: float) -> torch.Tensor:
        found = moved(tone(hz, 8000).expand(64, -1), params, rows)
        return torch.fft.rfft(found[:, 2000:6000] * window).abs() / 1000

    high = spectra(3700)
    assert high[speeds >= 1.2].amax() < 0.02
    for spectrum, speed in zip(spectra(2000), speeds.tolist(), strict=True):
        own = round(2000 * speed / RATE_HZ * 4000)
        assert spectrum[own] == pytest.approx(1.0, abs=0.1)
        assert torch.cat([spectrum[: own - 8], spectrum[own + 9 :]]).amax() < 3e-3


def test_a_roll_keeps_every_sample_and_gain_its_bounds() -> None:
    waves = noise(64)
    rolled = moved(waves, PLAIN.model_copy(update={"roll": True}), draws())
    assert not torch.equal(rolled, waves)
    assert torch.equal(rolled.sort(1).values, waves.sort(1).values)
    params = PLAIN.model_copy(update={"gain_db": 6.0})
    change_db = 20 * (louder(waves, params, draws()) / waves)[:, 0].log10()
    assert change_db.abs().max() <= 6.001
    assert change_db.min() < -4 < 4 < change_db.max()


def test_spans_have_the_share_that_the_target_has() -> None:
    share = torch.tensor([0.0, 0.25, 0.5, 1.0])
    inside, exact = spans(8, share, torch.tensor([0.3, 0.0, 0.999, 0.7]))
    assert exact.tolist() == [0.0, 0.25, 0.5, 1.0] == inside.double().mean(1).tolist()
    assert inside[1].tolist() == [True] * 2 + [False] * 6
    assert inside[2].tolist() == [False] * 4 + [True] * 4


def made(params: Params, changes: WaveformParams, tmp_path: Path) -> tuple[Job, Waves]:
    """Return a job of 16 clips of two classes, and their sound."""
    features = params.features.model_copy(
        update={
            "rate_hz": RATE_HZ, "window": 256, "hop": 128, "mels": 16, "mfccs": 8,
            "high_hz": 4000.0, "clip_s": 0.5,
        }
    )  # fmt: skip
    front_end = FrontEnd(features=features, low=[-40.0] * 16, high=[40.0] * 16)
    augmentation = NO_AUGMENT.model_dump() | {"waveform": changes.model_dump()}
    whole = toy_job(params, tmp_path, training=recipe(params, augment=augmentation))
    return replace(whole, training=toy(16)), Waves(noise(16).numpy(), NUMBERS[:16], front_end)


def test_features_of_a_batch_are_those_of_the_pipeline(params: Params, tmp_path: Path) -> None:
    job, waves = made(params, PLAIN, tmp_path)
    x, (targets,) = WaveformEpoch(job, waves, 1).batch(np.arange(16))
    values = stored(compute(torch.from_numpy(waves.samples), waves.front_end.features))
    expected = apply(values, waves.front_end.low, waves.front_end.high)
    assert x.shape == (1, *expected.shape)
    # Of half precision: levels of up to 100 dB are stored in steps of 1/16 dB at most.
    assert np.abs(x[0].numpy() - expected).max() < 1 / 16 / 80
    assert np.ptp(expected) > 0.2
    assert np.array_equal(targets.numpy(), job.training.present)


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_clip_becomes_the_same_in_any_batch(params: Params, tmp_path: Path, epoch: int) -> None:
    job, waves = made(params, ALL, tmp_path)
    job = replace(job, recipe=job.recipe.model_copy(update={"augment": masked()}))
    whole, (labels,) = WaveformEpoch(job, waves, epoch).batch(np.arange(16))
    order = np.array([7, 3, 15, 0, 9])
    part, (some,) = WaveformEpoch(job, waves, epoch).batch(order)
    assert torch.equal(some, labels[order])
    assert torch.allclose(part, whole[:, order], atol=1e-3), "within the rounding of a half"
    assert torch.allclose(labels.sum(1), torch.ones(16))
    shares = labels.max(1).values
    assert ((shares > 0.5) & (shares < 1)).any(), "some are mixed"
    if epoch == 2:
        first, _ = WaveformEpoch(job, waves, 1).batch(np.arange(16))
        assert not torch.allclose(first, whole, atol=0.05)


def masked() -> AugmentParams:
    return AugmentParams.model_validate(
        NO_AUGMENT.model_dump()
        | {"waveform": ALL.model_dump(), "time_mask": 0.2, "bin_mask": 0.2, "masks": 2, "blocks": 1}
    )


@pytest.mark.parametrize("kind", ["spans", "bands"])
def test_a_cut_takes_the_share_of_the_target_from_the_partner(
    params: Params, tmp_path: Path, kind: str
) -> None:
    job, waves = made(params, PLAIN.model_copy(update={kind: 1.0}), tmp_path)
    plain, _ = made(params, PLAIN, tmp_path)
    rows = np.arange(16)
    x, (labels,) = WaveformEpoch(job, waves, 1).batch(rows)
    before, _ = WaveformEpoch(plain, waves, 1).batch(rows)
    mates = partners(job.training.present, rows, job.seed, 1)
    axis = 1 if kind == "bands" else 0  # what is left of (frame, bin) when the other is reduced
    theirs = (x[0] - before[0, mates]).abs().amax(2 - axis) < 1e-3
    own = (x[0] - before[0]).abs().amax(2 - axis) < 1e-3
    share = labels[torch.arange(16), torch.from_numpy(job.training.present.argmax(1))]
    margin = 0.02 if kind == "bands" else 0.15  # frames reach over the ends of a span
    assert ((own.double().mean(1) - share).abs() < margin).all()
    assert ((theirs.double().mean(1) - (1 - share)).abs() < margin).all()


def test_masks_and_blocks_hide_what_their_sizes_say(params: Params) -> None:
    x = torch.ones(64, 1, 20, 20)
    one = NO_AUGMENT.model_copy(update={"time_mask": 0.2})
    two = one.model_copy(update={"masks": 2})
    hidden = [1 - augment(x, each, draws(), spikes=False).mean((1, 2, 3)) for each in (one, two)]
    assert hidden[0].max() <= 0.2 < hidden[1].max() <= 0.4
    assert (hidden[1] >= hidden[0] - 1e-6).all(), "the first mask stays where it was"
    blocks = NO_AUGMENT.model_copy(update={"blocks": 2, "block": 0.5})
    left = augment(x, blocks, draws(), spikes=False)
    assert 0 < (1 - left.mean((1, 2, 3))).max() <= 0.5
    assert (left.mean((1, 2, 3)) < 1).float().mean() > 0.8
    assert ((left == 0) | (left == 1)).all()


def test_the_average_of_weights_follows_its_equation() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    assert averaged(network, None) is None
    average = averaged(network, 0.9)
    assert average is not None
    with torch.no_grad():
        for value in (1.0, 2.0, 4.0):
            network.weight.fill_(value)
            average.update_parameters(network)
    expected = 0.9 * (0.9 * 1.0 + 0.1 * 2.0) + 0.1 * 4.0
    assert float(average.module.state_dict()["weight"]) == pytest.approx(expected)


def test_batch_norms_of_the_average_have_the_figures_of_its_own_layers(
    params: Params, tmp_path: Path
) -> None:
    job, waves = made(params, ALL, tmp_path)
    changes = {"average": 0.5, "keep": "last", "epochs": 2}
    recipe = job.recipe.model_copy(update=changes)
    kept = train_backprop(replace(job, waves=waves, recipe=recipe)).network
    first: Any = kept.blocks[0]
    clips = job.training.batch(np.arange(len(job.training)))
    with torch.no_grad():
        x = torch.from_numpy(clips).flatten(0, 1).unsqueeze(1)
        currents = first.pooled(x, first.convolution, first.grid)
    size = recipe.batch_clips
    means = torch.stack([part.mean((0, 2, 3)) for part in currents.split(size)]).mean(0)
    assert torch.allclose(first.norm.running_mean, means, atol=1e-5)


def test_a_killed_training_on_sound_goes_on_to_the_same_average(
    params: Params, tmp_path: Path
) -> None:
    job, waves = made(params, ALL, tmp_path)
    changes = {"average": 0.9, "keep": "last", "epochs": 3}
    job = replace(job, waves=waves, recipe=job.recipe.model_copy(update=changes))
    undisturbed = train_backprop(replace(job, resume=tmp_path / "other.pt"))

    def killed(epoch: Epoch) -> None:
        if epoch["epoch"] == 2:
            raise KeyboardInterrupt

    torch.manual_seed(5)
    with pytest.raises(KeyboardInterrupt):
        train_backprop(replace(job, report=killed))
    resumed = train_backprop(job)
    assert resumed.result["best_epoch"] == 3
    losses = [[each["train_loss"] for each in t.history] for t in (undisturbed, resumed)]
    assert losses[0] != losses[1], "of other first weights"
    torch.manual_seed(5)
    again = train_backprop(replace(job, resume=tmp_path / "third.pt"))
    assert [each["train_loss"] for each in again.history] == losses[1]
    for name, value in again.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    last = train_backprop(
        replace(
            job,
            resume=tmp_path / "last.pt",
            recipe=job.recipe.model_copy(update={"average": None}),
        )
    )
    assert not torch.equal(
        last.network.state_dict()["readout.weight"], again.network.state_dict()["readout.weight"]
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clips": "known"}, "clips: known leaves no clip to choose an epoch by; set keep: last"),
        ({"dataset": "stream", "average": 0.99}, "average: not of streamed clips"),
        ({"augment": {"masks": 2}}, "warp, masks and blocks: only streamed clips and waveforms"),
        (
            {"augment": {"waveform": PLAIN.model_dump() | {"between": 0.7, "bands": 0.4}}},
            "their sum is over 1",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    params: Params, changes: dict[str, Any], message: str
) -> None:
    values = recipe(params).model_dump()
    augmentation = values["augment"] | changes.pop("augment", {})
    with pytest.raises(ValueError, match=message):
        RecipeParams.model_validate(values | {"augment": augmentation} | changes)


def test_sound_that_is_not_there_is_named(params: Params, tmp_path: Path) -> None:
    augmentation = NO_AUGMENT.model_dump() | {"waveform": PLAIN.model_dump()}
    asked = request(params, small(params, "ann-cnn", augment=augmentation), tmp_path)
    with pytest.raises(SpikesoundError, match=r"ann-cnn: augment\.waveform: the clips' sound is"):
        prepare(asked)
    spiking = small(params, "snn-cnn-surrogate", augment=augmentation)
    with pytest.raises(SpikesoundError, match="expected a classifier of features or of encoding"):
        prepare(request(params, spiking, tmp_path, audio=tmp_path))
