"""A model as one ``.safetensors`` file, as :func:`spikesound.models.loading.load` reads it."""

from __future__ import annotations

from pathlib import Path

from spikesound.models import file
from spikesound.models.export.exported import Exported
from spikesound.models.export.run import compared, outputs_of
from spikesound.models.export.step import inputs_of
from spikesound.models.loading import TrainedModel, load


def to_safetensors(model: TrainedModel, out: Path) -> Exported:
    """Write weights, spec, labels and front end into one file, and compare it, loaded again."""
    file.save(out, model.spec, model.network, calibration=model.calibration)
    expected, found = (outputs_of(one, inputs_of(one)[0]) for one in (model, load(out)))
    return compared(out, expected, found)
