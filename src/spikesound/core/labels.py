"""The classes of a run: label ids in their fixed order, with display names."""

from __future__ import annotations

from pathlib import Path

from spikesound.core.json_files import read_mapping


def read_labels(path: Path) -> dict[str, str]:
    """Read ``{label id: display name}``; its order is the order of classes everywhere.

    Raises
    ------
    SpikesoundError
        If the file is missing or not a JSON mapping.
    """
    return read_mapping(path, "run the filter stage (dvc repro)")
