"""Where the pipeline's artefacts lie. dvc.yaml names the same paths."""

from pathlib import Path

from spikesound.params import Model

PARAMS = Path("params.yaml")
ONTOLOGY = Path("data/audioset/ontology.json")
DATA = Path("data")
STORE = Path("data/store")
METRICS = Path("metrics")
SPIKES = Path("data/spikes")
MODELS = Path("data/models")
PREDICTIONS = Path("data/predictions")
EVALUATION = Path("data/evaluation")
ROBUSTNESS = Path("data/robustness")
BACKGROUND = Path("data/background")
REPORT = Path("report.html")
RESULT = Path("data/result.md")


def clips(task: str) -> Path:
    """Folder of a task's tables of clips, events and labels."""
    return DATA / "clips" / task


def audio(task: str) -> Path:
    """Folder of a task's audio shards."""
    return DATA / "audio" / task


def features(task: str) -> Path:
    """Folder of a task's feature shards."""
    return DATA / "features" / task


def inputs(model: Model, fold: str) -> Path:
    """Folder of the shards that a model reads when a fold is held out."""
    folder = DATA / model.row.reads
    return folder / f"fold-{fold}" if folder == SPIKES else folder


def model(name: str, fold: str) -> Path:
    """Folder of a trained model."""
    return MODELS / name / f"fold-{fold}"


def disturbed(task: str) -> Path:
    """Folder of a task's features of disturbed sound."""
    return DATA / "disturbed" / task


def of_task(kind: str, task: str) -> Path:
    """Folder of what compares the models of a task: costs, latency, compared, reports."""
    return DATA / kind / task
