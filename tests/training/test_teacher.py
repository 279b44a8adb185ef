"""Distillation: what a teacher says, of which sound, and what its part of the loss does."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from lightning_fabric import Fabric
from small_models import classifier
from small_models import front_end as small_front_end
from small_shards import request, small
from toy_clips import NO_AUGMENT, base_spec, job, long, recipe, spec, toy

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.data.audio_shards import STATUS_FILE, write_audio
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.loading import TrainedModel
from spikesound.params import Params, RecipeParams, TeacherParams, WaveformParams
from spikesound.tasks.classification.distillation import taught_task, tempered
from spikesound.training import trainings
from spikesound.training.augment import mixup
from spikesound.training.job import Epoch, Job
from spikesound.training.loop import train_backprop
from spikesound.training.methods import METHODS
from spikesound.training.run import prepare, train_fold
from spikesound.training.scores import clip_scores
from spikesound.training.teacher import Teacher, read_teacher
from spikesound.training.waveform.epoch import WaveformEpoch
from spikesound.training.waveform.mix import partners
from spikesound.training.waveform.waves import Waves

CPU = torch.device("cpu")
RATE_HZ = 8000
TEACHER = {"models": [], "temperature": 2.0, "weight": 0.7}
PLAIN = WaveformParams(
    speed=1.0, padding=0.0, roll=False, gain_db=0.0, between=0.0, spans=0.0, bands=0.0
)


def taught_by(wanted: Job, taught: np.ndarray | None, weight: float) -> Job:
    """The job with a teacher's probabilities of its training clips."""
    task = taught_task(wanted.task, 2.0, weight)
    return replace(wanted, task=task, training=replace(wanted.training, taught=taught))


def random_labels(wanted: Job) -> Job:
    """The job with labels that say nothing of the sound, in training and validation."""
    generator = np.random.default_rng(3)

    def shuffled(clips: Any) -> Any:
        return replace(clips, present=generator.permutation(clips.present))

    return replace(
        wanted, training=shuffled(wanted.training), validation=shuffled(wanted.validation)
    )


@pytest.mark.parametrize("kind", ["backprop", pytest.param("surrogate", marks=pytest.mark.slow)])
def test_a_student_of_random_labels_moves_to_its_teachers_answers(
    kind: str, params: Params, tmp_path: Path
) -> None:
    wanted = long(params, tmp_path, kind)
    wanted = replace(wanted, recipe=wanted.recipe.model_copy(update={"keep": "last"}))
    loud, unseen = wanted.training.present, wanted.validation.present.argmax(1)
    agreed = {}
    for weight in (0.0, 0.9):
        torch.manual_seed(0)
        each = taught_by(random_labels(wanted), loud * 0.9 + 0.05, weight)
        found = METHODS[kind](replace(each, resume=tmp_path / f"{weight}.pt"))
        answers = clip_scores(found.network, wanted.validation, 8).argmax(1)
        agreed[weight] = float((answers == unseen).mean())
    assert agreed[0.9] == 1.0
    assert agreed[0.0] < 0.8, "the labels do not teach it"


