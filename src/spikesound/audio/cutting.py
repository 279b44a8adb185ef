"""Clips cut out of a recording, exact to the sample.

A recording is decoded from its start and cut by counting samples. Seeking would be quicker and is
not exact: it lands on packets, which last from 20 ms to several seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import starmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikesound.audio.decoding import Floats, NotWholeError, decoded
from spikesound.audio.ffmpeg import MediaError

_HELD_BYTES = 1 << 26
"""Size from which clips wait on disk for the end of their recording."""

Samples = NDArray[np.int16]

Span = tuple[float, float]
"""Start and end of a clip in its recording, in seconds."""


def span(rate_hz: int, start_s: float, end_s: float) -> tuple[int, int]:
    """Return the first sample of a clip, round(start_s * rate_hz), and its number of samples,
    round((end_s - start_s) * rate_hz)."""
    return round(start_s * rate_hz), round((end_s - start_s) * rate_hz)


def decode(path: Path, rate_hz: int, start_s: float, end_s: float) -> Samples:
    """Decode one stretch of a recording: :func:`cut` for a single span.

    Raises
    ------
    MediaError
        Also ``too_short``, if the recording ends before the stretch begins.
    """
    [(_, samples)] = cut(path, rate_hz, [(start_s, end_s)])
    if isinstance(samples, MediaError):
        raise samples
    return samples


def cut(
    path: Path, rate_hz: int, spans: Sequence[Span]
) -> Iterator[tuple[int, Samples | MediaError]]:
    """Decode a recording once, and cut all its clips out of it.

    Parameters
    ----------
    path
        Any local file with sound that ffmpeg reads; of several streams of sound the first is taken.
    rate_hz
        Sampling rate of the result; channels are mixed to one.
    spans
        The clips, counted from the first sample; see :func:`span`. They may overlap.

    Yields
    ------
    tuple
        The number of a span and its samples, 16 bit [shape=(samples,)]: of the requested length, or
        shorter where the recording ends before; a MediaError ``too_short`` where it ends before the
        clip begins. Only clips that are not complete yet are held in memory.

    Raises
    ------
    MediaError
        ``unavailable`` if there is no such file, ``failed`` if nothing can be decoded from it (with
        the last line that ffmpeg wrote).
    """
    if not path.is_file():
        raise MediaError("unavailable", f"{path}: no such file")
    with tempfile.SpooledTemporaryFile(_HELD_BYTES) as held:
        # Whether the recording is whole shows at its end; until then no clip may be taken for good.
        results: list[tuple[int, int | MediaError]] = []
        try:
            pieces = (_int16(samples) for _, samples in decoded(path, rate_hz))
            for number, clip in cut_stream(pieces, rate_hz, spans):
                size_or_error = clip if isinstance(clip, MediaError) else held.write(clip.tobytes())
                results.append((number, size_or_error))
        except NotWholeError as error:
            raise MediaError("failed", str(error)) from error
        held.seek(0)
        for number, result in results:
            if isinstance(result, MediaError):
                yield number, result
            else:
                yield number, _samples([held.read(result)])


def cut_stream(
    pieces: Iterable[bytes], rate_hz: int, spans: Sequence[Span]
) -> Iterator[tuple[int, Samples | MediaError]]:
    """Cut clips out of 16-bit samples that come piece by piece; see :func:`cut`."""
    bounds = [
        (2 * first, 2 * (first + count)) for first, count in starmap(partial(span, rate_hz), spans)
    ]
    parts: dict[int, list[bytes]] = {number: [] for number in range(len(spans))}
    done = 0
    for piece in pieces:
        for number in list(parts):
            first, last = bounds[number]
            parts[number].append(piece[max(first - done, 0) : max(last - done, 0)])
            if last <= done + len(piece):
                yield number, _samples(parts.pop(number))
        done += len(piece)
    if not done:
        raise MediaError("failed", "no sound in it")
    for number, pieces_of in parts.items():
        start_s = spans[number][0]
        if bounds[number][0] >= done:
            length_s = done / 2 / rate_hz
            reason = f"ends at {length_s:.3f} s, before the clip's start at {start_s:.3f} s"
            yield number, MediaError("too_short", reason)
        else:
            yield number, _samples(pieces_of)


def _int16(samples: Floats) -> bytes:
    whole = np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype("<i2")
    return bytes(whole.tobytes())


def _samples(parts: list[bytes]) -> Samples:
    return np.frombuffer(b"".join(parts), dtype="<i2").astype(np.int16)


def fit(
    samples: Samples, rate_hz: int, start_s: float, end_s: float, tolerance_s: float
) -> Samples:
    """Return the samples zero-padded to the clip's exact length, if they nearly have it.

    Raises
    ------
    MediaError
        ``too_short`` if more than ``tolerance_s`` is missing; the reason says how long they are.
    """
    _, count = span(rate_hz, start_s, end_s)
    missing = count - len(samples)
    if missing > round(tolerance_s * rate_hz):
        raise MediaError(
            "too_short", f"expected {count / rate_hz:.3f} s, got {len(samples) / rate_hz:.3f} s"
        )
    return np.pad(samples, (0, missing))


def peak_db(samples: Samples) -> float:
    """Return the peak level in dB of full scale, 20 log10(max |x| / 32768); -inf for silence."""
    peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
    return 20.0 * float(np.log10(peak / 32768)) if peak else -np.inf
