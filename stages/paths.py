"""Where the pipeline's artefacts lie. stages/dvc.yaml names the same paths."""

from pathlib import Path

from spikesound.core.projects import shared
from spikesound.params import Model

PARAMS = Path("params.yaml")
ONTOLOGY = Path("data/audioset/ontology.json")
DATA = Path("data")
STORE = shared(Path("data/store"))
CHECKED = Path("data/checked")
EXPERIMENTS = Path("experiments/params.yaml")
DENOISING = Path("experiments/denoising.yaml")
METRICS = Path("metrics")
NETWORKS = Path("networks")
TONES = Path("data/tones")
SPIKES = Path("data/spikes")
REPORT = Path("report.html")
RESULT = Path("data/result.md")


def of_task(kind: str, task: str) -> Path:
    """Folder of one kind of a task's artefacts: clips, audio, features, disturbed, costs, ..."""
    return DATA / kind / task


def of_model(kind: str, model: Model) -> Path:
    """Folder of one kind of a model's artefacts: predictions, evaluation, robustness."""
    return DATA / kind / model.task / model.name


def inputs(model: Model, fold: str) -> Path:
    """Folder of the shards that a model reads when a fold is held out."""
    folder = DATA / model.row.reads
    return folder / f"fold-{fold}" if folder == SPIKES else folder


def network(model: Model, fold: str) -> Path:
    """Folder of a model's network that was trained without a fold."""
    return of_model("models", model) / f"fold-{fold}"


def teacher(model: Model, fold: str) -> Path:
    """Folder of a copy of a model's network, for those that it teaches."""
    return STORE / "teachers" / model.name / f"fold-{fold}"


def base(model: Model, fold: str) -> Path | None:
    """Folder of the trained network that a model starts from; None: from random weights."""
    folder = DATA / model.row.needs
    if model.base:
        return folder / f"fold-{fold}"
    return folder if model.method_params.new_head else None
