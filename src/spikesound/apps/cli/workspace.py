"""Default paths of the commands: where the pipeline of the current folder keeps its results.

The one place in the library with such paths; every command takes others as options.
"""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
PRESETS = Path("presets")
MODELS = "data/models"
METRICS = "metrics"
FEATURES = "data/features"
# Of `compare`, which compares classifiers.
CLIPS = "data/clips/classification/clips.parquet"
PREDICTIONS = "data/predictions/classification"
CLASSIFICATION_METRICS = "metrics/classification"
# Of `train`, which makes such a folder elsewhere: the pipeline's files that it gets, by pattern in
# the repository or in the installed package, ...
PIPELINE = (
    "dvc.yaml", "stages/dvc.yaml", "stages/*.py", "networks/*.*", "data/noise/*.csv",
    "data/noise/*/*",
)  # fmt: skip
STAGES = "stages/dvc.yaml"
LIBRARY = "src/spikesound"
# ... what else lies in it, ...
ONTOLOGY = Path("data/audioset/ontology.json")
OWN_FILES = Path("data/folder/recordings.csv")
BASES = Path("data/base")
DVC_CONFIG = Path(".dvc/config")
MARKER = Path("workspace.json")
LOG = Path("train.log")
# ... and its results, by task.
REPORT = Path("report.html")
CLIPS_OF = "data/clips/{task}/clips.parquet"
STATUS = "data/audio/{task}/status.parquet"
SUMMARY = "metrics/{task}/summary.json"
COMPARED = "data/compared/{task}/comparisons.json"
