"""Trained models in formats that other programs read; each export ends with a check.

An entry of :data:`EXPORTS` writes a file, reads it back, and compares what both put out.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from spikesound.core.errors import SpikesoundError, choose
from spikesound.models.export.c.module import is_module, to_c
from spikesound.models.export.exported import Exported, checked
from spikesound.models.export.int8 import to_int8
from spikesound.models.export.nir import to_nir
from spikesound.models.export.onnx import to_onnx
from spikesound.models.export.safetensors import to_safetensors
from spikesound.models.export.torchscript import to_torchscript
from spikesound.models.loading import TrainedModel

__all__ = ["EXPORTS", "Exported", "export"]

EXPORTS: dict[str, Callable[..., Exported]] = {
    "nir": to_nir,
    "onnx": to_onnx,
    "torchscript": to_torchscript,
    "safetensors": to_safetensors,
    "int8": to_int8,
    "c": to_c,
}

FOLDERS = ("c",)
"""Formats of several files, in a folder."""


def export(model: TrainedModel, to: str, out: Path, **options: Any) -> Exported:
    """Write a model in a format, and check that the file gives the same output.

    Parameters
    ----------
    to : an entry of :data:`EXPORTS`
    out : the file, or the folder for one of :data:`FOLDERS`; it appears when the check has passed,
        in place of an earlier one
    options : of the format: those of its function in :data:`EXPORTS`

    Raises
    ------
    SpikesoundError
        If the format is unknown, its package is not installed, the model has a layer that cannot
        be expressed in it, ``out`` is a folder where a file is written or the other way round, or
        the outputs differ.
    """
    write = choose(EXPORTS, to, "format")
    if to in FOLDERS and out.exists() and not is_module(out):
        raise SpikesoundError(f"{out}: expected a new folder, or an earlier export in C")
    if to not in FOLDERS and out.is_dir():
        raise SpikesoundError(f"{out}: expected a file, got a folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        done = checked(write(model, Path(folder) / out.name, **options))
        if out.is_dir():
            shutil.rmtree(out)
        done.path.replace(out)
    return replace(done, path=out)
