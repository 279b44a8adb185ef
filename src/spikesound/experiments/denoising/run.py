"""Denoising, row by row: each lands in a file as soon as it is there, and is not done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping, write_json
from spikesound.core.source import code_digest
from spikesound.data.store import digest
from spikesound.evaluation.robustness.conditions import Condition
from spikesound.experiments.denoising import classical, network
from spikesound.experiments.denoising.clips import Noisy, read_noisy, rows_of
from spikesound.experiments.denoising.measure import (
    Errors,
    figures,
    improvement_db,
    joined,
    noisy_error,
    squared_error,
)
from spikesound.experiments.digests import folder_digest
from spikesound.features import normalisation
from spikesound.features.front_end import FrontEnd, read_front_end
from spikesound.models.networks import NETWORKS
from spikesound.params import Model, Params
from spikesound.params.denoising import DenoisingParams
from spikesound.snn.neurons import NEURONS
from spikesound.training.dataset import Dataset
from spikesound.training.methods import METHODS
from spikesound.training.split import training_parts


@dataclass(frozen=True)
class Places:
    """Folders of the classification task's features and disturbed features, store, and results."""

    features: Path
    disturbed: Path
    trainings: Path
    out: Path


@dataclass(frozen=True)
class Fold:
    """Clips of one held-out fold.

    Attributes
    ----------
    name : of the fold
    front_end : with the ranges fitted without it
    training, validation, test : clips under all conditions
    rows : of the validation and of the test clips among all
    """

    name: str
    front_end: FrontEnd
    training: Dataset
    validation: Dataset
    test: Dataset
    rows: tuple[Any, Any]


Rows = dict[str, Any]


def run_denoising(
    denoising: DenoisingParams,
    params: Mapping[str, Params],
    default: Params,
    classes: Sequence[str],
    places: Places,
    most: int | None = None,
) -> dict[str, Any]:
    """Run what is missing of the rows, and return the file's content.

    Parameters
    ----------
    params : of each setting (:func:`spikesound.params.experiments.params_of`)
    default : the pipeline's
    classes : label ids, by which the validation clips are stratified
    places : ``out`` gets ``rows``: of each method, or setting and seed, the figures of
        :func:`.measure.figures`, the improvement after each scale, operations and power, and the
        ``digest`` of all that they depend on; and ``planned``, their number
    most : rows that are computed at most; None: all

    Raises
    ------
    SpikesoundError
        If the features are not levels alone, or a noise or SNR was not prepared.
    """
    if default.features.kinds != ["mel"]:
        raise SpikesoundError(f"features.kinds: expected [mel], got {default.features.kinds}")
    conditions = [Condition(n, level) for n in denoising.noises for level in denoising.snr_db]
    noisy = read_noisy(places.features, places.disturbed, conditions)
    folds = [_fold(name, noisy, default, classes, places) for name in denoising.folds]
    tasks: dict[tuple[str, int], tuple[str, Callable[[], Rows]]] = {}
    shared = _shared_digest(denoising, default, places)
    for method in classical.METHODS:
        key = digest(shared, method, code_digest([classical.wiener]))
        tasks[method, 0] = key, partial(_classical, method, noisy, folds, denoising, default)
    for name, each in denoising.settings.items():
        model = params[name].model(each.model)
        for seed in each.seeds:
            key = digest(shared, seed, *_of_model(model, params[name]))
            tasks[name, seed] = (
                key,
                partial(
                    _network, model, params[name], noisy, folds, denoising, seed, places.trainings
                ),
            )
    return _run(tasks, places.out, most)


def _run(
    tasks: Mapping[tuple[str, int], tuple[str, Callable[[], Rows]]], out: Path, most: int | None
) -> dict[str, Any]:
    content: dict[str, Any] = read_mapping(out) if out.is_file() else {}
    known = {(row["setting"], row["seed"]): row for row in content.get("rows", [])}
    fresh = 0
    for (name, seed), (key, compute) in tasks.items():
        if known.get((name, seed), {}).get("digest") == key:
            continue
        if most is not None and fresh == most:
            break
        known[name, seed] = {"setting": name, "seed": seed} | compute() | {"digest": key}
        fresh += 1
        rows = [known[each] for each in tasks if each in known]
        content = {"planned": len(tasks), "rows": rows}
        write_json(out, content)
        print(f"{name}: {known[name, seed]['improvement_db']:.2f} dB: {out}", flush=True)
    return content


