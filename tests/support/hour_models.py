"""Detectors of the streaming hour: small ones with random weights and a decision rule."""

from __future__ import annotations

from detectors import detector

from spikesound.models.loading import TrainedModel
from spikesound.models.spec import Decision


def trained(model: str, lookahead: int = 0) -> TrainedModel:
    spec, network = detector(model)
    decision = Decision(thresholds=[0.4] * 3, medians=[1, 3, 5], lookahead=lookahead)
    return TrainedModel(spec.model_copy(update={"decision": decision}), network)
