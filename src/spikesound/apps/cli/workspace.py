"""Default paths of the commands: where the pipeline of the current folder keeps its results.

The one place in the library with such paths; every command takes others as options.
"""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
MODELS = "data/models"
METRICS = "metrics"
FEATURES = "data/features"
# Of `compare`, which compares classifiers.
CLIPS = "data/clips/classification/clips.parquet"
PREDICTIONS = "data/predictions/classification"
CLASSIFICATION_METRICS = "metrics/classification"
