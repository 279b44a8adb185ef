"""Result of an export, and the input of both sides of its check."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import numpy_generator

TOLERANCE = 1e-4
"""Of probabilities or potentials: more than this apart, and the export has failed."""


@dataclass(frozen=True)
class Exported:
    """A file, or a folder, that was written, read back and run beside the model.

    Attributes
    ----------
    path, size : the file, in bytes
    difference : the largest, of what both put out for the same input
    compared : how many values that was over
    spikes : how many spikes were compared, all of them equal; None: no spikes to compare
    notes : what the file cannot hold, or is to be known of it
    decided, changed : how many decisions were compared, and how many differ; None: none
    tolerance : the largest difference that is none; infinite where the file is to differ
    """

    path: Path
    difference: float
    compared: int
    spikes: int | None = None
    notes: list[str] = field(default_factory=list)
    decided: int | None = None
    changed: int = 0
    tolerance: float = TOLERANCE

    @property
    def size(self) -> int:
        """Bytes of the file, or of a folder's files."""
        parts = list(self.path.iterdir()) if self.path.is_dir() else [self.path]
        return sum(part.stat().st_size for part in parts)


def checked(exported: Exported) -> Exported:
    """Return it if its outputs are the model's; delete the file if not.

    Raises
    ------
    SpikesoundError
        If they are further apart than its tolerance.
    """
    if not exported.difference <= exported.tolerance:  # not a number is not small
        exported.path.unlink()
        raise SpikesoundError(
            f"{exported.path}: read back, its outputs are up to {exported.difference:.3g} from the "
            f"model's; deleted"
        )
    return exported


def probe(frames: int, bins: int, seed: int) -> npt.NDArray[np.float32]:
    """Return features to compare with, (frame, bin) in [0, 1]: a hum, bursts of noise, and silence.

    Each bin has a level and a ripple over time; a quarter of the frames are loud, the last quarter
    silent.
    """
    generator = numpy_generator(seed, "export")
    at = np.arange(frames)[:, None]
    level, phase = generator.uniform(0.1, 0.6, bins), generator.uniform(0, 2 * np.pi, bins)
    values = level + 0.2 * np.sin(at / 3 + phase) + 0.1 * generator.standard_normal((frames, bins))
    loud, silent = slice(frames // 4, frames // 2), slice(frames - frames // 4, frames)
    values[loud] += generator.uniform(0, 0.6, bins)
    values[silent] = 0.0
    return np.clip(values, 0, 1).astype(np.float32)


def library(name: str, extra: str = "export") -> Any:
    """Import a package that only exports need.

    Raises
    ------
    SpikesoundError
        If it is not installed; the message says how to install it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise SpikesoundError(
            f"package {name!r} is not installed; pip install 'spikesound[{extra}]'"
        ) from error


def largest_difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the largest difference between two tensors of one shape."""
    if one.shape != other.shape:
        return float("inf")
    return float((one.double() - other.double()).abs().max()) if one.numel() else 0.0
