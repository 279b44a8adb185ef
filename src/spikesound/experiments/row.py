"""One row of an experiment: a setting with one seed, its folders, and what it depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from spikesound.core.errors import choose
from spikesound.core.source import code_digest
from spikesound.data.store import digest
from spikesound.evaluation.classification import (
    evaluate_classifier,
)
from spikesound.evaluation.detection import evaluate_detector
from spikesound.evaluation.places import Places
from spikesound.experiments.data import Data, Folders, data_of
from spikesound.models.networks import NETWORKS
from spikesound.params import Model, Params
from spikesound.params.experiments import ProbeParams, TrainingNoise
from spikesound.snn.encoding import ENCODINGS
from spikesound.snn.neurons import NEURONS
from spikesound.training.methods import METHODS
from spikesound.training.run import train_fold

FIGURES = "spikesound.experiments.figures"
"""Module that trains, tests and prices a row."""

PROBES = "spikesound.experiments.probes"
"""Package of what is measured besides, a module each."""


@dataclass(frozen=True)
class Row:
    """A setting with one seed, and where its results lie.

    Attributes
    ----------
    name, seed : of the setting, and of its training
    params : of the setting
    default : the pipeline's
    model : row of the table of models
    noise : to train in; None: none
    probes : what is measured besides
    teachers : rows whose networks teach this one
    folders : of the project
    out : gets the networks and the results
    """

    name: str
    seed: int
    params: Params
    default: Params
    model: Model
    noise: TrainingNoise | None
    probes: ProbeParams
    teachers: tuple[Row, ...]
    folders: Folders
    out: Path

    @property
    def folds(self) -> list[str]:
        """Folds that are held out."""
        return self.params.task_params(self.model.task).folds

    def data(self) -> Data:
        """Return the folders of the setting's data, which are made if need be."""
        return data_of(self.params, self.default, self.model.task, self.folders)

    def networks(self, model: Model) -> dict[str, Path]:
        """Return for each held-out fold the folder of a model's network."""
        return {fold: self.out / "models" / model.name / f"fold-{fold}" for fold in self.folds}

    def teaching(self, model: Model, fold: str) -> tuple[Path, ...]:
        """Return the folders of the networks that teach a model when a fold is held out.

        Raises
        ------
        SpikesoundError
            If a setting that teaches does not hold out this fold.
        """
        if model.recipe.teacher is None:
            return ()
        own = [self.networks(self.params.model(name))[fold] for name in model.teachers]
        others = []
        for row in self.teachers:
            networks = row.networks(row.model)
            others.append(
                choose(networks, fold, f"fold of {row.name!r}, a teacher of {self.name!r}")
            )
        return (*own, *others)

    def places(self) -> Places:
        """Return the files of the row's evaluation."""
        data, out = self.data(), self.out
        return Places(
            names=data.names,
            clips=data.clips / "clips.parquet",
            events=data.clips / "events.parquet",
            mixtures=data.clips / "mixtures.parquet",
            status=data.audio / "status.parquet",
            predictions=out / "predictions",
            counts=out / "counts",
            metrics=out / "metrics.json",
            curves=out / "curves.csv",
            confusion=out / "confusion.csv",
            classes=out / "classes.csv",
        )

    def digest(self) -> str:
        """Return the digest of all that the row depends on: data, parameters, code, torch."""
        params, kind = self.params, self.params.encodings.kind(self.params.encoding)
        sections = (
            params.task_params(self.model.task),
            params.device,
            params.evaluate,
            params.costs,
            *([] if self.noise is None else [self.noise, params.robustness]),
            *([self.probes] if self.probes.chosen() else []),
        )
        parts = [part for model in with_bases(self.model, params) for part in _of_model(model)]
        coded = self.model.row.reads == "spikes"
        encoding = params.encodings[params.encoding].model_dump_json() if coded else ""
        test = evaluate_classifier if self.model.task == "classification" else evaluate_detector
        code: list[Callable[..., Any] | str] = [train_fold, test, FIGURES]
        code += [ENCODINGS[kind].encode] if coded else []
        code += [f"{PROBES}.{name}" for name in self.probes.chosen()]
        for model in with_bases(self.model, params):
            code += [METHODS[model.method], NETWORKS[model.network], NEURONS[model.neuron]]
        return digest(
            self.data().digest(),
            self.folders.of_task(self.model.task).digest() if self.probes.new_sounds else "",
            *parts,
            f"{kind} {encoding}" if coded else "",
            *(section.model_dump_json() for section in sections),
            self.seed,
            params.seed,
            torch.__version__,
            code_digest(code),
            *(teacher.digest() for teacher in self.teachers),
        )


def with_bases(model: Model, params: Params) -> list[Model]:
    """Return a model after those that its training starts from, and those that teach it."""
    base = [] if model.base is None else with_bases(params.model(model.base), params)
    names = [each.name for each in base]
    taught_by = [params.model(name) for name in model.teachers if name not in names]
    return [*taught_by, *base, model]


def _of_model(model: Model) -> list[str]:
    sections = (
        model.row,
        model.network_params,
        model.neuron_params,
        model.method_params,
        model.recipe,
    )
    kinds = [model.name, model.network, model.neuron, model.method]
    return [*kinds, *(section.model_dump_json() for section in sections)]
