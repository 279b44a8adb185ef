"""One attempt at a recording: fetch it, cut its clips, check them, keep them.

This is what a worker does, a thread here or a process on another machine. It makes one attempt and
says what came of it; when and whether to try again is decided in one place for all, in policy.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spikesound.audio.cutting import Samples, cut, fit, peak_db
from spikesound.audio.ffmpeg import MediaError
from spikesound.audio.flac import to_flac
from spikesound.data.fetch.alone import alone
from spikesound.data.fetch.fetched import Fetched, keep
from spikesound.data.fetch.partial import Partial
from spikesound.data.fetch.place import is_here, is_web, local_file
from spikesound.data.fetch.rates import Measured, Rates
from spikesound.data.fetch.recording import (
    Clip,
    Outcome,
    Recording,
    lost,
    place_of,
    there,
)
from spikesound.data.fetch.survey import look_up, remember
from spikesound.data.fetch.web import FromWeb, fetch_web
from spikesound.data.store import Store
from spikesound.params import DownloadParams


@dataclass(frozen=True)
class Attempt:
    """Result of one attempt: outcomes of all wanted clips, or the error that prevented it."""

    outcomes: list[Outcome]
    trouble: MediaError | None
    measured: list[Measured]


def attempt(
    params: DownloadParams,
    store: Store,
    scratch: Path,
    recording: Recording,
    rates: Rates,
    number: int = 1,
) -> Attempt:
    """Fetch a recording, cut its clips, check them, and keep them in the store.

    Parameters
    ----------
    params
        The section ``download`` of params.yaml.
    store
        Where the clips go.
    scratch
        Folder on this machine for recordings that are on their way.
    recording
        As :func:`survey` left it.
    rates
        What was measured so far.
    number
        The number of this attempt, 1 for the first.
    """
    measured: list[Measured] = []
    known: list[Outcome] = []
    try:
        with alone(recording, scratch):
            if not is_here(recording.location):  # another run may have been quicker
                seen = look_up(recording, params, store)
                known, wanted = seen.known, seen.wanted
                if wanted is None:
                    return Attempt(known, None, measured)
                recording = wanted
            outcomes = _cut_all(recording, params, store, scratch, rates, number, measured)
    except MediaError as error:
        return Attempt([], error, measured)
    return Attempt(known + outcomes, None, measured)


def _cut_all(
    recording: Recording,
    params: DownloadParams,
    store: Store,
    scratch: Path,
    rates: Rates,
    number: int,
    measured: list[Measured],
) -> list[Outcome]:
    """Return the outcomes of a recording's clips; raise an error after which to try again."""
    try:
        cuts = _cuts(recording, params, scratch, rates, measured)
        outcomes = [_checked(clip, samples, params, store, number) for clip, samples in cuts]
    except MediaError as error:
        if error.retry:
            raise
        outcomes = [lost(clip, error, number) for clip in recording.clips]
        Partial(place_of(recording, scratch)).delete()
    remember(recording, outcomes, params, store)
    left = Partial(place_of(recording, scratch))
    left.tidy() if params.keep_recordings else left.clear()
    return outcomes


def insist(
    recording: Recording, params: DownloadParams, store: Store, scratch: Path
) -> list[Outcome]:
    """Make attempts at a recording that no site can refuse, until one succeeds or they run out."""
    for number in range(1, params.attempts + 1):
        got = attempt(params, store, scratch, recording, Rates(), number)
        if got.trouble is None:
            return got.outcomes
        if number < params.attempts:
            time.sleep(params.backoff_s * 2 ** (number - 1))
    assert got.trouble is not None
    return [lost(clip, got.trouble, params.attempts) for clip in recording.clips]


def _cuts(
    recording: Recording,
    params: DownloadParams,
    scratch: Path,
    rates: Rates,
    measured: list[Measured],
) -> Iterator[tuple[Clip, Samples | MediaError]]:
    """Yield each clip's samples, or why there are none."""
    clips = recording.clips
    spans = [(clip.start_s, clip.end_s) for clip in clips]
    place = place_of(recording, scratch)
    if not is_web(recording.location):
        with local_file(recording.location, place) as path:
            for number, samples in cut(path, params.rate_hz, spans):
                yield clips[number], samples
        return
    got = FromWeb(None, None, [])
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        got = fetch_web(recording.location, spans, params, place, rates)
        measured += got.measured
        if got.sections is not None:
            yield from zip(clips, got.sections, strict=True)
            return
    try:
        for number, samples in cut(place, params.rate_hz, spans):
            _check_whole(samples, clips[number], got, params)
            yield clips[number], samples
    except MediaError as error:
        place.unlink(missing_ok=True)
        in_part = got.length_s is not None or not got.sized  # perhaps, and whole the next time
        if in_part and error.state == "failed":
            raise MediaError("failed", error.reason, retry=True) from error
        raise


def _check_whole(
    samples: Samples | MediaError, clip: Clip, got: FromWeb, params: DownloadParams
) -> None:
    """Notice a recording that is shorter than its site says, or may be: it did not come whole."""
    got_s = 0.0 if isinstance(samples, MediaError) else len(samples) / params.rate_hz
    due_s = clip.end_s - clip.start_s
    if got_s >= due_s - params.tolerance_s:
        return
    short = f"{got_s:.3f} s of {due_s:.3f} s"
    # The site's figure is rounded to seconds.
    if got.length_s is not None and got.length_s - 1 >= clip.end_s:
        reason = f"{short}, though the recording should last {got.length_s} s"
        raise MediaError("failed", reason, retry=True)
    if not got.sized:
        reason = (
            f"{short}, and the server does not tell the recording's size: it may have broken off"
        )
        raise MediaError("failed", reason, retry=True)


def _checked(
    clip: Clip, samples: Samples | MediaError, params: DownloadParams, store: Store, number: int
) -> Outcome:
    """Keep a clip that is as it should be; say why it is not."""
    if isinstance(samples, MediaError):
        return lost(clip, samples, number)
    try:
        whole = fit(samples, params.rate_hz, clip.start_s, clip.end_s, params.tolerance_s)
    except MediaError as error:
        return lost(clip, error, number)
    level_db = peak_db(samples)
    if level_db <= params.silence_db:
        reason = f"peak {level_db:.1f} dB, not above {params.silence_db:g} dB of full scale"
        return lost(clip, MediaError("silent", reason), number)
    flac = to_flac(whole, params.rate_hz)
    fetched = Fetched(flac, len(samples) / params.rate_hz, attempts=number)
    keep(store, clip.key, fetched)
    return there(clip, fetched)
