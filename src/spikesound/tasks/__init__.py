"""Tasks: targets, objective, decision rule and metrics of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spikesound.core.errors import choose
from spikesound.models.spec import Spec
from spikesound.params import ClassificationParams, DetectionParams
from spikesound.tasks.classification.objective import MultipleLabels, SingleLabel
from spikesound.tasks.detection.lookahead import lookahead_frames
from spikesound.tasks.detection.objective import Detection
from spikesound.tasks.task import Task


def _classification(spec: Spec, params: ClassificationParams) -> Task:
    return SingleLabel() if spec.labels == "single" else MultipleLabels()


def _detection(spec: Spec, params: DetectionParams) -> Task:
    lookahead = lookahead_frames(params.lookahead_s, spec.sound.hop_s)
    return Detection(spec.labels, params.weak_weight, lookahead)


TASKS: dict[str, Callable[[Spec, Any], Task]] = {
    "classification": _classification,
    "detection": _detection,
}
"""Factories of each task's targets and objective, from a spec and the task's parameters."""


def task_of(spec: Spec, params: ClassificationParams | DetectionParams) -> Task:
    """Return the targets and the objective that a model is trained by."""
    return choose(TASKS, spec.task, "task")(spec, params)
