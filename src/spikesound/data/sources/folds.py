"""The official split of a source whose lists lack it: a CSV of media ids and folds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikesound.core.errors import SpikesoundError


def read_folds(path: Path | str) -> dict[str, str]:
    """Read a CSV with the columns media_id and fold.

    Raises
    ------
    SpikesoundError
        If the file is missing, has other columns, an empty cell, or an id twice.
    """
    path = Path(path)
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except ValueError as error:
        raise SpikesoundError(f"{path}: not a CSV: {error}") from error
    if list(table.columns) != ["media_id", "fold"]:
        raise SpikesoundError(f"{path}: expected columns media_id,fold, got {list(table.columns)}")
    bad = (table == "").any(axis="columns") | table["media_id"].duplicated()
    if bad.any():
        line = int(bad.to_numpy().argmax()) + 2
        raise SpikesoundError(f"{path}, line {line}: empty cell or duplicate media_id")
    return dict(zip(table["media_id"], table["fold"], strict=True))
