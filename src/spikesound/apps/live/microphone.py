"""The microphone as a source, by PortAudio."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.audio.samples import within_full_scale
from spikesound.core.errors import SpikesoundError

Floats = npt.NDArray[np.float32]

OTHERS = "or give --file FILE, or sound on stdin: --pcm s16le --rate 16000"
_WAITING_S = 10.0  # as much sound waits for a computer that is busy; what is more is dropped
_BLOCK_S = 0.05


class Microphone:
    """The default microphone, or one by its name or number, at its own rate.

    Its blocks wait in a queue of 10 s. Where that is full, a block is dropped and counted, and so
    is one that PortAudio reports as lost.

    Parameters
    ----------
    device : name, part of it or number; None: the system's default

    Raises
    ------
    SpikesoundError
        If sounddevice or PortAudio is not installed, or there is no such microphone (the message
        lists those that there are). From :meth:`blocks`: if it cannot be opened, or goes away.
    """

    def __init__(self, device: str | None = None) -> None:
        self._sounddevice = _sounddevice()
        self._device = _chosen(self._sounddevice, device)
        self.rate_hz = round(self._device["default_samplerate"])
        self.dropped = 0
        self.warnings: list[str] = []
        self._queue: queue.Queue[Floats] = queue.Queue(round(_WAITING_S / _BLOCK_S))

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._device["name"])

    def blocks(self) -> Iterator[Floats]:
        """Yield blocks of 50 ms for ever."""
        try:
            stream = self._sounddevice.InputStream(
                samplerate=self.rate_hz,
                device=self._device["index"],
                channels=1,
                dtype="float32",
                blocksize=round(self.rate_hz * _BLOCK_S),
                callback=self._came,
            )
            stream.start()
        except self._sounddevice.PortAudioError as error:
            raise SpikesoundError(
                f"microphone {self.name!r}: {error}; choose another by --device, {OTHERS}"
            ) from error
        try:
            while True:
                try:
                    block = self._queue.get(timeout=1.0)
                except queue.Empty:
                    if not stream.active:
                        raise SpikesoundError(
                            f"microphone {self.name!r} was disconnected"
                        ) from None
                else:
                    yield within_full_scale(block, f"microphone {self.name!r}")
        finally:
            stream.close()

    def _came(self, block: Floats, frames: int, time: Any, status: Any) -> None:
        """Take a block, on PortAudio's own thread: nothing here may wait."""
        if status.input_overflow:
            self.dropped += 1
        try:
            self._queue.put_nowait(block[:, 0].copy())
        except queue.Full:
            self.dropped += 1


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise SpikesoundError(
            f"the microphone needs sounddevice (pip install 'spikesound[live]'), {OTHERS}"
        ) from error
    except OSError as error:  # its library is not there
        raise SpikesoundError(
            f"the microphone needs PortAudio (Debian, Ubuntu: apt install libportaudio2), {OTHERS}"
        ) from error
    return sounddevice


def _chosen(sounddevice: Any, device: str | None) -> dict[str, Any]:
    inputs = [each for each in sounddevice.query_devices() if each["max_input_channels"] > 0]
    if not inputs:
        raise SpikesoundError(f"no microphone found: connect one, {OTHERS}")
    names = ", ".join(f"{each['index']}: {each['name']}" for each in inputs)
    if device is None:
        default = sounddevice.default.device[0]
        return dict(next((each for each in inputs if each["index"] == default), inputs[0]))
    fits = [each for each in inputs if device == str(each["index"])] or [
        each for each in inputs if device.casefold() in each["name"].casefold()
    ]
    if len(fits) != 1:
        how = "ambiguous" if fits else "unknown"
        raise SpikesoundError(f"{how} microphone {device!r}; valid: {names}")
    return dict(fits[0])
