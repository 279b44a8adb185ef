"""The figures of a row: its setting trained on all folds, tested and priced."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import numpy as np

from spikesound.core import schema
from spikesound.core.processes import in_parallel
from spikesound.costs.layer import LayerCounts, read_layers
from spikesound.costs.models import counts_of
from spikesound.costs.neuron_work import spikes
from spikesound.costs.power import power_figures, power_tables, read_counts
from spikesound.costs.tables import Counts, figures, price
from spikesound.evaluation.classification import (
    OPERATIONS,
    evaluate_classifier,
    read_predictions,
)
from spikesound.evaluation.detection import COUNTS, evaluate_detector, read_resamples
from spikesound.evaluation.events import folds_with_events
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.predictions import to_matrix
from spikesound.experiments.accounts import account_figures, sound_of, spans_of
from spikesound.experiments.inputs import clips_of
from spikesound.experiments.probes import CHECKS, PROBES
from spikesound.experiments.requests import fold_requests
from spikesound.experiments.resamples import written
from spikesound.experiments.row import Row, with_bases
from spikesound.features.background import read_background
from spikesound.params import CostParams, Dataflow, Model
from spikesound.tasks.classification.metrics import correct
from spikesound.training.run import train_fold


def run_row(row: Row) -> dict[str, Any]:
    """Train a row's networks, test and price them, and return its figures.

    Finished trainings are taken from the store: a row that equals a model of the pipeline trains
    nothing.

    Returns
    -------
    dict
        setting, seed, model, family (snn or ann), side; the metrics of its task, as in metrics/;
        train_s (mean over folds); the energies. Of a detector also ``psds1_resamples``, PSDS 1 of
        each resample of the recordings (:mod:`~.resamples`). Of a classifier also
        ``fold_accuracies``, ``spikes_per_clip`` (of the input and of all layers) and the energy,
        nJ a clip, of each profile, dataflow and execution, ``accounts`` (:mod:`~.accounts`), and
        what its probes give.
    """
    for name in CHECKS.keys() & set(row.probes.chosen()):
        CHECKS[name](row)
    for each in (*row.teachers, row):
        for model in with_bases(each.model, each.params):
            _train(each, model)
    folds = _folds(row)
    head = {
        "setting": row.name,
        "seed": row.seed,
        "model": row.model.name,
        "family": "snn" if row.model.spiking else "ann",
        "side": side_of(row.model),
    }
    seconds = [float(each["seconds"].sum()) for each in folds.histories().values()]
    shared = {"train_s": round(float(np.mean(seconds)), 4)}
    places, params = row.places(), row.params
    if row.model.task == "detection":
        events = schema.read_table(places.events, schema.EVENTS)
        metrics = evaluate_detector(
            folds_with_events(folds, events),
            lambda fold: read_background(row.data().features, fold),
            places,
            batch_clips=row.model.recipe.batch_clips,
            resamples=params.tasks.detection.resamples,
            confidence=params.evaluate.confidence,
            seed=params.seed,
        )
        drawn = {"psds1_resamples": written(read_resamples(places.predictions)["psds1"][1:])}
        return head | metrics | shared | _power(row) | drawn
    metrics = evaluate_classifier(
        folds,
        places,
        params.evaluate,
        frame_rate_hz=params.features.rate_hz / params.features.hop,
        seed=params.seed,
    )
    layers = read_layers(places.counts / OPERATIONS)
    counts = counts_of(row.model, layers, params.costs, sound_of(row))
    return {
        **head,
        **{"spike_rate": None} | metrics,
        **_of_folds(row),
        "spikes_per_clip": round(_input_spikes(folds) + _layer_spikes(layers), 4),
        **shared,
        **energies(counts, params.costs),
        "accounts": account_figures(spans_of(counts, params.costs)),
        **{name: PROBES[name](row, folds) for name in row.probes.chosen()},
    }


def side_of(model: Model) -> str:
    """Return the side of a model: spiking, graded events included, or conventional."""
    return "spiking" if model.spiking or model.method_params.graded else "conventional"


def energies(counts: Counts, params: CostParams) -> dict[str, Any]:
    """Return the energy a clip, nJ: as shown first, and by profile, dataflow and execution."""
    found: dict[str, Any] = dict(figures(counts, params))
    for profile, dataflow in product(params.profiles, get_args(Dataflow)):
        for execution in counts.executions():
            name = f"{profile}_{dataflow}_{execution}_nj"
            found[name] = round(price(counts, params, profile, dataflow, execution).total_nj, 1)
    return found


def _train(row: Row, model: Model) -> None:
    what = f"train {row.name}, seed {row.seed}"
    in_parallel(train_fold, fold_requests(row, model), what=what, pieces=model.epochs)


def _folds(row: Row) -> Folds:
    """Return the row's networks and the clips, without noise, that they are tested on."""
    return Folds(
        row.name,
        row.networks(row.model),
        lambda fold: clips_of(row, fold),
        list(row.data().names),
    )


def _power(row: Row) -> dict[str, Any]:
    counts = {row.model.name: read_counts(row.places().counts / COUNTS)}
    table = power_tables(counts, {row.model.name: row.model.spiking}, row.params.costs)
    return dict(power_figures(table, row.params.costs)[row.model.name])


def _of_folds(row: Row) -> dict[str, Any]:
    """Return the accuracy on each held-out fold, of single labels."""
    if row.params.tasks.classification.labels != "single":
        return {}
    predictions = read_predictions(row.places().predictions)
    matrix = to_matrix(predictions, list(row.data().names))
    fold_of = dict(zip(predictions["clip_id"], predictions["fold"], strict=True))
    folds = np.array([fold_of[clip] for clip in matrix.clip_ids])
    hits = correct(matrix)
    shares = {fold: round(float(hits[folds == fold].mean()), 4) for fold in row.folds}
    return {"fold_accuracies": shares}


def _layer_spikes(layers: list[LayerCounts]) -> float:
    return sum(layer.active_outputs for layer in layers if spikes(layer))


def _input_spikes(folds: Folds) -> float:
    """Return the mean number of spikes of a test clip's input; 0 of values."""
    total, clips = 0.0, 0
    for _, _, _, tested in folds:
        clips += len(tested)
        if tested.spikes:
            total += float(tested.batch(np.arange(len(tested))).sum())
    return total / clips
