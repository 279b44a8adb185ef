"""What goes along with an exported network, as texts by name: labels, front end, decision."""

from __future__ import annotations

import json

from spikesound.models.loading import Detecting, Trained


def facts(model: Trained) -> dict[str, str]:
    """Return name, label ids and names, front end and, of a detector, its decision, as JSON."""
    found = {
        "model": model.name,
        "classes": json.dumps(model.ids),
        "names": json.dumps(model.labels, ensure_ascii=False),
        "front_end": model.front_end.model_dump_json(),
    }
    if isinstance(model, Detecting):
        decision = model.spec.decision
        found["decision"] = "null" if decision is None else decision.model_dump_json()
    else:
        found["encoding"] = json.dumps({model.spec.encoding: model.hearing.encoding})
    return found
