"""The files of the anytime curves: one a model, and all of them in one table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from spikesound.core.errors import SpikesoundError

COLUMNS = ("model", "axis", "at", "accuracy", "accuracy_low", "accuracy_high")


def write(curve: pd.DataFrame, path: Path) -> None:
    """Write a curve as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    curve.to_csv(path, index=False, float_format="%.6g")


def join(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the curves of all models under one another, in the order given.

    Raises
    ------
    SpikesoundError
        If a file is missing or has other columns.
    """
    curves = []
    for path in paths:
        if not path.is_file():
            raise SpikesoundError(f"{path}: no such file; evaluate the model (dvc repro)")
        curve = pd.read_csv(path)
        if tuple(curve.columns) != COLUMNS:
            raise SpikesoundError(f"{path}: columns are not {', '.join(COLUMNS)}")
        curves.append(curve)
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=list(COLUMNS))
