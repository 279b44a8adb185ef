"""A detector as one file: weights as safetensors, everything else as JSON in its header."""

from __future__ import annotations

from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.models import safe_file, spec_checks
from spikesound.models.detector_spec import DetectorSpec, build
from spikesound.models.networks.detector import Detector

FORMAT = "spikesound-detector"
VERSION = "1"

FRAMES_LIMIT = 2**12
"""That a detector may look back, or a median filter reach over: minutes."""


def save(path: Path, spec: DetectorSpec, network: Detector) -> None:
    """Write weights and spec into one file, whole or not at all."""
    metadata = {"format": FORMAT, "version": VERSION, "spec": spec.model_dump_json()}
    safe_file.write(path, metadata, network)


def load(path: Path) -> tuple[DetectorSpec, Detector]:
    """Read a file, and return the network ready for inference.

    The file need not be trusted: see :mod:`spikesound.models.safe_file`.

    Raises
    ------
    SpikesoundError
        If it is missing, of another kind or version, damaged, or asks for what it does not hold.
    """
    return opened(safe_file.read(path))


def opened(file: safe_file.SafeFile) -> tuple[DetectorSpec, Detector]:
    """Return what a file holds whose header has been read; raises as :func:`load`."""
    file.check_kind(FORMAT, VERSION, "a detector")
    spec = spec_checks.parsed(DetectorSpec, file.spec, file.path)
    _check(spec, file.path)
    network = spec_checks.filled(file, lambda: build(spec))
    return spec, network.eval()


def _check(spec: DetectorSpec, path: Path) -> None:
    spec_checks.check_name(spec.model, path)
    spec_checks.check_labels(spec.classes, spec.names, path)
    spec_checks.check_front_end(spec.front_end, spec.bins, path)
    spec_checks.check_bounds(spec.network_params.model_dump(), path)
    # A detector keeps what its last layer's taps look back to, and that has no weights.
    if max(spec.network_params.dilations) > FRAMES_LIMIT:
        raise SpikesoundError(f"{path}: spec: dilations: at most {FRAMES_LIMIT} frames are taken")
    if spec.decision is not None:
        _check_decision(spec, path)


def _check_decision(spec: DetectorSpec, path: Path) -> None:
    assert spec.decision is not None
    if len(spec.decision.medians) != len(spec.classes):
        raise SpikesoundError(
            f"{path}: spec: decision: {len(spec.decision.medians)} medians for "
            f"{len(spec.classes)} classes"
        )
    if max(spec.decision.medians) > FRAMES_LIMIT:
        raise SpikesoundError(f"{path}: spec: medians: at most {FRAMES_LIMIT} frames are taken")
