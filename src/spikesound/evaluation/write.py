"""The files of one evaluated classifier: predictions, metrics, confusion, learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from spikesound.core import schema
from spikesound.core.json_files import read_mapping, write_json
from spikesound.evaluation.curves import write_classes, write_confusion, write_curves
from spikesound.evaluation.predictions import to_matrix
from spikesound.evaluation.summary import Metrics, Value, model_metrics
from spikesound.params.evaluation import EvaluateParams


def write_evaluation(
    model: str,
    predictions: pd.DataFrame,
    status: pd.DataFrame,
    extras: Mapping[str, Value],
    histories: Mapping[str, pd.DataFrame],
    names: Mapping[str, str],
    params: EvaluateParams,
    seed: int,
    *,
    recordings: Mapping[str, str],
    multilabel: bool = False,
    predictions_folder: Path,
    metrics_folder: Path,
) -> Metrics:
    """Write all files of a model, and return its metrics.

    ``<predictions_folder>/<model>.parquet``, and in the metrics folder ``models/<model>.json``,
    ``confusion/<model>.csv`` and, if there are histories, ``curves/<model>.csv``; of models with
    several labels a clip ``classes/<model>.csv`` too, a row a label.

    Parameters
    ----------
    histories : for each fold the table of epochs; empty for a model without epochs
    names : display name of each label id
    recordings : the recording that each clip was cut from
    multilabel : whether each label has a probability of its own, several a clip being possible
    """
    schema.write_table(predictions, schema.PREDICTIONS, predictions_folder / f"{model}.parquet")
    metrics = model_metrics(
        predictions, status, extras, params, seed, recordings=recordings, multilabel=multilabel
    )
    write_json(metrics_folder / "models" / f"{model}.json", metrics)
    matrix = to_matrix(predictions, list(names), multilabel=multilabel)
    write_confusion(matrix, names, metrics_folder / "confusion" / f"{model}.csv")
    if multilabel:
        write_classes(matrix, names, metrics_folder / "classes" / f"{model}.csv")
    if histories:
        write_curves(histories, metrics_folder / "curves" / f"{model}.csv")
    return metrics


def read_metrics(metrics_folder: Path, model: str) -> Metrics:
    """Read a model's metrics.

    Raises
    ------
    SpikesoundError
        If the file is missing or not JSON.
    """
    path = metrics_folder / "models" / f"{model}.json"
    metrics: Metrics = read_mapping(path, "evaluate the model (dvc repro)")
    return metrics
