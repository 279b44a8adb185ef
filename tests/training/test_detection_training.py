"""Training of detectors: frame targets, cross-validation of scenes, resuming, silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from detectors import detector, features
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.params import Params, SurrogateParams
from spikesound.tasks import task_of
from spikesound.training.dataset import Dataset, frame_targets
from spikesound.training.job import Job, Trained
from spikesound.training.methods import METHODS
from spikesound.training.objective import Objective
from spikesound.training.split import training_parts


@pytest.mark.slow
@given(onset=st.integers(0, 80), length=st.integers(1, 40))
def test_a_frame_is_active_where_its_middle_is_within_the_event(onset: int, length: int) -> None:
    hop_s, begin, end = 0.1, onset * 0.05 + 0.013, (onset + length) * 0.05 + 0.021
    events = pd.DataFrame(
        {"clip_id": ["a"], "label": ["/m/1"], "onset_s": [begin], "offset_s": [end]}
    )
    active = frame_targets(events, ["b", "a"], ["/m/0", "/m/1"], 100, hop_s)
    expected = [begin <= frame * hop_s < end for frame in range(100)]
    assert active[1, :, 1].tolist() == expected
    assert active.sum() == sum(expected)


def some_scenes(count: int = 12, frames: int = 20) -> Dataset:
    """Return scenes of three folds, loud where a class sounds."""
    x = features(count, frames).astype(np.float16)
    active = np.zeros((count, frames, 3), bool)
    active[::2, 5:12, 0] = True
    active[::3, 2:6, 2] = True
    x[active.any(-1)] = 0.9
    return Dataset(
        [f"clip-{number}" for number in range(count)],
        [str(1 + number % 3) for number in range(count)],
        [f"recording-{number // 2}" for number in range(count)],
        x[:, None],
        active.any(1).astype(np.float32),
        x.shape[-1],
        active=active,
    )


def test_the_held_out_fold_is_in_no_part(params: Params) -> None:
    section = params.tasks.detection
    assert section.validation_fold == "previous"
    for fold, previous, other in (("3", "2", "1"), ("1", "3", "2")):
        training, validation = training_parts(some_scenes(), fold, section, 1)
        assert set(validation.folds) == {previous}
        assert set(training.folds) == {other}


def test_without_a_validation_fold_recordings_stay_whole(params: Params) -> None:
    scenes = replace(some_scenes(), folds=["1"] * 10 + ["2"] * 2)
    own = params.tasks.detection.model_dump() | {"validation_fold": None, "validation_share": 0.3}
    kind = type(params.tasks.detection)
    with pytest.raises(ValueError, match="scenes of one fold share their recordings"):
        kind.model_validate(own)
    chosen = kind.model_validate(own | {"source": "audioset"})
    training, validation = training_parts(scenes, "2", chosen, 1)
    assert sorted([*training.ids, *validation.ids]) == sorted(scenes.only("1").ids)
    assert len(validation)
    assert not set(training.groups) & set(validation.groups)


def test_folds_that_leave_nothing_are_refused(params: Params) -> None:
    section = params.tasks.detection
    with pytest.raises(SpikesoundError, match="unknown fold '9'; valid: 1, 2, 3"):
        training_parts(some_scenes(), "9", section, 1)
    two = replace(some_scenes(), folds=["1", "2"] * 6)
    with pytest.raises(SpikesoundError, match="leave no clips to train on"):
        training_parts(two, "2", section, 1)


def job(params: Params, folder: Path, **changes: object) -> Job:
    """Return a job of a small spiking detector, by default of three epochs."""
    spec, _ = detector("snn-tcn")
    scenes = some_scenes()
    small = {"epochs": 3, "batch_clips": 4, **changes}
    method = params.methods["surrogate"]
    assert isinstance(method, SurrogateParams)
    return Job(
        spec,
        task_of(spec, params.tasks.detection),
        scenes,
        scenes.select(np.arange(4)),
        params.recipes["detector_snn"].model_copy(update=small),
        method,
        (1.0,),
        1,
        folder / "resume.pt",
    )


@pytest.mark.slow
def test_a_killed_training_is_resumed_to_the_same_result(tmp_path: Path, params: Params) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()

    def train(of: Job) -> Trained:
        torch.manual_seed(0)
        return METHODS["surrogate"](of)

    undisturbed = train(job(params, tmp_path / "a"))

    def kill(epoch: dict[str, float]) -> None:
        if epoch["epoch"] == 2:
            raise KeyboardInterrupt

    broken = job(params, tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        train(replace(broken, report=kill))
    resumed = train(broken)
    losses = [epoch["validation_loss"] for epoch in undisturbed.history]
    assert [epoch["validation_loss"] for epoch in resumed.history] == losses
    first, second = undisturbed.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert min(losses) < losses[0]


@pytest.mark.slow
def test_silence_is_part_of_every_batch(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs: list[torch.Tensor] = []
    targets: list[torch.Tensor] = []
    loss = Objective.loss

    def recording(
        self: Objective, network: nn.Module, x: torch.Tensor, of: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        inputs.append(x[:, -1])
        targets.extend([of[0][:, -1], of[1][-1]])
        return loss(self, network, x, of)

    monkeypatch.setattr(Objective, "loss", recording)
    METHODS["surrogate"](job(params, tmp_path, epochs=1))
    assert len(inputs) == 3
    assert all(not clip.any() for clip in [*inputs, *targets])


@pytest.mark.slow
def test_spikes_in_silence_are_added_to_the_loss(tmp_path: Path, params: Params) -> None:
    spikes = torch.rand(6, 4, 5).round()
    spikes[:, -1] = 0
    objective = Objective(job(params, tmp_path, silence_weight=2.0))
    assert objective.penalty([spikes]) == 0
    spikes[:3, -1] = 1
    assert objective.penalty([spikes]) == pytest.approx(1.0)
    assert objective.penalty([]) == 0
    assert Objective(job(params, tmp_path, silence_weight=None)).penalty([spikes]) == 0
