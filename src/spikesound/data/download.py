"""The clips themselves: every recording is fetched, decoded, cut, checked and packed into shards.

Each clip goes through the store first, and the shards are made from there in the order of the
clips. So a run that was killed goes on where it stopped, a longer list costs only its new clips,
and the shards are the same bytes however the work went.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from spikesound.data.audio_shards import STATUS_FILE, clear, write_audio
from spikesound.data.fetched import Fetched, keep, recall
from spikesound.data.media import MediaError, decode, fit, peak_db, to_flac
from spikesound.data.parallel import as_done
from spikesound.data.store import Store, digest
from spikesound.errors import SpikesoundError
from spikesound.params import DownloadParams
from spikesound.progress import track
from spikesound.schema import STATES, STATUS, write_table


@dataclass(frozen=True)
class _Clip:
    clip_id: str
    media_id: str
    start_s: float
    end_s: float
    path: Path


@dataclass(frozen=True)
class _Outcome:
    """A clip's row of STATUS but for the shard, and the store's key for its sound."""

    clip_id: str
    state: str
    reason: str = ""
    attempts: int = 1
    seconds: float = 0.0
    bytes: int = 0
    sha256: str = ""
    key: str = ""


def download(
    clips: pd.DataFrame,
    locate: Callable[[str], Path],
    params: DownloadParams,
    store: Store,
    out: Path | str,
) -> pd.DataFrame:
    """Obtain every clip and write the shards and ``status.parquet`` into the folder ``out``.

    A clip ends up ``ok``, with its sound cut to the sample, or in another of STATES with a reason;
    none is left out of the table.

    Parameters
    ----------
    clips
        Table CLIPS.
    locate
        Gives the path of a recording from its media id.
    params
        The section ``download`` of params.yaml.
    store
        Where clips are kept between runs.
    out
        The audio folder; shards of an earlier run in it are removed.

    Returns
    -------
    DataFrame
        Table STATUS, in the order of ``clips``.

    Raises
    ------
    SpikesoundError
        If there are no clips, none is ok, or a larger share than ``max_failures`` is not; the
        shards and the table, which tells which clips they are, have been written by then.
    """
    out = Path(out)
    if clips.empty:
        raise SpikesoundError("no clips to download; the filter kept none")
    columns = (clips[name].tolist() for name in ("clip_id", "media_id", "start_s", "end_s"))
    # Every path before any work: a source without a mirror is reported at once.
    jobs = [
        _Clip(clip_id, media_id, start_s, end_s, locate(media_id))
        for clip_id, media_id, start_s, end_s in zip(*columns, strict=True)
    ]
    outcomes = _obtain_all(jobs, params, store)
    out.mkdir(parents=True, exist_ok=True)
    clear(out)
    homes = write_audio(out, _sound(outcomes, store), params.shard_clips)
    status = pd.DataFrame(
        [asdict(outcome) | {"path": homes.get(outcome.clip_id, "")} for outcome in outcomes],
        columns=STATUS.names,
    )
    write_table(status, STATUS, out / STATUS_FILE)
    _judge(status, params.max_failures, out / STATUS_FILE)
    return status


def _obtain_all(clips: list[_Clip], params: DownloadParams, store: Store) -> list[_Outcome]:
    outcomes: dict[int, _Outcome] = {}
    with ThreadPoolExecutor(params.workers) as pool:
        work = partial(_obtain, params=params, store=store)
        done = as_done(pool, work, clips, ahead=4 * params.workers)
        for index, outcome in track(done, total=len(clips), what="download"):
            outcomes[index] = outcome
    return [outcomes[index] for index in range(len(clips))]


def _obtain(clip: _Clip, params: DownloadParams, store: Store) -> _Outcome:
    try:
        key = _key(clip, params)
        fetched = recall(store, key)
        if fetched is None:
            fetched = _fetch(clip, params)
            keep(store, key, fetched)
    except MediaError as error:
        return _Outcome(clip.clip_id, error.state, error.reason)
    return _Outcome(
        clip.clip_id,
        "ok",
        attempts=fetched.attempts,
        seconds=fetched.seconds,
        bytes=len(fetched.flac),
        sha256=fetched.sha256,
        key=key,
    )


def _key(clip: _Clip, params: DownloadParams) -> str:
    """Return the store's key: a hash of all that the clip's sound, and its being ok, depend on."""
    try:
        with clip.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError("unavailable", f"{clip.path}: {error.strerror}") from error
    checks = (params.tolerance_s, params.silence_db)
    return digest("clip", clip.media_id, clip.start_s, clip.end_s, params.rate_hz, *checks, content)


def _fetch(clip: _Clip, params: DownloadParams) -> Fetched:
    span = (params.rate_hz, clip.start_s, clip.end_s)
    samples = decode(clip.path, *span)
    whole = fit(samples, *span, params.tolerance_s)
    level_db = peak_db(samples)
    if level_db <= params.silence_db:
        raise MediaError(
            "silent", f"peak {level_db:.1f} dB, not above {params.silence_db:g} dB of full scale"
        )
    return Fetched(to_flac(whole, params.rate_hz), len(samples) / params.rate_hz, attempts=1)


def _sound(outcomes: list[_Outcome], store: Store) -> Iterator[tuple[str, bytes]]:
    for outcome in outcomes:
        if outcome.state == "ok":
            fetched = recall(store, outcome.key)
            if fetched is None:
                raise SpikesoundError(
                    f"{store.root}: the clip {outcome.clip_id} vanished during the download"
                )
            yield outcome.clip_id, fetched.flac


def _judge(status: pd.DataFrame, max_failures: float, table: Path) -> None:
    counts = Counter(status["state"])
    missing = len(status) - counts["ok"]
    if counts["ok"] and missing <= max_failures * len(status):
        return
    told = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    first = status[status["state"] != "ok"].iloc[0]
    limit = f"more than download.max_failures = {max_failures:g}" if counts["ok"] else "all of them"
    raise SpikesoundError(
        f"{missing} of {len(status)} clips are not there, {limit} ({told}); the first is"
        f" {first['clip_id']}: {first['reason']}; {table} tells which and why"
    )
