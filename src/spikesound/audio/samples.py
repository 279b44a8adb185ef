"""Samples as programs hold them, to one channel of full scale 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.core.errors import SpikesoundError

Floats = npt.NDArray[np.float32]

LOUDEST = 100.0
"""Of full scale: samples beyond it are damaged, or integers that were made floats."""


def mono(samples: npt.ArrayLike) -> Floats:
    """Return the mean of the channels, within [-1, 1] [shape=(sample,)].

    Parameters
    ----------
    samples
        (sample,) or (sample, channel), as soundfile reads them: an array, or what becomes one.
        Signed integers are divided by their type's full scale, 2^15 for int16; uint8 has its zero
        at 128, as in a WAV file. Integers of 64 bits are refused: nobody records them, and a list
        of 16-bit ones becomes them, so that their full scale is not known.

    Raises
    ------
    SpikesoundError
        If they are none, of another shape or type, or not numbers.
    """
    samples = array_of(samples)
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > samples.shape[0]):
        raise SpikesoundError(
            f"samples: expected shape (sample,) or (sample, channel), got {samples.shape}"
        )
    if samples.size == 0:
        raise SpikesoundError("samples: empty array")
    scaled = _full_scale(samples)
    mixed = scaled if scaled.ndim == 1 else scaled.mean(axis=1, dtype=np.float32)
    return within_full_scale(mixed, "samples")


def array_of(samples: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return an array, or what becomes one, as an array.

    Raises
    ------
    SpikesoundError
        If it becomes none: rows of different lengths, a tensor of a GPU.
    """
    try:
        return np.asarray(samples)
    except (ValueError, TypeError, RuntimeError) as error:
        raise SpikesoundError(f"samples: expected an array of numbers: {error}") from error


def within_full_scale(samples: Floats, name: str) -> Floats:
    """Return samples clipped to [-1, 1], as 16-bit ones are, which models are trained on.

    Raises
    ------
    SpikesoundError
        Naming the sound, if there is a :func:`sample_fault`.
    """
    if fault := sample_fault(samples):
        raise SpikesoundError(f"{name}: {fault}")
    clipped: Floats = np.clip(samples, -1, 1)
    return clipped


def sample_fault(samples: Floats) -> str:
    """Return why samples are none, if one is not a number or beyond :data:`LOUDEST`; else empty."""
    if not np.isfinite(samples).all():
        return "expected finite samples, got NaN or infinity"
    loudest = float(np.abs(samples).max(initial=0.0))
    return f"{loudest:.3g} times full scale (1.0) is no sound" if loudest > LOUDEST else ""


def _full_scale(samples: npt.NDArray[Any]) -> Floats:
    kind, bits = samples.dtype.kind, 8 * samples.dtype.itemsize
    if kind == "f":
        return samples.astype(np.float32)
    if kind == "i" and bits < 64:
        return (samples.astype(np.float64) / 2.0 ** (bits - 1)).astype(np.float32)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / np.float32(128)
    raise SpikesoundError(
        f"samples: expected dtype float, int8, int16, int32 or uint8, got {samples.dtype}"
    )