def test_a_weight_of_zero_is_no_teacher_bit_for_bit(params: Params, tmp_path: Path) -> None:
    wanted = job(params, tmp_path)
    assert wanted.recipe.augment.mixup > 0
    taught = np.full((32, 2), 0.5, np.float32)
    states = []
    for number, each in enumerate((wanted, *(taught_by(wanted, taught, w) for w in (0.0, 0.5)))):
        torch.manual_seed(0)
        found = train_backprop(replace(each, resume=tmp_path / f"{number}.pt"))
        states.append(torch.cat([value.flatten() for value in found.network.parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_the_loss_is_the_weighted_sum_by_hand_and_that_of_validation_the_labels() -> None:
    from spikesound.tasks.classification.objective import MultipleLabels, SingleLabel

    scores, present = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    taught = torch.tensor([[0.8, 0.2]])
    for plain in (SingleLabel(), MultipleLabels()):
        task = taught_task(plain, 2.0, 0.25)
        hard = plain.loss(scores, (present,)).item()
        ours = tempered(scores, 2.0, single=plain.shares)
        apart = taught * (taught / ours).log()
        if not plain.shares:
            apart = (apart + (1 - taught) * ((1 - taught) / (1 - ours)).log()) / 2
        expected = 0.75 * hard + 0.25 * 4 * float(apart.sum())
        assert task.loss(scores, (present, taught)).item() == pytest.approx(expected)
        assert task.loss(scores, (present,)).item() == hard
        assert task.validation([scores], [(present,)]) == plain.validation([scores], [(present,)])


def test_a_mixture_has_the_teachers_answers_in_the_same_shares() -> None:
    x = np.arange(8, dtype=np.float32).reshape(8, 1, 1, 1)
    labels, taught = np.eye(8, dtype=np.float32), np.eye(8, dtype=np.float32)[::-1].copy()
    mixed, targets, others = mixup(x, labels, 0.5, np.random.default_rng(2), taught)
    assert np.allclose(others, targets @ taught)
    assert not np.allclose(mixed, x)


@pytest.mark.parametrize("kind", [name for name in METHODS if name != "zero_shot"])
def test_every_method_that_minimises_the_tasks_loss_takes_a_teacher(
    kind: str, params: Params, tmp_path: Path
) -> None:
    changes = {"label_weight": 1.0} if kind == "tuned_integer" else {}
    wanted = job(params, tmp_path, kind=kind, training=recipe(params, epochs=1), **changes)
    if not wanted.method.takes_teacher:
        pytest.skip("refused by the table of models")
    if wanted.method.own_epochs:
        wanted = replace(wanted, method=wanted.method.model_copy(update={"epochs": 1}))
    if wanted.method.starts_from:
        wanted = replace(wanted, base=build(base_spec(wanted)))
    losses = []
    for number, taught in enumerate((None, np.full((32, 2), 0.5, np.float32))):
        torch.manual_seed(0)
        each = taught_by(wanted, taught, 0.9)
        found = METHODS[kind](replace(each, resume=tmp_path / f"{number}.pt"))
        losses.append(found.history[0]["train_loss"])
    assert np.isfinite(losses).all()
    assert losses[0] != losses[1]


def sounds(count: int = 48, rate_hz: int = 16000) -> np.ndarray:
    """Tones, each higher than the last, in noise."""
    noise = np.random.default_rng(5).normal(0, 0.05, (count, rate_hz // 2))
    hz = np.linspace(200, 3500, count)[:, None]
    tones = 0.3 * np.sin(2 * np.pi * hz * np.arange(rate_hz // 2) / rate_hz)
    return (tones + noise).astype(np.float32)


def write_sound(folder: Path, ids: Sequence[str], rate_hz: int = 16000) -> Path:
    """Write tones as the download stage writes sound."""
    folder.mkdir()
    flacs = []
    for clip, samples in zip(ids, sounds(len(ids), rate_hz), strict=True):
        stream = io.BytesIO()
        soundfile.write(stream, samples, rate_hz, format="FLAC")
        flacs.append((clip, stream.getvalue()))
    homes = write_audio(folder, flacs, 20)
    rows = [(clip, "ok", "", 1, 0.5, 1, "", home) for clip, home in homes.items()]
    table = pd.DataFrame(rows, columns=schema.STATUS.names)
    schema.write_table(table, schema.STATUS, folder / STATUS_FILE)
    return folder


def teaching(params: Params, seed: int = 1, **changes: Any) -> TrainedModel:
    """An untrained model of the toy clips' classes, with a front end of its own, at 8 kHz."""
    wanted = spec(params, **({"front_end": small_front_end()} | changes))
    torch.manual_seed(seed)
    network = build(wanted).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(3)
    return TrainedModel(wanted, network)


def saved(model: TrainedModel, folder: Path) -> Path:
    file.save(folder / file.WEIGHTS, model.spec, model.network)
    return folder


def by_hand(model: TrainedModel, samples: np.ndarray) -> np.ndarray:
    return model.probabilities(model.front_end.whole(samples))


def test_teachers_are_averaged_over_their_own_features(params: Params, tmp_path: Path) -> None:
    coarse = small_front_end()
    coarse = coarse.model_copy(update={"features": coarse.features.model_copy(update={"hop": 800})})
    models = (teaching(params, 1), teaching(params, 2, front_end=coarse), teaching(params, 3))
    ids = [f"clip{number}" for number in range(5)]
    audio = write_sound(tmp_path / "audio", ids, RATE_HZ)
    waves = np.pad(sounds(5, RATE_HZ), ((0, 0), (0, 2 * RATE_HZ - RATE_HZ // 2)))
    expected = np.mean([[by_hand(model, wave) for wave in waves] for model in models], axis=0)
    found = Teacher(models, 1.0).of_clips(audio, ids, 2)
    assert np.allclose(found, expected, atol=1e-3), "FLAC has 16 bits"
    assert np.ptp(found[:, 0]) > 0.01
    softer = Teacher(models, 4.0).of_clips(audio, ids, 2)
    powers = expected ** (1 / 4)
    assert np.allclose(softer, powers / powers.sum(1, keepdims=True), atol=1e-3)
    again = Teacher(models, 1.0).of_sound(torch.from_numpy(waves), RATE_HZ, ids)
    assert np.allclose(again.numpy(), expected, atol=1e-5)


def test_a_spiking_teacher_and_one_of_several_labels(params: Params) -> None:
    waves = torch.from_numpy(np.pad(sounds(3, RATE_HZ), ((0, 0), (0, 12000))))
    spiking = classifier("cnn", params, spiking=True, encoding="rate")
    found = Teacher((spiking,), 1.0).of_sound(waves, RATE_HZ, ["a", "b", "c"])
    for row, clip in enumerate("abc"):
        features = spiking.front_end.whole(waves[row].numpy())
        assert np.allclose(found[row], spiking.probabilities(features, clip), atol=1e-6)
    several = classifier("gru", params, spiking=False, labels="multiple")
    found = Teacher((several, several), 1.0).of_sound(waves, RATE_HZ, ["a", "b", "c"])
    assert np.allclose(found[1], by_hand(several, waves[1].numpy()), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": "2"}, "expected held-out fold '1', got '2'"),
        ({"classes": ["/m/1", "/m/3"]}, r"expected classes \['/m/1', '/m/2'\]"),
        ({"labels": "multiple"}, "expected labels 'single', got 'multiple'"),
    ],
)
def test_a_teacher_that_is_none_of_this_fold_is_refused(
    changes: dict[str, Any], message: str, params: Params, tmp_path: Path
) -> None:
    folder = saved(teaching(params, **changes), tmp_path / "teacher")
    with pytest.raises(SpikesoundError, match=f"teacher ann-cnn of ann-cnn: {message}"):
        read_teacher([folder], 2.0, spec(params), CPU)
    fitting = saved(teaching(params), tmp_path / "fitting")
    assert read_teacher([fitting], 2.0, spec(params), CPU).temperature == 2.0


def test_a_fold_is_taught_from_its_shards(params: Params, tmp_path: Path) -> None:
    audio = write_sound(tmp_path / "audio", toy().ids)
    model = small(params, "ann-cnn", teacher=TEACHER)
    folders = [saved(teaching(params, seed), tmp_path / f"teacher-{seed}") for seed in (1, 2)]
    asked = request(params, model, tmp_path, audio=audio, teachers=(folders[0],))
    taught, _ = prepare(asked)
    assert taught.training.taught is not None
    own = Teacher((teaching(params, 1),), 2.0).of_clips(audio, taught.training.ids, 8)
    assert np.allclose(taught.training.taught, own, atol=1e-6)
    assert taught.validation.taught is None
    plain, _ = prepare(request(params, small(params, "ann-cnn"), tmp_path))
    other, _ = prepare(replace(asked, teachers=(folders[1],)))
    names = {trainings.fingerprint(each, "backprop") for each in (taught, plain, other)}
    assert len(names) == 3, "another teacher is another training"
    result = train_fold(asked, lambda: None)
    assert result["best_epoch"] >= 1
    with pytest.raises(SpikesoundError, match="has a teacher, but no trained model is given"):
        prepare(replace(asked, teachers=()))
    with pytest.raises(SpikesoundError, match="teacher: the clips' sound is needed"):
        prepare(replace(asked, audio=None))
    with pytest.raises(SpikesoundError, match="nothing: no such file"):
        prepare(replace(asked, teachers=(tmp_path / "nothing",)))


@dataclass
class Listening:
    """A teacher whose answer is the power of the sound, and which keeps what it was given."""

    name: str = ""
    asked: list[str] = field(default_factory=list)

    def digest(self) -> str:
        return self.name

    def of_sound(self, waves: torch.Tensor, rate_hz: int, ids: Sequence[str]) -> torch.Tensor:
        self.given, self.ids, self.rate_hz = waves.clone(), list(ids), rate_hz
        self.asked += ids
        power = waves.square().mean(1)
        return torch.stack([power, 1 - power], 1)


def waved(params: Params, folder: Path, changes: WaveformParams, teacher: Any) -> Job:
    """A job of 16 clips whose sound is augmented, with a teacher."""
    augmentation = NO_AUGMENT.model_dump() | {"waveform": changes.model_dump()}
    whole = job(params, folder, training=recipe(params, augment=augmentation, epochs=3))
    features = small_front_end().features.model_copy(update={"clip_s": 0.5})
    front_end = small_front_end().model_copy(update={"features": features})
    numbers = np.arange(16, dtype=np.int64) * 31 + 7
    waves = Waves(sounds(16, RATE_HZ) * np.arange(1, 17)[:, None], numbers, front_end, teacher)
    waves = replace(waves, samples=waves.samples.astype(np.float32) / 16)
    task = taught_task(whole.task, 2.0, 0.7)
    return replace(whole, training=toy(16), waves=waves, task=task)


def test_a_teacher_processes_the_mixed_sound_that_its_student_does(
    params: Params, tmp_path: Path
) -> None:
    teacher = Listening()
    mixing = PLAIN.model_copy(update={"between": 1.0, "gain_db": 6.0, "speed": 1.2})
    wanted = waved(params, tmp_path, mixing, teacher)
    assert wanted.waves is not None
    rows = np.array([3, 0, 9, 12])
    x, (labels, taught) = WaveformEpoch(wanted, wanted.waves, 1).batch(rows)
    assert torch.equal(wanted.waves.features(teacher.given).transpose(0, 1), x)
    assert teacher.ids == [f"clip{row}" for row in rows]
    assert teacher.rate_hz == RATE_HZ
    assert torch.equal(taught[:, 0], teacher.given.square().mean(1))
    assert labels.shape == taught.shape


def test_variants_of_sound_are_met_again_and_taught_once(params: Params, tmp_path: Path) -> None:
    teacher = Listening()
    mixing = PLAIN.model_copy(
        update={"between": 0.5, "bands": 0.5, "gain_db": 6.0, "roll": True, "speed": 1.2}
    )
    wanted = waved(params, tmp_path, mixing, teacher)
    assert wanted.waves is not None
    how = TeacherParams(temperature=2.0, weight=0.7, variants=2)
    recipe = wanted.recipe.model_copy(update={"teacher": how})
    masked = recipe.augment.model_copy(update={"time_mask": 0.3, "bin_mask": 0.2})
    unmasked, masks = (
        replace(wanted, recipe=recipe.model_copy(update={"augment": each}))
        for each in (recipe.augment, masked)
    )

    def batch(job: Job, epoch: int, rows: np.ndarray) -> tuple[torch.Tensor, ...]:
        assert job.waves is not None
        teacher.asked.clear()
        x, targets = WaveformEpoch(job, job.waves, epoch).batch(rows)
        return x[0], *targets

    rows = np.arange(8)
    first = batch(unmasked, 1, rows)
    assert set(teacher.asked) >= {f"clip{row}" for row in rows}
    second = batch(unmasked, 2, rows)
    assert not torch.equal(first[0], second[0])
    order = np.array([5, 2, 7])
    third = batch(unmasked, 3, order)
    assert teacher.asked == [], "all answers are known"
    for one, three in zip(first, third, strict=True):
        assert torch.equal(one[order], three)
    both = batch(unmasked, 3, np.array([2, 8]))
    assert torch.equal(both[2][0], first[2][2])
    assert "clip8" in teacher.asked
    assert "clip2" not in teacher.asked
    one, three = batch(masks, 1, rows), batch(masks, 3, rows)
    assert not torch.equal(one[0], three[0]), "masks are new"
    assert torch.equal(one[2], three[2])


def test_a_teacher_runs_in_the_precision_of_the_training(params: Params, tmp_path: Path) -> None:
    answers = []
    for precision in ("32-true", "bf16-mixed"):
        fabric = Fabric(accelerator="cpu", devices=1, precision=precision)  # type: ignore[arg-type]
        wanted = waved(params, tmp_path, PLAIN, Teacher((teaching(params),), 2.0))
        wanted = replace(wanted, fabric=fabric)
        assert wanted.waves is not None
        answers.append(WaveformEpoch(wanted, wanted.waves, 1).batch(np.arange(4))[1][1])
    assert torch.allclose(*answers, atol=0.02)
    assert not torch.equal(*answers)
    assert answers[1].dtype == torch.float32


def test_of_a_band_a_teachers_answers_are_mixed(params: Params, tmp_path: Path) -> None:
    wanted = waved(params, tmp_path, PLAIN.model_copy(update={"bands": 1.0}), Listening())
    assert wanted.waves is not None
    rows = np.arange(16)
    _, (labels, taught) = WaveformEpoch(wanted, wanted.waves, 1).batch(rows)
    power = torch.from_numpy(wanted.waves.samples).square().mean(1)
    own = labels[torch.arange(16), torch.from_numpy(wanted.training.present.argmax(1))]
    mates = partners(wanted.training.present, rows, wanted.seed, 1)
    assert torch.allclose(taught[:, 0], own * power + (1 - own) * power[mates])
    assert not torch.allclose(taught[:, 0], power, rtol=0.05)


@pytest.mark.parametrize("sound", [True, False])
def test_a_killed_training_with_a_teacher_goes_on_to_the_same_network(
    sound: bool, params: Params, tmp_path: Path
) -> None:
    if sound:
        mixing = PLAIN.model_copy(update={"between": 0.5, "bands": 0.5, "roll": True})
        teacher = Teacher((teaching(params),), 2.0)
        wanted = waved(params, tmp_path, mixing, teacher)
    else:
        taught = np.random.default_rng(1).dirichlet([1, 1], 32).astype(np.float32)
        wanted = taught_by(job(params, tmp_path), taught, 0.7)
    torch.manual_seed(5)
    whole = train_backprop(replace(wanted, resume=tmp_path / "whole.pt"))

    def killed(epoch: Epoch) -> None:
        if epoch["epoch"] == 2:
            raise KeyboardInterrupt

    torch.manual_seed(5)
    with pytest.raises(KeyboardInterrupt):
        train_backprop(replace(wanted, report=killed))
    resumed = train_backprop(wanted)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_what_has_no_sound_of_its_own_takes_no_teacher(params: Params) -> None:
    values = recipe(params).model_dump() | {"teacher": TEACHER}
    with pytest.raises(ValueError, match="negatives have no sound that a teacher knows"):
        RecipeParams.model_validate(values | {"negatives": {"silence": 0.1}})
    with pytest.raises(ValueError, match="teacher: only of clips in memory"):
        RecipeParams.model_validate(values | {"dataset": "stream"})
    with pytest.raises(ValueError, match="named twice: a"):
        RecipeParams.model_validate(values | {"teacher": TEACHER | {"models": ["a", "a"]}})
