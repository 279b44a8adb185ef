"""Where the evaluation of a model reads and writes."""

import paths
from spikesound.core.labels import read_labels
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.places import Places
from spikesound.params import Model, Params
from spikesound.training.dataset import Dataset
from spikesound.training.inputs import read_clips


def places(name: str, task: str) -> Places:
    """Return the files of a model's evaluation."""
    clips, plots = paths.of_task("clips", task), paths.METRICS / task
    return Places(
        names=read_labels(clips / "labels.json"),
        clips=clips / "clips.parquet",
        events=clips / "events.parquet",
        mixtures=clips / "mixtures.parquet",
        status=paths.of_task("audio", task) / "status.parquet",
        predictions=paths.of_task("predictions", task) / name,
        counts=paths.of_task("evaluation", task) / name,
        metrics=plots / "models" / f"{name}.json",
        curves=plots / "curves" / f"{name}.csv",
        confusion=plots / "confusion" / f"{name}.csv",
        classes=plots / "classes" / f"{name}.csv",
    )


def folds(model: Model, params: Params) -> Folds:
    """Return a model's networks and what they are tested on."""
    classes = list(read_labels(paths.of_task("clips", model.task) / "labels.json"))

    features = paths.of_task("features", model.task)
    # Detectors are tested with the times of all clips, which are held in memory.
    recipe = model.recipe if model.task == "classification" else None

    def load_clips(fold: str) -> Dataset:
        return read_clips(paths.inputs(model, fold), features, classes, fold, recipe)[0]

    held_out = params.task_params(model.task).folds
    folders = {fold: paths.network(model, fold) for fold in held_out}
    return Folds(model.name, folders, load_clips, classes)
