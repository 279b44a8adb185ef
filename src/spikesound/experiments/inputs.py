"""Inputs of a row's networks: the clips of a fold, and those that its networks were chosen by."""

from __future__ import annotations

from spikesound.experiments.data import inputs_of
from spikesound.experiments.row import Row
from spikesound.models.spec import Spec
from spikesound.training.dataset import Dataset
from spikesound.training.inputs import read_clips
from spikesound.training.methods.presentations import presented_clips
from spikesound.training.split import training_parts


def clips_of(row: Row, fold: str) -> Dataset:
    """Return all clips, without noise, as a row's model reads them when a fold is held out."""
    classes = list(row.data().names)
    inputs, features = inputs_of(row.model, row.params, row.default, row.data(), fold, row.folders)
    # Detectors are tested with the times of all clips, which are held in memory.
    recipe = row.model.recipe if row.model.task == "classification" else None
    return read_clips(inputs, features, classes, fold, recipe)[0]


def validation_clips(row: Row, fold: str, spec: Spec) -> Dataset:
    """Return the clips that a fold's network was validated on, as it gets them."""
    section = row.params.task_params(row.model.task)
    clips = clips_of(row, fold)
    return presented_clips(training_parts(clips, fold, section, row.seed)[1], spec)
