"""The measurements beside the summary: any of them may not be there yet, none may be half there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        "total_nj",
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
    "robustness": (
        "model",
        "condition",
        "level",
        "unit",
        "clips",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
    ),
    "anytime": ("model", "axis", "at", "accuracy", "accuracy_low", "accuracy_high"),
}
"""The tables, metrics/<name>.csv, and the columns that each must have."""

MADE_BY: Mapping[str, str] = {
    "energy": "dvc repro",
    "break_even": "dvc repro",
    "robustness": "dvc repro",
    "anytime": "dvc repro",
    "latency": "dvc repro",
    "comparisons": "dvc repro",
    "study": "make study",
}
"""The command that makes what is not there."""

STUDY_KEYS = (
    "setting",
    "family",
    "seed",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "validation_accuracy",
    "spike_rate",
    "energy_nj",
    "energy_operations_nj",
)


@dataclass(frozen=True)
class Results:
    """What was measured beside accuracy; None where it was not.

    Attributes
    ----------
    energy, break_even, robustness, anytime
        Tables with the columns of :data:`COLUMNS`.
    areas
        For each model the areas under its accuracy-SNR curves (robustness.json).
    latency
        For each model its times (latency.json), and ``machine``.
    comparisons
        For each pair, ``<a> vs <b>``, its paired tests (comparisons.json).
    study
        One row a setting and seed, with :data:`STUDY_KEYS`.
    operations
        For each model its operations by layer.
    """

    energy: pd.DataFrame | None = None
    break_even: pd.DataFrame | None = None
    robustness: pd.DataFrame | None = None
    anytime: pd.DataFrame | None = None
    areas: Mapping[str, Mapping[str, float]] | None = None
    latency: Mapping[str, Mapping[str, Any]] | None = None
    comparisons: Mapping[str, Mapping[str, Any]] | None = None
    study: pd.DataFrame | None = None
    operations: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def read_results(folder: Path, compared: Path, latency: Path, evaluation: Path) -> Results:
    """Read what there is of the measurements.

    Parameters
    ----------
    folder : of the metrics: energy, break_even, robustness, anytime (.csv), study.json
    compared : folder of comparisons.json and robustness.json
    latency : file of the times
    evaluation : folder with operations.csv in a folder for each model

    Raises
    ------
    SpikesoundError
        If a file is damaged, or lacks a column or a key.
    """
    layers = sorted(evaluation.glob("*/operations.csv"))
    return Results(
        energy=_table(folder, "energy"),
        break_even=_table(folder, "break_even"),
        robustness=_table(folder, "robustness"),
        anytime=_table(folder, "anytime"),
        areas=_mapping(compared / "robustness.json"),
        latency=_mapping(latency),
        comparisons=_mapping(compared / "comparisons.json"),
        study=_study(folder / "study.json"),
        operations={path.parent.name: _csv(path) for path in layers},
    )


def _table(folder: Path, name: str) -> pd.DataFrame | None:
    path = folder / f"{name}.csv"
    if not path.is_file():
        return None
    frame = _csv(path)
    missing = [column for column in COLUMNS[name] if column not in frame.columns]
    if missing:
        raise SpikesoundError(
            f"{path}: no column {', '.join(missing)}; needed: {', '.join(COLUMNS[name])}"
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
