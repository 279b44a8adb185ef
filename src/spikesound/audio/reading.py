"""Sound of any file that ffmpeg reads, of any length, block by block.

A file is heard as it is or not at all: one whose decoder complains, or that ends before its header
says so, raises an error when the sound ends, so that nothing of it is taken for good.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]

from spikesound.audio.checks import (
    check_end,
    complaint,
    is_endless,
    refuse_archives,
    stated_rate_hz,
)
from spikesound.audio.ffmpeg import CONTAINERS, ffmpeg_binary
from spikesound.audio.samples import within_full_scale
from spikesound.core.errors import SpikesoundError

Floats = npt.NDArray[np.float32]
Source: TypeAlias = "Path | IO[bytes]"
"""A file; or a stream of one's bytes, copied to disk first: not all formats can go in order."""

STALL_S = 60.0
"""How long a decoder may be silent before it is given up."""

_PIECE_BYTES = 1 << 18


def blocks(
    source: Source, rate_hz: int, block_s: float = 10.0, *, stall_s: float = STALL_S
) -> Iterator[Floats]:
    """Decode a sound, mix its channels to one and change its rate, in bounded memory.

    The rate is changed by soxr's HQ filter, as of the clips that models are trained on
    (:func:`spikesound.audio.resampling.resample`), with the same samples as a whole.

    Parameters
    ----------
    source
        Of several streams of sound the first is taken. Only local files are opened, and none that
        another file names: no playlists, no addresses.
    rate_hz
        Of the result.
    block_s
        Length of a block; the last one is shorter.
    stall_s
        Longest wait for the decoder's next output.

    Yields
    ------
    ndarray
        Samples, float32, within [-1, 1] [shape=(samples,)].

    Raises
    ------
    SpikesoundError
        Naming the file: if it is missing, has no sound, is damaged or cut off (also after blocks
        were given), holds samples that are not numbers, or its decoder stalls.
    """
    length = max(1, round(block_s * rate_hz))
    name = str(source) if isinstance(source, Path) else "stdin"
    with _on_disk(source) as path:
        refuse_archives(path, name)
        yield from _regrouped(_resampled(_pieces(path, name, stall_s), rate_hz), length)


@contextmanager
def _on_disk(source: Source) -> Iterator[Path]:
    if isinstance(source, Path):
        if not source.exists():
            raise SpikesoundError(f"{source}: no such file")
        if not source.is_file():
            raise SpikesoundError(f"{source}: not a file")
        yield source
        return
    with tempfile.NamedTemporaryFile(prefix="spikesound-") as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        yield Path(copy.name)


def _pieces(path: Path, name: str, stall_s: float) -> Iterator[tuple[int, Floats]]:
    """Yield the rate of the file, in Hz, with each piece of its samples."""
    endless = is_endless(path)
    where = f"file:{path.absolute()}"  # a colon in a name is none of a protocol, a dash no option
    command = [ffmpeg_binary(), "-nostdin", "-hide_banner", "-nostats", "-v", "level+info"]
    command += [] if endless else ["-xerror"]
    command += ["-threads", "1", "-err_detect", "crccheck", "-protocol_whitelist"]
    command += ["file", "-format_whitelist", CONTAINERS, "-i", where, "-map", "0:a:0", "-ac", "1"]
    # Else several channels make float samples louder than the 16-bit ones of the training clips.
    command += ["-rematrix_maxval", "1", "-f", "f32le", "pipe:"]
    rate_hz, count = 0, 0
    with tempfile.TemporaryFile() as log:
        for content in _output(command, log, name, stall_s):
            rate_hz = rate_hz or stated_rate_hz(_text(log), name)
            samples = within_full_scale(np.frombuffer(content, "<f4").astype(np.float32), name)
            count += len(samples)
            yield rate_hz, samples
        told = _text(log)
    words = complaint(told, endless)
    if words:
        what = "damaged" if count else "no sound can be read from it"
        raise SpikesoundError(f"{name}: {what}: {words}")
    if not count:
        raise SpikesoundError(f"{name}: no sound in it")
    if not endless:
        check_end(path, name, told, count / rate_hz)


def _output(command: list[str], log: IO[bytes], name: str, stall_s: float) -> Iterator[bytes]:
    """Yield what a command writes, in whole float32 samples; it is killed if it waits too long."""
    stalled = threading.Event()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
    ) as process:
        assert process.stdout is not None

        def give_up() -> None:
            stalled.set()
            process.kill()

        try:
            while True:
                clock = threading.Timer(stall_s, give_up)
                clock.start()
                try:
                    content = process.stdout.read(_PIECE_BYTES)
                finally:
                    clock.cancel()
                if stalled.is_set():
                    raise SpikesoundError(f"{name}: its decoder gave nothing for {stall_s:g} s")
                if not content:
                    break
                yield content[: len(content) // 4 * 4]
            code = process.wait()
        finally:
            process.kill()  # where no more of it is wanted
    if code and not complaint(_text(log)):
        raise SpikesoundError(f"{name}: its decoder ended with {code}")


def _text(log: IO[bytes]) -> str:
    # Not read(): that would move the place in the file where ffmpeg writes.
    descriptor = log.fileno()
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode("utf-8", errors="replace")


def _resampled(pieces: Iterable[tuple[int, Floats]], rate_hz: int) -> Iterator[Floats]:
    change = None
    for from_hz, piece in pieces:
        if from_hz == rate_hz:
            yield piece
            continue
        if change is None:
            change = soxr.ResampleStream(from_hz, rate_hz, 1, dtype="float32", quality="HQ")
        yield change.resample_chunk(piece)
    if change is not None:
        yield change.resample_chunk(np.zeros(0, np.float32), last=True)


def _regrouped(pieces: Iterable[Floats], length: int) -> Iterator[Floats]:
    waiting: list[Floats] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= length:
            joined = np.concatenate(waiting)
            whole = len(joined) // length * length
            yield from (joined[at : at + length] for at in range(0, whole, length))
            waiting = [joined[whole:]]
    rest = np.concatenate([*waiting, np.zeros(0, np.float32)])
    if len(rest):
        yield rest
