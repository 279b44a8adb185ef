"""Evaluation of a classifier on the clips that were held out from its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from spikesound.core import schema
from spikesound.costs.counting import Counted, counting
from spikesound.costs.layer import LayerCounts, write_layers
from spikesound.evaluation import anytime_table
from spikesound.evaluation.anytime import anytime
from spikesound.evaluation.calibrated import CalibratedAnswers
from spikesound.evaluation.clusters import recordings_of
from spikesound.evaluation.curves import write_classes, write_confusion, write_curves
from spikesound.evaluation.figures import model_figures
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.places import Places
from spikesound.evaluation.predictions import to_frame, to_matrix
from spikesound.evaluation.summary import Metrics, Value, model_metrics, write_metrics
from spikesound.models.loading import probabilities_of
from spikesound.params import EvaluateParams
from spikesound.training.scores import clip_scores

PREDICTIONS = "predictions.parquet"
OPERATIONS = "operations.csv"
ANYTIME = "anytime.csv"


@dataclass(frozen=True)
class Tested:
    """Predictions of a classifier and its operations.

    Attributes
    ----------
    predictions : the PREDICTIONS table of all held-out clips
    figures : see :func:`spikesound.evaluation.figures.model_figures`; of a calibrated model with
        those of :class:`spikesound.evaluation.calibrated.CalibratedAnswers`
    layers : what each layer does for a clip, means over all test clips
    """

    predictions: pd.DataFrame
    figures: dict[str, Value]
    layers: list[LayerCounts]


def evaluate_classifier(
    folds: Folds,
    places: Places,
    params: EvaluateParams,
    *,
    frame_rate_hz: float,
    seed: int,
) -> Metrics:
    """Test a classifier, write its predictions, counts, metrics and plots; return its metrics.

    Raises
    ------
    SpikesoundError
        If a network was trained on other classes or holds out another fold, or a fold has no clips.
    """
    tested = run_folds(folds, params.batch_clips)
    early = anytime(folds, frame_rate_hz=frame_rate_hz, params=params, seed=seed)
    write_layers(tested.layers, places.counts / OPERATIONS)
    anytime_table.write(early.curve, places.counts / ANYTIME)
    write_curves(folds.histories(), places.curves)
    single = next(iter(folds))[1].labels == "single"
    return write_predictions(
        tested.predictions,
        tested.figures | early.stable,
        places,
        params,
        seed=seed,
        multilabel=not single,
    )


def write_predictions(
    predictions: pd.DataFrame,
    figures: Mapping[str, Value],
    places: Places,
    params: EvaluateParams,
    *,
    seed: int,
    multilabel: bool,
) -> Metrics:
    """Write a classifier's predictions, metrics, confusion and table of classes."""
    schema.write_table(predictions, schema.PREDICTIONS, places.predictions / PREDICTIONS)
    metrics = model_metrics(
        predictions,
        schema.read_table(places.status, schema.STATUS),
        figures,
        params,
        seed,
        recordings=recordings_of(schema.read_table(places.clips, schema.CLIPS)),
        multilabel=multilabel,
    )
    matrix = to_matrix(predictions, list(places.names), multilabel=multilabel)
    write_metrics(metrics, places.metrics)
    write_confusion(matrix, places.names, places.confusion)
    write_classes(matrix, places.names, places.classes)
    return metrics


def read_predictions(folder: Path) -> pd.DataFrame:
    """Return the PREDICTIONS table of a classifier."""
    return schema.read_table(folder / PREDICTIONS, schema.PREDICTIONS)


def run_folds(folds: Folds, batch_clips: int) -> Tested:
    """Return the predictions of each fold's network on its held-out clips, and their operations."""
    predictions = []
    counted, answers = Counted(), CalibratedAnswers()
    for fold, spec, network, clips in folds:
        with counting(network, spec, counted):
            scores = torch.from_numpy(clip_scores(network, clips, batch_clips)).double()
        shares = probabilities_of(scores, spec.labels)
        if (calibration := folds.calibration(fold)) is not None:
            answers.add(calibration, spec, network, clips, batch_clips)
        predictions.append(
            to_frame(clips.ids, clips.folds, list(folds.classes), shares.numpy(), clips.present > 0)
        )
    layers = counted.layers
    figures = model_figures(spec, network, layers, folds) | answers.figures()
    return Tested(pd.concat(predictions, ignore_index=True), figures, layers)
