"""The classes of a run: label ids in their fixed order, with display names."""

from __future__ import annotations

import json
from pathlib import Path

from spikesound.core.errors import SpikesoundError


def read_labels(path: Path) -> dict[str, str]:
    """Read ``{label id: display name}``; its order is the order of classes everywhere.

    Raises
    ------
    SpikesoundError
        If the file is missing or not a JSON mapping.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file; run the filter stage (dvc repro)")
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SpikesoundError(f"{path}: not JSON: {error}") from error
    if not isinstance(labels, dict):
        raise SpikesoundError(f"{path}: not a mapping of label ids to names")
    return labels
