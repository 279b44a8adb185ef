"""A trained model as one file: weights as safetensors, everything else as JSON in its header."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models import safe_file, spec_checks
from spikesound.models.build import build
from spikesound.models.calibration import (
    Calibrated,
    Calibration,
    EventCalibration,
    Prototypes,
)
from spikesound.models.integer_weights import packed
from spikesound.models.spec import Spec

FORMAT = "spikesound-model"
VERSION = "1"
WEIGHTS = "model.safetensors"
"""Name of a trained model's file in its folder."""

CALIBRATION = "calibration."
"""Begin of the names of a calibration's tensors."""


def save(
    path: Path,
    spec: Spec,
    network: nn.Module,
    *,
    bits: int | None = None,
    calibration: Calibrated | EventCalibration | None = None,
) -> None:
    """Write weights and spec into one file, by an atomic write.

    Parameters
    ----------
    bits : of the synaptic weights, 2 to 8, as int8 with scales; None: floats
    calibration : of the network; None: it is not calibrated
    """
    metadata = {"format": FORMAT, "version": VERSION, "spec": spec.model_dump_json()}
    path.parent.mkdir(parents=True, exist_ok=True)
    state = dict(network.state_dict()) if bits is None else packed(network, bits)
    if isinstance(calibration, EventCalibration):
        metadata["calibration"] = calibration.model_dump_json()
    elif calibration is not None:
        metadata["calibration"] = calibration.values.model_dump_json()
        if calibration.prototypes is not None:
            tensors = calibration.prototypes.state_dict()
            state |= {CALIBRATION + name: value for name, value in tensors.items()}
    safe_file.write(path, metadata, state)


def load(path: Path) -> tuple[Spec, nn.Module]:
    """Return the spec and the network of a file, ready for inference.

    The file need not be trusted: see :mod:`spikesound.models.safe_file`.

    Parameters
    ----------
    path : the file, or the folder in which it lies as ``model.safetensors``

    Raises
    ------
    SpikesoundError
        If it is missing, of another kind or version, damaged, or its parts do not go together.
    """
    if path.is_dir():
        if not (path / WEIGHTS).is_file():
            raise SpikesoundError(f"{path}: no model in this folder ({WEIGHTS})")
        path = path / WEIGHTS
    return opened(safe_file.read(path))


def load_calibration(path: Path) -> Calibrated | EventCalibration | None:
    """Return the calibration of a file: of a classifier, or of a detector's events.

    None: it has none. Raises as :func:`load`.
    """
    file = safe_file.read(path)
    if file.calibration is None:
        return None
    spec = _spec(file)
    if spec.task == "detection":
        events = spec_checks.validated(EventCalibration, file.calibration, path, "calibration")
        spec_checks.check_calibration(len(events.offsets), spec, path)
        return events
    values = spec_checks.validated(Calibration, file.calibration, path, "calibration")
    spec_checks.check_calibration(values.classes, spec, path)
    part = file.part(CALIBRATION)
    if values.score != "cosine":
        if part.table:
            file.refuse(f"calibration: score {values.score!r} has no tensors")
        return Calibrated(values)
    means = part.table.get("means")
    synapses = means.shape[-1] if means is not None and means.shape else 0
    prototypes = spec_checks.filled(part, lambda: Prototypes(values.classes, synapses))
    return Calibrated(values, prototypes)


def load_spec(path: Path) -> Spec:
    """Return the spec of a file, checked; its weights are not read. Raises as :func:`load`."""
    return _spec(safe_file.read(path))


def opened(file: safe_file.SafeFile) -> tuple[Spec, nn.Module]:
    """Return the content of a file whose header has been read; raises as :func:`load`."""
    spec = _spec(file)
    return spec, spec_checks.filled(file.without(CALIBRATION), lambda: build(spec)).eval()


def _spec(file: safe_file.SafeFile) -> Spec:
    if file.metadata["format"] != FORMAT:
        kind = file.metadata["format"][:40]
        raise SpikesoundError(f"{file.path}: safetensors, but format {kind!r}; expected {FORMAT!r}")
    file.check_kind(FORMAT, VERSION, "a model")
    spec = spec_checks.validated(Spec, file.spec, file.path)
    spec_checks.check_spec(spec, file.path)
    return spec
