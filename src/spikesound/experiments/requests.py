"""What the trainings of a row are given, one request for each held-out fold."""

from __future__ import annotations

from pathlib import Path

from spikesound.experiments.data import inputs_of
from spikesound.experiments.row import Row
from spikesound.models.pretrained import model_file
from spikesound.params import Model
from spikesound.params.models import OUTSIDE
from spikesound.training.request import FoldRequest


def fold_requests(row: Row, model: Model) -> list[FoldRequest]:
    """Return the requests of a model of a row: its own, or one that its training starts from.

    Inputs that are not there are encoded or disturbed first.
    """
    data, section = row.data(), row.params.task_params(model.task)
    bases = _bases(row, model)
    requests = []
    for fold, out in row.networks(model).items():
        inputs, features = inputs_of(
            model, row.params, row.default, data, fold, row.folders, row.noise
        )
        events = data.clips / "events.parquet" if model.labels else None
        requests.append(
            FoldRequest(
                model, section, row.params.device, fold, row.seed, data.names, inputs, features,
                events, bases.get(fold), out, row.folders.trainings, data.audio,
                row.teaching(model, fold),
            )
        )  # fmt: skip
    return requests


def _bases(row: Row, model: Model) -> dict[str, Path]:
    """Return for each fold the model file, or its folder, that a training starts from."""
    if model.base is not None:
        return row.networks(row.params.model(model.base))
    if not model.method_params.new_head:
        return {}
    file = model_file(model.row.needs.removeprefix(OUTSIDE))
    return dict.fromkeys(row.folds, file)
