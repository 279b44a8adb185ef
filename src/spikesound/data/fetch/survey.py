"""Survey of the store: clips that it holds, and clips known to be unavailable."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from spikesound.audio.ffmpeg import MediaError
from spikesound.data.fetch.alone import alone
from spikesound.data.fetch.fetched import Verdict, keep_verdict, recall, recall_verdict
from spikesound.data.fetch.partial import Partial
from spikesound.data.fetch.place import identity, is_web
from spikesound.data.fetch.recording import Clip, Outcome, Recording, lost, place_of, there
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
class Survey:
    """Known outcomes of a recording's clips, and the clips without one."""

    known: list[Outcome]
    wanted: Recording | None


def survey(recording: Recording, params: DownloadParams, store: Store, scratch: Path) -> Survey:
    """Look up in the store what became of each clip, without asking any site."""
    try:
        of = identity(recording.location)
    except MediaError as error:
        return Survey([lost(clip, error) for clip in recording.clips], None)
    clips = recording.clips
    keyed = tuple(replace(clip, key=_key(recording.media_id, clip, params, of)) for clip in clips)
    seen = look_up(replace(recording, clips=keyed), params, store)
    left = Partial(place_of(recording, scratch))
    if seen.wanted is None:
        if not params.keep_recordings and left.remains():  # a kill came before it was removed
            with suppress(MediaError), alone(recording, scratch, wait_s=0.0):
                left.clear()
        return seen
    near = not is_web(recording.location) or left.place.is_file()
    return Survey(seen.known, replace(seen.wanted, at_hand=near))


def look_up(recording: Recording, params: DownloadParams, store: Store) -> Survey:
    """Look up in the store what became of clips whose keys are known."""
    known: list[Outcome] = []
    wanted: list[Clip] = []
    for clip in recording.clips:
        fetched = recall(store, clip.key)
        verdict = None if fetched else _remembered(recording, clip, params, store)
        if fetched is not None:
            known.append(there(clip, fetched))
        elif verdict is not None:
            known.append(Outcome(clip.clip_id, verdict.state, verdict.reason, attempts=0))
        else:
            wanted.append(clip)
    return Survey(known, replace(recording, clips=tuple(wanted)) if wanted else None)


def _key(media_id: str, clip: Clip, params: DownloadParams, of: str) -> str:
    """Return the store's key: a hash of all that the clip's sound, and its being ok, depend on."""
    checks = (params.tolerance_s, params.silence_db)
    return digest("clip", media_id, clip.start_s, clip.end_s, params.rate_hz, *checks, of)


def _verdict_key(clip: Clip, params: DownloadParams) -> str:
    # With cookies or from elsewhere, a site may answer otherwise.
    who = (params.cookies, params.cookies_from_browser, params.proxy)
    return digest("verdict", clip.key, *who)


def remember(
    recording: Recording, outcomes: Sequence[Outcome], params: DownloadParams, store: Store
) -> None:
    """Keep in the store why there is no sound of clips on the web, where that will last."""
    if not is_web(recording.location):
        return
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
