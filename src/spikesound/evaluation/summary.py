"""The content of metric files: of one classifier, and of all in one summary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.core.json_files import read_mapping, write_json
from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.bootstrap import resampled, with_intervals
from spikesound.evaluation.clusters import clusters_of
from spikesound.evaluation.manifest import clip_counts, manifest_hash
from spikesound.evaluation.predictions import to_matrix
from spikesound.params.evaluation import EvaluateParams
from spikesound.tasks.classification.metrics import METRICS, metric_names, weighted_metrics
from spikesound.tasks.multilabel import unscored

Value = int | float | str
Metrics = dict[str, Any]
"""Flat figures of a model; None where a metric has no finite value."""

SHARED = ("clips_asked", "clips_present", "clips_scored", "confidence", "manifest")
"""Keys that must be equal in all models for their metrics to be comparable."""

_DATASET = "dataset"
_DECIMALS = 4


def model_metrics(
    predictions: pd.DataFrame,
    status: pd.DataFrame,
    extras: Mapping[str, Value],
    params: EvaluateParams,
    seed: int,
    *,
    recordings: Mapping[str, str],
    multilabel: bool = False,
) -> Metrics:
    """Return the content of metrics/models/<model>.json: flat, shares rounded to four decimals.

    Parameters
    ----------
    predictions
        The PREDICTIONS table, over all folds of the cross-validation.
    status
        The STATUS table of the download stage.
    extras
        Further figures of the model (spike_rate, parameters, train_s_per_epoch, ...), as they are.
    params
        Number of resamples and confidence of the intervals.
    seed
        The run's seed. All models meet the same resamples of the recordings.
    recordings
        The recording that each clip was cut from.
    multilabel
        Whether each label has a probability of its own, several a clip being possible.

    Returns
    -------
    dict
        The metrics, each with _low and _high: accuracy, macro_f1 and map of one label a clip; map,
        auc, d_prime and lwlrap of several, and then classes and classes_scored (those that are
        true for some clip and not for all). Those of :data:`SHARED`; the extras.

    Raises
    ------
    SpikesoundError
        If a table is inconsistent, a clip has no recording, or an extra has a taken name or is not
        a finite number or text.
    """
    matrix = to_matrix(predictions, multilabel=multilabel)
    values = resampled(
        partial(weighted_metrics, matrix),
        clusters_of(matrix.clip_ids, recordings),
        generator=numpy_generator(seed, "bootstrap"),
        resamples=params.resamples,
    )
    figures = with_intervals(values, params.confidence, nearest=multilabel)
    content: Metrics = {
        f"{name}{end}": _rounded(figures[f"{name}{end}"])
        for name in metric_names(matrix)
        for end in ("", "_low", "_high")
    }
    if multilabel:
        content["classes"] = len(matrix.labels)
        content["classes_scored"] = len(matrix.labels) - len(unscored(matrix.targets))
    counts = clip_counts(status)
    content["clips_asked"] = counts["asked"]
    content["clips_present"] = counts["present"]
    content["clips_scored"] = len(matrix.clip_ids)
    content["confidence"] = params.confidence
    content["manifest"] = manifest_hash(matrix.clip_ids, status)
    for name, value in extras.items():
        content[name] = _checked_extra(name, value, content)
    return content


def write_metrics(metrics: Metrics, path: Path) -> None:
    """Write the content of metrics/models/<model>.json."""
    write_json(path, metrics)


def read_metrics(path: Path) -> Metrics:
    """Return a model's metrics.

    Raises
    ------
    SpikesoundError
        If the file is missing or not JSON.
    """
    return read_mapping(path, "evaluate the model (dvc repro)")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)


def _checked_extra(name: str, value: object, taken: Metrics) -> Value:
    if name in taken:
        raise SpikesoundError(f"extra metric {name!r}: already exists")
    if not isinstance(value, (int, float, str)):
        raise SpikesoundError(f"extra metric {name!r}: expected a number or a text, got {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise SpikesoundError(f"extra metric {name!r}: expected a finite number, got {value}")
    return value


def compare(
    models: Mapping[str, Mapping[str, Value]],
    extras: Mapping[str, Mapping[str, Value]] | None = None,
    *,
    names: Sequence[str] = METRICS,
) -> dict[str, Metrics]:
    """Return the content of metrics/summary.json: one flat entry a model, and one of the data set.

    What all models share (:data:`SHARED`) moves to the entry ``dataset``, which comes last; the
    models keep the order in which they are given.

    Parameters
    ----------
    models
        For each model name the content of its metrics/models/<model>.json.
    extras
        For some of the models, further figures that other stages measured (energy_nj, ...).
    names
        Of the metrics that each model must have.

    Raises
    ------
    SpikesoundError
        If there is no model, one is called ``dataset``, a figure is missing, two models rest on
        different clips and so cannot be compared, or an extra is of no model here, has a taken
        name or is not a finite number or text.
    """
    if not models:
        raise SpikesoundError("no model to compare: metrics/ holds none of those in models")
    if _DATASET in models:
        raise SpikesoundError(f"model name {_DATASET!r} is that of the data set's own entry")
    first, *others = models
    needed = [*SHARED, *names, *(f"{name}_{end}" for name in names for end in ("low", "high"))]
    for name in models:
        missing = [key for key in needed if key not in models[name]]
        if missing:
            raise SpikesoundError(f"metrics of {name}: {', '.join(missing)} missing")
    for name in others:
        for key in SHARED:
            ours, theirs = models[first][key], models[name][key]
            if ours != theirs:
                raise SpikesoundError(
                    f"{name} cannot be compared with {first}: {key}: expected {ours}, got {theirs};"
                    " evaluate both on the same clips (dvc repro)"
                )
    content: dict[str, Metrics] = {
        name: {key: value for key, value in models[name].items() if key not in SHARED}
        for name in models
    }
    for name, figures in (extras or {}).items():
        if name not in content:
            raise unknown("model with extra metrics", name, models)
        for key, value in figures.items():
            content[name][key] = _checked_extra(key, value, content[name])
    content[_DATASET] = {key: models[first][key] for key in SHARED}
    return content
