"""The metric files: metrics/models/<model>.json, one a model, and metrics/summary.json, all."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.bootstrap import intervals
from spikesound.evaluation.clusters import clusters_of
from spikesound.evaluation.manifest import clip_counts, manifest_hash
from spikesound.evaluation.predictions import to_matrix
from spikesound.params import EvaluateParams
from spikesound.tasks.classification.metrics import METRICS, metrics

Value = int | float | str
Metrics = dict[str, Value]

SHARED = ("clips_asked", "clips_present", "clips_scored", "confidence", "manifest")
"""What must be equal in all models for their figures to be comparable."""

_DECIMALS = 4
_FAMILIES = ("baseline", "ann", "snn")


def model_metrics(
    predictions: pd.DataFrame,
    status: pd.DataFrame,
    extras: Mapping[str, Value],
    params: EvaluateParams,
    seed: int,
    *,
    recordings: Mapping[str, str],
) -> Metrics:
    """Return the content of metrics/models/<model>.json: flat, shares rounded to four decimals.

    Parameters
    ----------
    predictions
        The PREDICTIONS table, over all folds that were held out.
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

    Returns
    -------
    dict
        accuracy, macro_f1 and map, each with _low and _high; those of :data:`SHARED`; the extras.

    Raises
    ------
    SpikesoundError
        If a table is inconsistent, a clip has no recording, or an extra has a taken name or is not
        a finite number or text.
    """
    matrix = to_matrix(predictions)
    found = metrics(matrix)
    bounds = intervals(
        matrix,
        clusters_of(matrix.clip_ids, recordings),
        generator=numpy_generator(seed, "bootstrap"),
        resamples=params.resamples,
        confidence=params.confidence,
    )
    content: Metrics = {}
    for name in METRICS:
        content[name] = round(found[name], _DECIMALS)
        content[f"{name}_low"] = round(bounds[name][0], _DECIMALS)
        content[f"{name}_high"] = round(bounds[name][1], _DECIMALS)
    counts = clip_counts(status)
    content["clips_asked"] = counts["asked"]
    content["clips_present"] = counts["present"]
    content["clips_scored"] = len(matrix.clip_ids)
    content["confidence"] = params.confidence
    content["manifest"] = manifest_hash(matrix.clip_ids, status)
    for name, value in extras.items():
        content[name] = _checked_extra(name, value, content)
    return content


def _checked_extra(name: str, value: object, taken: Metrics) -> Value:
    if name in taken:
        raise SpikesoundError(f"extra metric {name!r} would overwrite one of the same name")
    if not isinstance(value, (int, float, str)):
        raise SpikesoundError(f"extra metric {name!r} is {value!r}, neither a number nor a text")
    if isinstance(value, float) and not math.isfinite(value):
        raise SpikesoundError(f"extra metric {name!r} is {value}, which JSON cannot hold")
    return value


def compare(
    models: Mapping[str, Mapping[str, Value]],
    extras: Mapping[str, Mapping[str, Value]] | None = None,
) -> dict[str, Metrics]:
    """Return the content of metrics/summary.json: one flat entry a model, and one of the data set.

    What all models share (:data:`SHARED`) moves to the entry ``dataset``. The models come baseline
    first, then conventional networks, then spiking ones, each group by name.

    Parameters
    ----------
    models
        For each model name the content of its metrics/models/<model>.json.
    extras
        For some of the models, further figures that other stages measured (energy_nj, ...).

    Raises
    ------
    SpikesoundError
        If there is no model, a name is of no family, a figure is missing, two models rest on
        different clips and so cannot be compared, or an extra is of no model here, has a taken
        name or is not a finite number or text.
    """
    if not models:
        raise SpikesoundError("no model to compare: metrics/ holds none of those in models")
    names = sorted(models, key=model_order)
    for name in names:
        needed = [*SHARED, *METRICS, *(f"{m}_{end}" for m in METRICS for end in ("low", "high"))]
        missing = [key for key in needed if key not in models[name]]
        if missing:
            raise SpikesoundError(f"metrics of {name}: {', '.join(missing)} missing")
    first = names[0]
    for name in names[1:]:
        for key in SHARED:
            ours, theirs = models[first][key], models[name][key]
            if ours != theirs:
                raise SpikesoundError(
                    f"{name} cannot be compared with {first}: {key} is {theirs}, not {ours}; "
                    "evaluate both on the same clips (dvc repro)"
                )
    content: dict[str, Metrics] = {
        name: {key: value for key, value in models[name].items() if key not in SHARED}
        for name in names
    }
    for name, figures in (extras or {}).items():
        if name not in content:
            raise unknown("model with extra metrics", name, names)
        for key, value in figures.items():
            content[name][key] = _checked_extra(key, value, content[name])
    content["dataset"] = {key: models[first][key] for key in SHARED}
    return content


def family(model: str) -> str:
    """Return ``baseline``, ``ann`` or ``snn``: the first part of the model's name.

    Raises
    ------
    SpikesoundError
        If the name begins with none of them.
    """
    first = model.split("-", 1)[0]
    if first not in _FAMILIES or first == model:
        raise unknown(f"family in model name {model!r}:", first, _FAMILIES)
    return first


def model_order(model: str) -> tuple[int, str]:
    """Return the sort key that puts the baseline first, then conventional, then spiking models."""
    return _FAMILIES.index(family(model)), model


OWN_SHAPE = frozenset({"stdp", "memristor", "som"})
"""Ways of training that make a network of their own."""


def twin(model: str, models: Mapping[str, object]) -> str | None:
    """Return the conventional model of a spiking model's shape, or None where it is not there."""
    if family(model) != "snn" or model.rpartition("-")[2] in OWN_SHAPE:
        return None
    other = f"ann-{model.split('-')[1]}"
    return other if other in models else None
