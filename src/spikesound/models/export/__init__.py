"""Trained models in formats that other programs read; each export ends with a check.

An entry of :data:`EXPORTS` writes a file, reads it back, and compares what both put out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from spikesound.core.errors import SpikesoundError, choose
from spikesound.models.export.exported import Exported, checked
from spikesound.models.export.nir import to_nir
from spikesound.models.export.onnx import to_onnx
from spikesound.models.export.safetensors import to_safetensors
from spikesound.models.export.torchscript import to_torchscript
from spikesound.models.loading import TrainedModel

__all__ = ["EXPORTS", "Exported", "export"]

EXPORTS: dict[str, Callable[[TrainedModel, Path], Exported]] = {
    "nir": to_nir,
    "onnx": to_onnx,
    "torchscript": to_torchscript,
    "safetensors": to_safetensors,
}


def export(model: TrainedModel, to: str, out: Path) -> Exported:
    """Write a model in a format, and check that the file gives the same output.

    Parameters
    ----------
    to : an entry of :data:`EXPORTS`
    out : the file; it appears when the check has passed

    Raises
    ------
    SpikesoundError
        If the format is unknown, its package is not installed, the model has a layer that cannot
        be expressed in it, ``out`` is a folder, or the outputs differ.
    """
    write = choose(EXPORTS, to, "format")
    if out.is_dir():
        raise SpikesoundError(f"{out}: expected a file, got a folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        done = checked(write(model, Path(folder) / out.name))
        done.path.replace(out)
    return replace(done, path=out)
