"""One recording and its clips: what the store has of them, and one attempt at the rest.

This is what a worker does, a thread here or a process on another machine. It makes one attempt and
says what came of it; when and whether to try again is decided in one place for all, in download.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spikesound.data.fetch.fetched import (
    Fetched,
    Verdict,
    keep,
    keep_verdict,
    recall,
    recall_verdict,
)
from spikesound.data.fetch.place import identity, is_web, local_file
from spikesound.data.fetch.rates import Measured, Rates
from spikesound.data.fetch.web import fetch_web
from spikesound.data.media import MediaError, Samples, cut, fit, peak_db, to_flac
from spikesound.data.store import Store, digest
from spikesound.params import DownloadParams

LASTING = {
    "unavailable",
    "removed",
    "private",
    "age_restricted",
    "region_restricted",
    "sign_in",
    "too_short",
    "silent",
}
"""States that another request would not change, not for a while."""

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Clip:
    """A stretch of a recording, and the store's key for its sound."""

    clip_id: str
    start_s: float
    end_s: float
    key: str = ""


@dataclass(frozen=True)
class Recording:
    """A recording, and those of its clips that are wanted.

    Attributes
    ----------
    media_id, location
        Its name, and where it lies.
    clips
        At least one.
    at_hand
        Whether it can be had without asking a site that may refuse.
    """

    media_id: str
    location: str
    clips: tuple[Clip, ...]
    at_hand: bool = False


@dataclass(frozen=True)
class Outcome:
    """A clip's row of STATUS but for the shard, and the store's key for its sound."""

    clip_id: str
    state: str
    reason: str = ""
    attempts: int = 1
    seconds: float = 0.0
    bytes: int = 0
    sha256: str = ""
    key: str = ""


@dataclass(frozen=True)
class Survey:
    """What is known of a recording's clips already, and what is not."""

    known: list[Outcome]
    wanted: Recording | None


@dataclass(frozen=True)
class Attempt:
    """What came of one attempt: outcomes of all wanted clips, or the trouble that prevented it."""

    outcomes: list[Outcome]
    trouble: MediaError | None
    measured: list[Measured]


def survey(recording: Recording, params: DownloadParams, store: Store, scratch: Path) -> Survey:
    """Look up in the store what became of each clip, without asking any site."""
    known: list[Outcome] = []
    wanted: list[Clip] = []
    try:
        of = identity(recording.location)
    except MediaError as error:
        return Survey([lost(clip, error) for clip in recording.clips], None)
    for clip in recording.clips:
        keyed = replace(clip, key=_key(recording.media_id, clip, params, of))
        fetched = recall(store, keyed.key)
        verdict = None if fetched else _remembered(recording, keyed, params, store)
        if fetched is not None:
            known.append(_ok(keyed, fetched))
        elif verdict is not None:
            known.append(Outcome(clip.clip_id, verdict.state, verdict.reason, attempts=0))
        else:
            wanted.append(keyed)
    if not wanted:
        if not params.keep_recordings:  # a kill may have come before it was removed
            _place(recording, scratch).unlink(missing_ok=True)
        return Survey(known, None)
    near = not is_web(recording.location) or _place(recording, scratch).is_file()
    return Survey(known, replace(recording, clips=tuple(wanted), at_hand=near))


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
    try:
        cuts = _cuts(recording, params, scratch, rates, measured)
        outcomes = [_checked(clip, samples, params, store, number) for clip, samples in cuts]
    except MediaError as error:
        if error.retry:
            return Attempt([], error, measured)
        outcomes = [lost(clip, error, number) for clip in recording.clips]
        _partial(recording, scratch).unlink(missing_ok=True)
    if is_web(recording.location):
        _remember(recording, outcomes, params, store)
    if not params.keep_recordings:
        _place(recording, scratch).unlink(missing_ok=True)
    return Attempt(outcomes, None, measured)


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
    place = _place(recording, scratch)
    if not is_web(recording.location):
        with local_file(recording.location, place) as path:
            for number, samples in cut(path, params.rate_hz, spans):
                yield clips[number], samples
        return
    length_s = None
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        got = fetch_web(recording.location, spans, params, place, rates)
        measured += got.measured
        length_s = got.length_s
        if got.sections is not None:
            yield from zip(clips, got.sections, strict=True)
            return
    try:
        for number, samples in cut(place, params.rate_hz, spans):
            _check_whole(samples, clips[number], length_s, params)
            yield clips[number], samples
    except MediaError:
        place.unlink(missing_ok=True)
        raise


def _check_whole(
    samples: Samples | MediaError, clip: Clip, length_s: float | None, params: DownloadParams
) -> None:
    """Notice a recording that is shorter than its site says: it did not come whole."""
    got_s = 0.0 if isinstance(samples, MediaError) else len(samples) / params.rate_hz
    due_s = clip.end_s - clip.start_s
    # The site's figure is rounded to seconds.
    if length_s is not None and got_s < due_s - params.tolerance_s and length_s - 1 >= clip.end_s:
        reason = f"{got_s:.3f} s of {due_s:.3f} s, though the recording should last {length_s} s"
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
    return _ok(clip, fetched)


def _ok(clip: Clip, fetched: Fetched) -> Outcome:
    return Outcome(
        clip.clip_id,
        "ok",
        attempts=fetched.attempts,
        seconds=fetched.seconds,
        bytes=len(fetched.flac),
        sha256=fetched.sha256,
        key=clip.key,
    )


def lost(clip: Clip, error: MediaError, attempts: int = 1) -> Outcome:
    """Return the outcome of a clip that there is no sound of."""
    return Outcome(clip.clip_id, error.state, error.reason, attempts=attempts)


def _key(media_id: str, clip: Clip, params: DownloadParams, of: str) -> str:
    """Return the store's key: a hash of all that the clip's sound, and its being ok, depend on."""
    checks = (params.tolerance_s, params.silence_db)
    return digest("clip", media_id, clip.start_s, clip.end_s, params.rate_hz, *checks, of)


def _verdict_key(clip: Clip, params: DownloadParams) -> str:
    # With cookies or from elsewhere, a site may answer otherwise.
    who = (params.cookies, params.cookies_from_browser, params.proxy)
    return digest("verdict", clip.key, *who)


def _remember(
    recording: Recording, outcomes: Sequence[Outcome], params: DownloadParams, store: Store
) -> None:
    clips = {clip.clip_id: clip for clip in recording.clips}
    for outcome in outcomes:
        if outcome.state in LASTING:
            key = _verdict_key(clips[outcome.clip_id], params)
            keep_verdict(store, key, Verdict(outcome.state, outcome.reason, time.time()))


def _remembered(
    recording: Recording, clip: Clip, params: DownloadParams, store: Store
) -> Verdict | None:
    if not is_web(recording.location):
        return None
    verdict = recall_verdict(store, _verdict_key(clip, params))
    fresh = verdict is not None and time.time() - verdict.when < params.remember_days * _DAY_S
    return verdict if fresh else None


def _place(recording: Recording, scratch: Path) -> Path:
    return scratch / digest("recording", recording.location)


def _partial(recording: Recording, scratch: Path) -> Path:
    return scratch / (_place(recording, scratch).name + ".part")  # yt-dlp's name for it
