"""Metadata of an exported network, as texts by name: labels, front end, encoding, decision rule."""

from __future__ import annotations

import json

from spikesound.models.loading import TrainedModel


def facts(model: TrainedModel) -> dict[str, str]:
    """Return name, label ids and names, front end, and encoding or decision rule, as JSON."""
    spec = model.spec
    found = {
        "model": model.name,
        "classes": json.dumps(model.ids),
        "names": json.dumps(model.labels, ensure_ascii=False),
        "front_end": model.front_end.model_dump_json(),
    }
    if model.detects:
        found["decision"] = "null" if spec.decision is None else spec.decision.model_dump_json()
    else:
        found["labels"] = spec.labels
        found["encoding"] = json.dumps({spec.encoding or "features": spec.encoding_params})
    return found
