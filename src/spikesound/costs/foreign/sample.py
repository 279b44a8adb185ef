"""The input that a network is run on: an array from a file, or spikes of a given rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from spikesound.core.errors import SpikesoundError

Layout = Literal["tb", "bt", "b"]
"""First axes of a sample: time and batch, batch and time, or the batch alone."""

LAYOUTS: tuple[Layout, ...] = ("tb", "bt", "b")

Values = Literal["auto", "spikes", "values", "constant"]
"""What the sample is: spikes; values, of each step; values that are the same at each step."""

VALUES: tuple[Values, ...] = ("auto", "spikes", "values", "constant")


@dataclass(frozen=True)
class Sample:
    """A sample and its meaning.

    Attributes
    ----------
    x : the array
    layout : of its first axes
    values : what it is
    steps : how often it is presented if its layout has no time; None: as the network does
    each_step : whether the network is called once per time step
    """

    x: torch.Tensor
    layout: Layout = "tb"
    values: Values = "auto"
    steps: int | None = None
    each_step: bool = False

    @property
    def samples(self) -> int:
        """The number of samples in the batch."""
        return self.x.shape[self.layout.index("b")]

    def known(self) -> Values:
        """Return what the sample is; without a word on it, zeros and ones are spikes."""
        if self.values != "auto":
            return self.values
        return "spikes" if bool(((self.x == 0) | (self.x == 1)).all()) else "values"

    def check(self) -> None:
        """Raise if the sample cannot be presented as it says.

        Raises
        ------
        SpikesoundError
            If axes are missing, it is empty or not finite, its steps are in doubt, or it is not
            what it is said to be.
        """
        shape = tuple(self.x.shape)
        if len(shape) < len(self.layout) + 1 or not self.x.numel():
            raise SpikesoundError(
                f"sample: expected axes {', '.join(_AXES[self.layout])} and at least one more, "
                f"got shape {shape}"
            )
        if not bool(torch.isfinite(self.x).all()):
            raise SpikesoundError("sample: some values are not finite")
        if self.each_step and self.layout == "b" and not self.steps:
            raise SpikesoundError(
                "sample: without an axis of time, steps must say how often it is presented"
            )
        if self.steps is not None and (self.steps < 1 or self.layout != "b" or not self.each_step):
            raise SpikesoundError(
                "sample: steps is for a sample of layout b that is presented step by step, and at "
                f"least 1; got steps {self.steps}, layout {self.layout!r}"
            )
        if self.known() == "spikes" and bool(((self.x != 0) & (self.x != 1)).any()):
            raise SpikesoundError("sample: spikes must be 0 or 1; say values for other inputs")
        if self.known() == "constant" and self.layout != "b":
            time = self.layout.index("t")
            if bool((self.x != self.x.narrow(time, 0, 1)).any()):
                raise SpikesoundError("sample: it is not constant over time; say values")

    def steps_of_time(self) -> torch.Tensor:
        """Return the sample as (time, batch, ...)."""
        if self.layout == "b":
            return self.x.expand(self.steps or 1, *self.x.shape)
        return self.x if self.layout == "tb" else self.x.transpose(0, 1)

    def one_step(self) -> torch.Tensor:
        """Return the mean over time, in the layout of the sample, with one step."""
        if self.layout == "b":
            return self.x
        return self.x.mean(self.layout.index("t"), keepdim=True)


_AXES = {"tb": ("time", "batch"), "bt": ("batch", "time"), "b": ("batch",)}


def read_sample(given: str) -> torch.Tensor:
    """Return the array of a file: .npy, .npz or .pt, of several arrays by ``file.npz:name``.

    Raises
    ------
    SpikesoundError
        If the file is missing or damaged, or holds no such array.
    """
    path, _, key = given.partition(":")
    file = Path(path)
    if not file.is_file():
        raise SpikesoundError(f"{path}: no such file")
    readers = {".npy": _numpy, ".npz": _numpy, ".pt": _torch, ".pth": _torch}
    if file.suffix not in readers:
        raise SpikesoundError(f"{path}: a sample must be one of {', '.join(sorted(readers))}")
    content = readers[file.suffix](file)
    if isinstance(content, dict):
        names = ", ".join(map(str, content))
        if not key and len(content) == 1:
            key = str(next(iter(content)))
        if key not in content:
            raise SpikesoundError(f"{path}: name one of its arrays, {path}:NAME, of {names}")
        content = content[key]
    try:
        return torch.as_tensor(content).float()
    except (TypeError, ValueError, RuntimeError) as error:
        raise SpikesoundError(f"{path}: not an array of numbers: {error}") from error


def drawn(shape: str, rate: float, seed: int) -> torch.Tensor:
    """Return spikes, each drawn with the same probability.

    Parameters
    ----------
    shape : as ``10,1,2,32,32``

    Raises
    ------
    SpikesoundError
        If the shape is none, or the rate no probability.
    """
    try:
        sizes = [int(size) for size in shape.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise SpikesoundError(f"shape must be sizes such as 10,1,2,32,32, got {shape!r}")
    if not 0 <= rate <= 1:
        raise SpikesoundError(f"rate must be from 0 to 1, got {rate:g}")
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(sizes, generator=generator) < rate).float()


def _numpy(path: Path) -> Any:
    try:
        content = np.load(path, allow_pickle=False)
        return dict(content) if isinstance(content, np.lib.npyio.NpzFile) else content
    except (ValueError, EOFError, OSError) as error:
        raise SpikesoundError(f"{path}: not a file of arrays: {error}") from error


def _torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or foreign pickle leads to
        raise SpikesoundError(
            f"{path}: not a file of tensors: {' '.join(str(error).split())}"
        ) from error
