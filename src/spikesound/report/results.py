"""Measurements beside the summary: each may be missing, none may be incomplete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "energy": (
        "model",
        "execution",
        "profile",
        "dataflow",
        "operations_nj",
        "neurons_nj",
        "weights_nj",
        "inputs_nj",
        "states_nj",
        "outputs_nj",
        "features_nj",
        "static_nj",
        "total_nj",
    ),
    "power": (
        "model",
        "input",
        "profile",
        "dataflow",
        "execution",
        "operations_uw",
        "total_uw",
        "macs_per_s",
        "acs_per_s",
        "updates_per_s",
        "spike_rate",
    ),
    "break_even": (
        "model",
        "against",
        "profile",
        "dataflow",
        "accounting",
        "steps",
        "break_even_rate",
    ),
    "shares": (
        "model",
        "against",
        "execution",
        "profile",
        "design",
        "stated",
        "lowest",
        "highest",
        "lowest_account",
        "highest_account",
    ),
    "parts": ("part", "profile", "model", "execution"),
    "bounds": ("model", "profile", "best_account", "worst_account"),
    "robustness": ("model", "condition", "level", "unit", "clips"),
    "anytime": ("model", "axis", "at", "accuracy", "accuracy_low", "accuracy_high"),
    "classes": ("name", "label", "clips"),
}
"""The tables, and the columns that each must have."""

MADE_BY: Mapping[str, Mapping[str, str]] = {
    "classification": {
        "energy": "dvc repro",
        "break_even": "dvc repro",
        "accounts": "dvc repro",
        "robustness": "dvc repro",
        "anytime": "dvc repro",
        "latency": "dvc repro",
        "comparisons": "dvc repro",
        "study": "make study",
    },
    "detection": {"power": "dvc repro", "accounts": "dvc repro", "comparisons": "dvc repro"},
}
"""For each task, the measurements whose absence its page reports, and the command that makes them.

Sections of all others are left out where there are no figures."""

STUDY_KEYS = (
    "setting",
    "family",
    "seed",
    "accuracy",
    "validation_accuracy",
    "spike_rate",
    "energy_nj",
    "energy_operations_nj",
)


@dataclass(frozen=True)
class Results:
    """Measurements beside the summary; None where there is none.

    Attributes
    ----------
    energy, power, break_even, shares, parts, bounds, robustness, anytime
        Tables with the columns of :data:`COLUMNS`; ``robustness`` with those of a metric too.
    areas
        For each model the areas under its curves over SNR (robustness.json).
    latency
        For each model its times (latency.json), and ``machine``.
    comparisons
        For each pair, ``<a> vs <b>``, its paired comparison (comparisons.json).
    study
        One row a setting and seed, with :data:`STUDY_KEYS`.
    operations
        For each model its operations by layer.
    classes
        For each model its metrics by class.
    """

    energy: pd.DataFrame | None = None
    power: pd.DataFrame | None = None
    break_even: pd.DataFrame | None = None
    shares: pd.DataFrame | None = None
    parts: pd.DataFrame | None = None
    bounds: pd.DataFrame | None = None
    robustness: pd.DataFrame | None = None
    anytime: pd.DataFrame | None = None
    areas: Mapping[str, Mapping[str, float]] | None = None
    latency: Mapping[str, Mapping[str, Any]] | None = None
    comparisons: Mapping[str, Mapping[str, Any]] | None = None
    study: pd.DataFrame | None = None
    operations: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    classes: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class ResultFolders:
    """Paths of a task's measurements.

    Attributes
    ----------
    costs : folder of energy.csv, of detection the power, of break_even.csv, and of shares.csv,
        parts.csv and bounds.csv
    compared_tables : folder of robustness.csv and anytime.csv
    compared : folder of comparisons.json and robustness.json
    classes : folder of a table for each model, <model>.csv
    evaluation : folder with operations.csv in a folder for each model
    latency, study : files of the times, and of settings and seeds
    """

    costs: Path
    compared_tables: Path
    compared: Path
    classes: Path
    evaluation: Path
    latency: Path
    study: Path


def read_results(task: str, folders: ResultFolders, models: Sequence[str]) -> Results:
    """Read the existing measurements of these models.

    Raises
    ------
    SpikesoundError
        If a file is damaged, or lacks a column or a key.
    """
    costs = folders.costs / "energy.csv"
    classes = {model: _table(folders.classes / f"{model}.csv", "classes") for model in models}
    shared = Results(
        robustness=_table(folders.compared_tables / "robustness.csv", "robustness"),
        areas=_mapping(folders.compared / "robustness.json"),
        latency=_mapping(folders.latency),
        comparisons=_mapping(folders.compared / "comparisons.json"),
        classes={model: table for model, table in classes.items() if table is not None},
        power=_table(costs, "power") if task == "detection" else None,
        shares=_table(folders.costs / "shares.csv", "shares"),
        parts=_table(folders.costs / "parts.csv", "parts"),
        bounds=_table(folders.costs / "bounds.csv", "bounds"),
    )
    if task == "detection":
        return shared
    layers = {model: folders.evaluation / model / "operations.csv" for model in models}
    return replace(
        shared,
        energy=_table(costs, "energy"),
        break_even=_table(folders.costs / "break_even.csv", "break_even"),
        anytime=_table(folders.compared_tables / "anytime.csv", "anytime"),
        study=_study(folders.study),
        operations={model: _csv(path) for model, path in layers.items() if path.is_file()},
    )


def _table(path: Path, name: str) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    frame = _csv(path)
    missing = [column for column in COLUMNS[name] if column not in frame.columns]
    if missing:
        raise SpikesoundError(
            f"{path}: column {', '.join(missing)} missing; expected {', '.join(COLUMNS[name])}"
        )
    return frame


def _csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise SpikesoundError(f"{path}: not a table ({error})") from error


def _mapping(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    return read_mapping(path)


def _study(path: Path) -> pd.DataFrame | None:
    content = _mapping(path)
    if content is None:
        return None
    frame = pd.DataFrame(content.get("rows", []))
    missing = [key for key in STUDY_KEYS if key not in frame.columns]
    if missing:
        raise SpikesoundError(f"{path}: rows without {', '.join(missing)}")
    return frame
