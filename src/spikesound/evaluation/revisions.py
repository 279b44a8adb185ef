"""The results of a project at a revision of git, read through DVC without a checkout."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd
import pyarrow as pa
from upath import UPath

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError, choose
from spikesound.evaluation.classification import PREDICTIONS
from spikesound.evaluation.clusters import recordings_of
from spikesound.evaluation.summary import Metrics, read_metrics

WORKSPACE = "workspace"
"""Name of the workspace: the files as they are now, as in ``dvc diff``."""


@dataclass(frozen=True)
class Places:
    """Paths of the compared files in a project, relative to its root.

    Attributes
    ----------
    predictions
        Folder of the PREDICTIONS tables, one a model.
    metrics
        Folder of the metric files.
    clips
        The CLIPS table.
    """

    predictions: str
    metrics: str
    clips: str


@dataclass(frozen=True)
class Revision:
    """The results of one revision.

    Attributes
    ----------
    name
        As given.
    predictions
        For each model its PREDICTIONS table.
    manifests
        For each model the hash of the clips it was trained and tested on.
    recordings
        The recording that each clip was cut from.
    multilabel
        Whether the models give each label a probability of its own.
    lost
        Models whose predictions are neither in DVC's cache nor in a remote.
    """

    name: str
    predictions: Mapping[str, pd.DataFrame]
    manifests: Mapping[str, str]
    recordings: Mapping[str, str]
    multilabel: bool = False
    lost: tuple[str, ...] = ()


def models_of(name: str, root: Path, places: Places) -> list[str]:
    """Return the models that have predictions at a revision, sorted.

    Parameters
    ----------
    name
        A commit, tag, branch or DVC experiment; or :data:`WORKSPACE`.
    root
        The project's root, under git and DVC.
    places
        Where its results lie.

    Raises
    ------
    SpikesoundError
        If there is no such revision, none of its models has predictions, or DVC is not installed.
    """
    with _named(name):
        folder = _root(name, root) / places.predictions
        files = list(folder.iterdir()) if folder.is_dir() else []
    models = sorted(file.name for file in files if file.is_dir())
    if not models:
        raise SpikesoundError(f"{name}: no predictions of any model in {places.predictions}")
    return models


def read_revision(name: str, root: Path, places: Places, models: list[str]) -> Revision:
    """Read the results of some models at a revision, from DVC's cache or its remote.

    Git has the metrics of a commit and not its predictions: those that were made on another machine
    may be lost. They are left out, as long as there are others.

    Raises
    ------
    SpikesoundError
        If a model has no predictions there, those of all models are lost, or a table or metric file
        is damaged.
    """
    available = dict.fromkeys(models_of(name, root, places))
    for model in models:
        choose(available, model, f"model at {name}")
    with _named(name):
        base = _root(name, root)
        tables = {
            model: _stored(base / places.predictions / model / PREDICTIONS, schema.PREDICTIONS)
            for model in models
        }
        predictions = {model: table for model, table in tables.items() if table is not None}
        if not predictions:
            raise FileNotFoundError(f"each table of predictions ({', '.join(models)})")
        figures = {
            model: read_metrics(base / places.metrics / "models" / f"{model}.json")
            for model in predictions
        }
        clips = _stored(base / places.clips, schema.CLIPS)
        return Revision(
            name,
            predictions,
            {model: _manifest(model, figures[model]) for model in predictions},
            {} if clips is None else recordings_of(clips),
            any("d_prime" in of_model for of_model in figures.values()),
            tuple(model for model in models if model not in predictions),
        )


def _stored(path: Path, rows: pa.Schema) -> pd.DataFrame | None:
    """Return a table, or None if it is lost."""
    try:
        return schema.read_table(path, rows) if path.is_file() else None
    except FileNotFoundError:
        return None


def _manifest(model: str, figures: Metrics) -> str:
    if "manifest" not in figures:
        raise SpikesoundError(f"metrics of {model}: manifest missing")
    return str(figures["manifest"])


def _root(name: str, root: Path) -> Path:
    if name == WORKSPACE:
        return root
    return cast(Path, UPath("", protocol="dvc", url=str(root), rev=name))


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Turn what git and DVC raise into one line that says what to do."""
    if name == WORKSPACE:
        try:
            yield
        except FileNotFoundError as error:
            raise SpikesoundError(f"{name}: {error}: no such file; dvc repro") from error
        return
    if importlib.util.find_spec("dvc") is None:
        raise SpikesoundError(
            f"revision {name!r} is read through DVC, which is not installed: "
            "pip install 'spikesound[pipeline]'"
        )
    from dvc.exceptions import DvcException

    try:
        yield
    except DvcException as error:
        raise SpikesoundError(
            f"revision {name!r}: {error}; git log --oneline lists them"
        ) from error
    except SpikesoundError as error:
        raise SpikesoundError(f"revision {name!r}: {error}") from error
    except FileNotFoundError as error:
        raise SpikesoundError(
            f"revision {name!r}: {error.filename or error} is neither in DVC's cache nor in a "
            f"remote; dvc fetch --all-commits, or git checkout {name} and dvc repro; "
            f"dvc metrics diff {name} compares the metrics, which Git has"
        ) from error
