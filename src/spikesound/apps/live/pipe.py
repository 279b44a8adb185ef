"""Raw samples from a pipe, as ``arecord``, ``parec``, ``sox`` and ``ffmpeg`` write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikesound.audio.samples import within_full_scale
from spikesound.core.errors import SpikesoundError, choose

Floats = npt.NDArray[np.float32]

PCM: dict[str, tuple[np.dtype[np.generic], float]] = {
    "s16le": (np.dtype("<i2"), 32768.0),
    "f32le": (np.dtype("<f4"), 1.0),
}
"""Kinds of samples by ffmpeg's name for them: their type, and the value of full scale."""

_NAME = "stdin (are its samples what --pcm, --rate and --channels say?)"


class Readable(Protocol):
    """A binary stream that returns up to ``size`` bytes, as soon as there are any."""

    def read1(self, size: int, /) -> bytes:
        """Return at least one byte, or none at the end."""
        ...


class Pipe:
    """Interleaved samples from a binary stream; channels are averaged to one.

    Parameters
    ----------
    stream : to be read, e.g. ``sys.stdin.buffer``
    kind : a key of PCM
    rate_hz, channels : of the samples

    Raises
    ------
    SpikesoundError
        If the kind is not known. From :meth:`blocks`: if there is no sample, or one is not a
        number, or far beyond full scale.
    """

    def __init__(self, stream: Readable, kind: str, rate_hz: int, channels: int) -> None:
        self._type, self._full_scale = choose(PCM, kind, "kind of samples (--pcm)")
        self._stream, self._channels = stream, channels
        self.rate_hz = rate_hz
        self.dropped = 0
        self.warnings: list[str] = []

    def blocks(self) -> Iterator[Floats]:
        """Yield what has come, at most 50 ms of it at a time."""
        frame_bytes = self._type.itemsize * self._channels
        size = frame_bytes * max(1, self.rate_hz // 20)
        rest, empty = b"", True
        while piece := self._stream.read1(size):
            piece = rest + piece
            whole = len(piece) - len(piece) % frame_bytes
            rest = piece[whole:]
            if whole:
                empty = False
                yield self._mono(piece[:whole])
        if empty:
            raise SpikesoundError("stdin: expected samples, got none")
        if rest:
            self.warnings.append(
                f"the pipe ended within a sample: its last {len(rest)} bytes are ignored "
                f"(a sample of {self._channels} channels has {frame_bytes})"
            )

    def _mono(self, content: bytes) -> Floats:
        values = np.frombuffer(content, self._type).astype(np.float32) / self._full_scale
        channels: Floats = values.reshape(-1, self._channels)
        mixed = channels.mean(1, dtype=np.float32) if self._channels > 1 else channels[:, 0]
        return within_full_scale(mixed, _NAME)