def _fold(name: str, noisy: Noisy, params: Params, classes: Sequence[str], places: Places) -> Fold:
    front_end = read_front_end(places.features, name)
    whole = noisy.dataset(front_end, classes)
    training, validation = training_parts(whole, name, params.tasks.classification, params.seed)
    test = whole.only(name)
    rows = rows_of(validation, whole), rows_of(test, whole)
    return Fold(name, front_end, training, validation, test, rows)


def _classical(
    method: str, noisy: Noisy, folds: Sequence[Fold], denoising: DenoisingParams, params: Params
) -> Rows:
    """Return the figures of a classical method, whose parameters the validation clips choose."""
    levels = noisy.noisy.reshape(-1, *noisy.clean.shape[1:])
    apply = classical.METHODS[method]

    def error(clips: Dataset, rows: Any, fold: Fold, chosen: dict[str, float]) -> Any:
        found = apply(levels[rows], **chosen)
        ends = fold.front_end.low, fold.front_end.high
        return squared_error(clips, normalisation.apply(found, *ends), fold.front_end)

    parts, chosen = [], {}
    for fold in folds:
        tried = classical.candidates(denoising, method)
        best = min(tried, key=lambda each: error(fold.validation, fold.rows[0], fold, each).mean())
        chosen[fold.name] = best
        parts.append(_errors(noisy, fold, error(fold.test, fold.rows[1], fold, best)))
    return _figures(parts, denoising, params) | {"family": "classical", "chosen": chosen}


def _network(
    model: Model,
    params: Params,
    noisy: Noisy,
    folds: Sequence[Fold],
    denoising: DenoisingParams,
    seed: int,
    store: Path,
) -> Rows:
    """Return the figures of a network that is trained on each fold's training clips."""
    parts, scales, seconds = [], [], []
    for fold in folds:
        trained = network.train(
            model, params, (fold.training, fold.validation), fold.front_end,
            fold=fold.name, seed=seed, store=store,
        )  # fmt: skip
        seconds.append(sum(epoch["seconds"] for epoch in trained.history))
        batches = network.denoised(trained.network, fold.test, model.recipe.batch_clips)
        levels = [np.concatenate(each) for each in zip(*batches, strict=True)]
        scales.append([squared_error(fold.test, each, fold.front_end) for each in levels])
        parts.append(_errors(noisy, fold, scales[-1][-1]))
        if len(parts) == 1:
            costs = network.costs(trained.spec, trained.network, fold.test, params.costs)
    before = joined(parts).noisy
    by_scale = [
        round(improvement_db(before, np.concatenate(each)), 4) for each in zip(*scales, strict=True)
    ]
    head = {"model": model.name, "family": "snn" if model.spiking else "ann"}
    return {
        **head,
        **_figures(parts, denoising, params),
        "improvement_db_by_scale": by_scale,
        **costs,
        "train_s": round(float(np.mean(seconds)), 1),
    }


def _errors(noisy: Noisy, fold: Fold, denoised: Any) -> Errors:
    conditions = noisy.condition_of
    return Errors(
        fold.test.groups,
        [conditions[row] for row in fold.rows[1]],
        noisy_error(fold.test, fold.front_end),
        denoised,
    )


def _figures(parts: Sequence[Errors], denoising: DenoisingParams, params: Params) -> Rows:
    return figures(
        joined(parts),
        resamples=denoising.resamples,
        confidence=params.evaluate.confidence,
        seed=params.seed,
    )


def _shared_digest(denoising: DenoisingParams, params: Params, places: Places) -> str:
    """Return the digest of what all rows depend on: clips, conditions, how they are measured."""
    own = denoising.model_dump(exclude={"set", "settings", "compare"})
    sections = (params.tasks.classification, params.evaluate)
    return digest(
        folder_digest(places.features, places.disturbed),
        repr(sorted(own.items())),
        *(section.model_dump_json() for section in sections),
        params.seed,
        code_digest([figures, read_noisy, training_parts]),
    )


def _of_model(model: Model, params: Params) -> list[str]:
    parts = (model.network_params, model.neuron_params, model.method_params, model.recipe)
    kinds = [model.name, model.network, model.neuron, model.method]
    code: list[Callable[..., Any]] = [
        network.train, METHODS[model.method], NETWORKS[model.network], NEURONS[model.neuron],
    ]  # fmt: skip
    sections = (*parts, params.device, params.costs)
    dumped = [section.model_dump_json() for section in sections]
    return [*kinds, *dumped, torch.__version__, code_digest(code)]
