"""The pipeline's stages of one task, from the list to mAP: commands, and what they write."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from spikesound.params import Params

ROOT = Path(__file__).resolve().parents[2]
BASELINES = {"classification": "baseline-logistic", "detection": "baseline-mel"}

KINDS = ("filter", "download", "features", "encode", "baseline", "train", "evaluate", "metrics")
"""``metrics`` is that part of ``evaluate`` which grows with the labels, run with all of them."""


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline.

    Attributes
    ----------
    kind : one of KINDS
    model : what is trained or evaluated, or ""
    outputs : folders and files that it writes, below the workspace, by what they hold
    """

    kind: str
    command: tuple[str, ...]
    outputs: dict[str, Path] = field(default_factory=dict)
    model: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.model}".strip()


def stages_of(params: Params, labels: int) -> list[Stage]:
    """Return the stages of the task that the parameters name, in their order.

    Parameters
    ----------
    labels
        Of the whole data set.
    """
    task, data = params.task, Path("data")
    models = list(params.table().values())
    found = [
        _stage("filter", task, {"tables of clips": data / "clips" / task}),
        _stage("download", task, {"sound (FLAC)": data / "audio" / task}),
        _stage("features", task, {"features": data / "features" / task}),
    ]
    if any(model.row.reads == "spikes" for model in models):
        found.append(_stage("encode", "", {"encoded clips": data / "spikes"}))
    name = BASELINES[task]
    found.append(
        _stage("baseline", task, {"predictions": data / "predictions" / task / name}, name)
    )
    for model in models:
        found.append(
            _stage("train", model.name, {"models": data / "models" / task / model.name}, model.name)
        )
    for model in models:
        outputs = {"predictions": data / "predictions" / task / model.name}
        outputs["evaluation"] = data / "evaluation" / task / model.name
        found.append(_stage("evaluate", model.name, outputs, model.name))
    if task == "classification":
        script = Path(__file__).with_name("many_labels.py")
        command = (sys.executable, str(script), str(labels))
        found.append(Stage("metrics", command, {"predictions": data / "many_labels"}))
    return found


def metrics_file(task: str, model: str) -> Path:
    """Return the file of a model's metrics, below the workspace."""
    return Path("metrics") / task / "models" / f"{model}.json"


def _stage(kind: str, argument: str, outputs: dict[str, Path], model: str = "") -> Stage:
    script = str(ROOT / "stages" / f"{kind}.py")
    arguments = (argument,) if argument else ()
    return Stage(kind, (sys.executable, script, *arguments), outputs, model)


def size(path: Path) -> int:
    """Return the bytes of all files at or below a path; 0 if there is none."""
    if path.is_file():
        return path.stat().st_size
    return sum(
        (Path(folder) / name).stat().st_size for folder, _, names in os.walk(path) for name in names
    )
