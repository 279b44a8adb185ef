"""Where the pipeline's artefacts lie. dvc.yaml names the same paths."""

from dataclasses import dataclass
from pathlib import Path

PARAMS = Path("params.yaml")
CHECKED = Path("data/checked.txt")
ONTOLOGY = Path("data/audioset/ontology.json")
CLIPS = Path("data/clips")
STORE = Path("data/store")
AUDIO = Path("data/audio")
FEATURES = Path("data/features")
SPIKES = Path("data/spikes")
MODELS = Path("data/models")
DISTURBED = Path("data/disturbed")
ROBUSTNESS = Path("data/robustness")
EVALUATION = Path("data/evaluation")
LATENCY = Path("data/latency.json")
COSTS = Path("data/costs.json")
COMPARED = Path("data/compared")
PREDICTIONS = Path("data/predictions")
DATA = Path("data")
REPORT = Path("report.html")
METRICS = Path("metrics")


def spikes(fold: str) -> Path:
    return SPIKES / f"fold-{fold}"


def model(name: str, fold: str) -> Path:
    return MODELS / name / f"fold-{fold}"


@dataclass(frozen=True)
class Shared:
    """Where the stages that both tasks have put what they make."""

    clips: Path
    audio: Path
    features: Path


DETECTION = DATA / "detection"
SHARED = {
    "classification": Shared(CLIPS, AUDIO, FEATURES),
    "detection": Shared(DETECTION / "clips", DETECTION / "audio", DETECTION / "features"),
}
BACKGROUND = DETECTION / "background.npz"
DETECTORS = DETECTION / "models"
DETECTED = DETECTION / "scores"
DETECTION_METRICS = METRICS / "detection"
RESULTS = DATA / "results"
RESULT = DATA / "result.md"


def detector(name: str) -> Path:
    return DETECTORS / name / "model.safetensors"
