"""The sound of a file: its samples from the file's start on, or why it is not whole.

All sound comes this way, that of training clips and that which a model is given: what is refused in
one is refused in the other. A recording that its container or its decoder complains of is not used,
since what they pass over makes all that follows come too early.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikesound.audio.checks import (
    CLOCK,
    complaint,
    gap,
    rate_fault,
    shortfall,
    start_s,
    stated_end_s,
    stated_rates_hz,
)
from spikesound.audio.containers import Container, as_one, examine
from spikesound.audio.ffmpeg import Job, JobError, local_sound, log_text, stream
from spikesound.audio.samples import sample_fault

Floats = npt.NDArray[np.float32]

STALL_S = 60.0
"""Maximum time without output before a decoder is stopped."""

LATEST_START_S = 3600.0
"""Latest start of the sound in a file that does not say how long it is."""

_PIECE_BYTES = 1 << 18


class NotWholeError(Exception):
    """Reason why a file gives no sound, or not all of it, in words without the file's name."""


def decoded(
    path: Path, rate_hz: int | None = None, *, stall_s: float = STALL_S
) -> Iterator[tuple[int, Floats]]:
    """Decode a file to its end, in bounded memory.

    Parameters
    ----------
    path
        Of several streams of sound the first is taken. Only this file is opened, and none that it
        names: no playlists, no addresses.
    rate_hz
        Of the result; None keeps the file's own.
    stall_s
        Longest wait for the decoder's next output.

    Yields
    ------
    tuple
        The rate and the next samples, the mean of the channels, within [-1, 1] [shape=(samples,)].
        The first lies at the file's start: a film whose sound begins later than its pictures is
        silent until then.

    Raises
    ------
    NotWholeError
        Before the first sample or behind the last one, so that nothing may be taken for good before
        the end: if the file is missing, has no sound, is damaged or cut off, holds samples that are
        not numbers, or its decoder stalls.
    """
    try:
        if not path.exists():
            raise NotWholeError("no such file")
        if not path.is_file():
            raise NotWholeError("not a file")
        container = examine(path)
    except OSError as error:
        raise NotWholeError(f"cannot be read: {error.strerror}") from error
    if container.fault:
        raise NotWholeError(container.fault)
    with as_one(path, container.parts) as whole, tempfile.TemporaryFile() as log:
        job = _job(whole, container, rate_hz)
        count, code = 0, 0
        rates: list[int] = []
        try:
            for content in stream(
                job, log, level="level+info", piece_bytes=_PIECE_BYTES, stall_s=stall_s
            ):
                if not rates:
                    rates, silence = _opened(log_text(log))
                    count += silence
                    yield from _silent(rates[-1], silence)
                samples = np.frombuffer(content, "<f4", len(content) // 4).astype(np.float32)
                _raise_if(sample_fault(samples))
                count += len(samples)
                yield rates[-1], np.clip(samples, -1, 1)
        except TimeoutError as error:
            raise NotWholeError(f"its decoder timed out: no output for {stall_s:g} s") from error
        except JobError as error:
            code = error.code
        _raise_if(_fault(log_text(log), container, code, count and count / rates[-1]))


def _job(path: Path, container: Container, rate_hz: int | None) -> Job:
    rate = {} if rate_hz is None else {"ar": rate_hz}
    # Without rematrix_maxval several channels make float samples louder than 16-bit ones.
    job = local_sound(path.absolute(), err_detect="crccheck", **container.options).output(
        "pipe:", format="f32le", af=CLOCK, ac=1, rematrix_maxval=1, **rate
    )
    return job if container.to_the_end else job.global_args("-xerror")


def _opened(messages: str) -> tuple[list[int], int]:
    """Return the sampling rates, and the number of samples before the sound begins."""
    rates = stated_rates_hz(messages)
    _raise_if(rate_fault(rates))
    after_s, end_s = start_s(messages), stated_end_s(messages)
    if after_s > (LATEST_START_S if end_s is None else end_s):
        raise NotWholeError(f"damaged: its sound begins at {after_s:.2f} s, after the file's end")
    return rates, round(after_s * rates[-1])


def _silent(rate_hz: int, count: int) -> Iterator[tuple[int, Floats]]:
    most = _PIECE_BYTES // 4
    for at in range(0, count, most):
        yield rate_hz, np.zeros(min(most, count - at), np.float32)


def _fault(messages: str, container: Container, code: int, end_s: float) -> str:
    words = complaint(messages, container.to_the_end)
    if words:
        return f"damaged: {words}" if end_s else f"no sound can be read from it: {words}"
    if code:
        return f"its decoder failed with exit code {code}"
    if not end_s:
        return "no sound in it"
    if missing := gap(messages):
        return f"damaged: {missing}"
    return "" if container.to_the_end else shortfall(messages, end_s)


def _raise_if(fault: str) -> None:
    if fault:
        raise NotWholeError(fault)
