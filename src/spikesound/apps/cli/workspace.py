"""Default paths of the commands: where the pipeline of the current folder keeps its results.

The one place in the library that knows such paths; every command takes others as options.
"""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
DETECTORS = "data/detection/models"
CLASSIFIERS = "data/models"
CLIPS = "data/clips/clips.parquet"
PREDICTIONS = "data/predictions"
METRICS = "metrics"


def model_metrics(metrics: Path) -> list[Path]:
    """Return the folders with a file of metrics for each model."""
    return [metrics / "models", metrics / "detection" / "models"]
