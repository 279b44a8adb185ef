"""Where the evaluation of a model reads and writes."""

import paths
from spikesound.core.labels import read_labels
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.places import Places
from spikesound.params import Model, Params
from spikesound.training.dataset import Dataset, load_features, load_spikes


def places(name: str, task: str) -> Places:
    """Return the files of a model's evaluation."""
    clips = paths.clips(task)
    return Places(
        names=read_labels(clips / "labels.json"),
        clips=clips / "clips.parquet",
        events=clips / "events.parquet",
        status=paths.audio(task) / "status.parquet",
        predictions=paths.PREDICTIONS / name,
        counts=paths.EVALUATION / name,
        metrics=paths.metrics(name),
        curves=paths.METRICS / "curves" / f"{name}.csv",
        confusion=paths.METRICS / "confusion" / f"{name}.csv",
        classes=paths.METRICS / "classes" / f"{name}.csv",
    )


def folds(model: Model, params: Params) -> Folds:
    """Return a model's networks and what they are tested on."""
    classes = list(read_labels(paths.clips(model.task) / "labels.json"))

    def load_clips(fold: str) -> Dataset:
        folder = paths.inputs(model, fold)
        if folder.parent == paths.SPIKES:
            return load_spikes(folder, classes)[0]
        return load_features(folder, classes, fold)

    held_out = params.task_params(model.task).folds
    folders = {fold: paths.model(model.name, fold) for fold in held_out}
    return Folds(model.name, folders, load_clips, classes)
