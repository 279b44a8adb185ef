"""What the training of one model on one fold is given; of types that import without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikesound.params import ClassificationParams, DetectionParams, DeviceParams, Model


@dataclass(frozen=True)
class FoldRequest:
    """Inputs and settings of the training of a model on all folds but one.

    Attributes
    ----------
    model : row of the table of models, with the parameters that it names
    params : of its task
    fold, seed : the fold held out for testing, and the run's seed
    names : display names of the classes by label id
    inputs : folder of the shards that the network reads, spikes or features
    features : folder of the feature shards
    events : table of the strong labels; None: the task has no use for them
    base : folder of the trained model to start from
    out : folder that gets the model
    store : folder of finished and half finished trainings
    audio : folder of the clips' sound, for recipes that augment it, and for teachers
    teachers : folders of the trained models that teach, of recipes with a teacher
    """

    model: Model
    params: ClassificationParams | DetectionParams
    device: DeviceParams
    fold: str
    seed: int
    names: dict[str, str]
    inputs: Path
    features: Path
    events: Path | None
    base: Path | None
    out: Path
    store: Path
    audio: Path | None = None
    teachers: tuple[Path, ...] = ()
