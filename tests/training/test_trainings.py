"""Finished trainings: what is found again, what is trained again, what goes on after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_shards import FOLDS, request, section, small, write_events, write_features
from toy_clips import TRAINED, base_spec, job, toy

from spikesound.core.processes import in_parallel
from spikesound.core.source import modules_of
from spikesound.models.build import build, parts_of
from spikesound.models.file import WEIGHTS
from spikesound.params import Params
from spikesound.training import trainings
from spikesound.training.methods import METHODS
from spikesound.training.request import FoldRequest
from spikesound.training.run import train_fold

MODELS = ("ann-cnn", "snn-cnn-surrogate", "snn-tcn-both")


def epochs_of(wanted: FoldRequest) -> int:
    """Train, and return how many epochs were trained now."""
    epochs = []
    train_fold(wanted, lambda: epochs.append(1))
    return len(epochs)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_finished_training_is_found_again_and_gives_the_same_files(
    name: str, params: Params, tmp_path: Path
) -> None:
    model = small(params, name)
    assert epochs_of(request(params, model, tmp_path)) == 2
    assert epochs_of(request(params, model, tmp_path, "again")) == 0
    assert epochs_of(request(params, model, tmp_path, "new", store=tmp_path / "new_store")) == 2
    found = {
        folder: (tmp_path / folder / WEIGHTS).read_bytes() for folder in ("model", "again", "new")
    }
    assert found["model"] == found["again"] == found["new"]
    assert (tmp_path / "again" / "history.csv").is_file()
    assert not list((tmp_path / "store").glob("*.pt")), "no checkpoint is left"


@pytest.mark.slow
def test_display_names_and_the_decision_rule_train_nothing(params: Params, tmp_path: Path) -> None:
    model = small(params, "snn-tcn-both", epochs=1)
    decision = {"medians_s": [0.1], "thresholds": [0.4, 0.6]}
    other = section(params, "detection", decision=decision)
    assert epochs_of(request(params, model, tmp_path)) == 1
    renamed = {"/m/1": "Eins", "/m/2": "Zwei"}
    assert epochs_of(request(params, model, tmp_path, names=renamed)) == 0
    assert epochs_of(replace(request(params, model, tmp_path), params=other)) == 0


Change = Callable[[Params, FoldRequest], FoldRequest]


def with_recipe(params: Params, wanted: FoldRequest) -> FoldRequest:
    recipe = wanted.model.recipe.model_copy(update={"learning_rate": 0.005})
    return replace(wanted, model=replace(wanted.model, recipe=recipe))


def with_network(params: Params, wanted: FoldRequest) -> FoldRequest:
    network = wanted.model.network_params.model_copy(update={"dropout": 0.3})
    return replace(wanted, model=replace(wanted.model, network_params=network))


def with_seed(params: Params, wanted: FoldRequest) -> FoldRequest:
    return replace(wanted, seed=wanted.seed + 1)


def with_balance(params: Params, wanted: FoldRequest) -> FoldRequest:
    return replace(wanted, params=section(params, "classification", balanced_sampling=True))


def with_split(params: Params, wanted: FoldRequest) -> FoldRequest:
    return replace(wanted, params=section(params, "classification", validation_fold="previous"))


def with_clip(params: Params, wanted: FoldRequest) -> FoldRequest:
    clips = toy()
    inputs = clips.inputs.copy()
    inputs[1, 0, 0, 0] += 0.1  # of fold 2
    write_features(wanted.features, params, replace(clips, inputs=inputs))
    return wanted


def with_label(params: Params, wanted: FoldRequest) -> FoldRequest:
    clips = toy()
    present = clips.present.copy()
    present[1] = [1, 0]
    write_features(wanted.features, params, replace(clips, present=present))
    return wanted


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [with_recipe, with_network, with_seed, with_balance, with_split, with_clip, with_label],
)
def test_what_training_depends_on_trains_again(
    change: Change, params: Params, tmp_path: Path
) -> None:
    wanted = request(params, small(params, "ann-cnn", epochs=1), tmp_path)
    assert epochs_of(wanted) == 1
    changed = change(params, wanted)
    assert epochs_of(changed) == 1
    assert epochs_of(changed) == 0


@pytest.mark.slow
def test_changed_events_train_a_detector_again(params: Params, tmp_path: Path) -> None:
    wanted = request(params, small(params, "ann-tcn-strong", epochs=1), tmp_path)
    assert epochs_of(wanted) == 1
    write_events(wanted.features, params, first=4)
    assert epochs_of(wanted) == 1


@pytest.mark.slow
def test_clips_of_the_held_out_fold_train_nothing(params: Params, tmp_path: Path) -> None:
    wanted = request(params, small(params, "ann-cnn", epochs=1), tmp_path)
    assert epochs_of(wanted) == 1
    clips = toy()
    inputs = clips.inputs.copy()
    inputs[np.array(clips.folds) == wanted.fold] = 0.5
    write_features(wanted.features, params, replace(clips, inputs=inputs))
    assert epochs_of(wanted) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_training_that_was_stopped_goes_on_from_its_checkpoint_to_the_same_bits(
    name: str, params: Params, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def stop() -> None:
        raise Killed

    model = small(params, name, epochs=3)
    whole = request(params, model, tmp_path, "whole", store=tmp_path / "other")
    assert epochs_of(whole) == 3
    cut = request(params, model, tmp_path, "cut")
    with pytest.raises(Killed):
        train_fold(cut, stop)
    assert [path.suffix for path in cut.store.iterdir()] == [".pt"]
    assert not cut.out.exists()
    modified = next(cut.store.iterdir()).stat().st_mtime_ns
    assert epochs_of(cut) == 3, "the first is reported again, and not trained"
    assert not list(cut.store.glob("*.pt"))
    assert (cut.out / WEIGHTS).read_bytes() == (whole.out / WEIGHTS).read_bytes()
    assert modified < (cut.out / WEIGHTS).stat().st_mtime_ns


@pytest.mark.slow
def test_folds_in_processes_give_what_one_process_gives(params: Params, tmp_path: Path) -> None:
    model = small(params, "ann-cnn")
    found: dict[int, tuple[Any, list[bytes]]] = {}
    for workers in (1, 2):
        requests = [
            request(
                params,
                model,
                tmp_path,
                f"{workers}/fold-{fold}",
                fold=fold,
                store=tmp_path / f"store-{workers}",
            )
            for fold in FOLDS[:3]
        ]
        results = in_parallel(train_fold, requests, what="train", pieces=2, workers=workers)
        figures = [
            {name: value for name, value in result.items() if name != "seconds_per_epoch"}
            for result in results
        ]
        found[workers] = figures, [(each.out / WEIGHTS).read_bytes() for each in requests]
    assert found[1] == found[2]
    assert len(set(found[1][1])) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_the_code_of_a_training_holds_all_that_its_network_is_made_by(
    name: str, params: Params, tmp_path: Path
) -> None:
    """A method may train another network or neuron than the row's."""
    torch.manual_seed(0)
    wanted = job(params, tmp_path, kind=name)
    if wanted.method.starts_from:
        wanted = replace(wanted, base=build(base_spec(wanted)))
    reached = modules_of(trainings.code_of(wanted, name))
    trained = METHODS[name](wanted)
    made_by = modules_of(parts_of(trained.spec))
    assert made_by <= reached
