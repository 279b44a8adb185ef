"""Download of clips: every recording is fetched, decoded, cut, checked and packed into shards.

Each clip goes through the store first, and the shards are made from there in the order of the
clips. So a run that was killed goes on where it stopped, a longer list costs only its new clips,
and the shards are the same bytes however the work went.
"""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
import pandas as pd

from spikesound.core.atomic import is_local
from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import Board, track
from spikesound.core.schema import STATUS, write_table
from spikesound.core.seeds import numpy_generator
from spikesound.core.states import STATES
from spikesound.data.audio_shards import STATUS_FILE, clear, write_audio
from spikesound.data.executor import check_seen, check_store, executor
from spikesound.data.fetch.fetched import recall
from spikesound.data.fetch.obtain import attempt, insist
from spikesound.data.fetch.place import is_web
from spikesound.data.fetch.policy import Fetching
from spikesound.data.fetch.recording import Clip, Outcome, Recording
from spikesound.data.fetch.session import check_session, is_youtube
from spikesound.data.fetch.survey import Survey, survey
from spikesound.data.parallel import as_done
from spikesound.data.store import Store, digest
from spikesound.params import DownloadParams

FLAC_SHARE = 0.7
"""Of the size of 16-bit samples, that FLAC leaves of sound on the average or a little less."""


def download(
    clips: pd.DataFrame,
    locate: Callable[[str], str],
    params: DownloadParams,
    store: Store,
    out: Path | str,
    *,
    scheduler: str | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Obtain every clip and write the shards and ``status.parquet`` into the folder ``out``.

    A clip ends up ``ok``, with its sound cut to the sample, or in another of STATES with a reason;
    none is left out of the table.

    Parameters
    ----------
    clips
        Table CLIPS.
    locate
        Gives from its media id where a recording lies: a path, a web address or an fsspec address.
    params
        The section ``download`` of params.yaml.
    store
        Where clips are kept between runs.
    out
        The audio folder; shards of an earlier run in it are removed.
    scheduler
        Address of a Dask scheduler; None works on this machine.
    seed
        Of the pauses between requests.

    Returns
    -------
    DataFrame
        Table STATUS, in the order of ``clips``.

    Raises
    ------
    SpikesoundError
        Before any work: if there are no clips, a recording lies nowhere that can be reached,
        cookies or proxy cannot be used, YouTube is to be asked without the means to, or the disk
        is too small. After it: if the
        site refused too often, none is ok, or a larger share than ``max_failures`` is not; the
        table, which tells which clips they are, has been written by then.
    """
    out = Path(out) if isinstance(out, str) else out
    if clips.empty:
        raise SpikesoundError("no clips to download; the filter kept none")
    recordings = _recordings(clips, locate, params, absolute=scheduler is not None)
    if any(is_web(recording.location) for recording in recordings):
        youtube = any(is_youtube(recording.location) for recording in recordings)
        check_session(params, youtube=youtube)
        if params.cookies is not None:  # a worker has another working directory
            cookies = Path(params.cookies).absolute()
            params = params.model_copy(update={"cookies": str(cookies)})
    scratch = _scratch(store)
    with executor(scheduler, params.workers) as (pool, slots):
        check_store(pool, store)
        if params.cookies is not None:
            check_seen(pool, Path(params.cookies))
        outcomes, wanted = _survey(pool, slots, recordings, params, store, scratch)
        _check_space(wanted, params, store)
        stopped = _obtain(pool, slots, wanted, outcomes, params, store, scratch, seed, len(clips))
    ordered = [outcomes[clip_id] for clip_id in clips["clip_id"]]
    out.mkdir(parents=True, exist_ok=True)
    clear(out)
    sound = _sound(ordered, store) if not stopped else iter(())
    homes = write_audio(out, sound, params.shard_clips)
    status = pd.DataFrame(
        [asdict(outcome) | {"path": homes.get(outcome.clip_id, "")} for outcome in ordered],
        columns=STATUS.names,
    )
    write_table(status, STATUS, out / STATUS_FILE)
    _judge(status, params.max_failures, out / STATUS_FILE, stopped)
    return status


def _recordings(
    clips: pd.DataFrame, locate: Callable[[str], str], params: DownloadParams, *, absolute: bool
) -> list[Recording]:
    """Gather the clips of each recording, and look at every address before any work."""
    protocols = set(fsspec.available_protocols())
    of: dict[str, list[Clip]] = {}
    columns = (clips[name].tolist() for name in ("clip_id", "media_id", "start_s", "end_s"))
    for clip_id, media_id, start_s, end_s in zip(*columns, strict=True):
        if params.crop_s is not None:
            end_s = min(end_s, start_s + params.crop_s)
        of.setdefault(media_id, []).append(Clip(clip_id, start_s, end_s))
    recordings = []
    for media_id, wanted in of.items():
        location = locate(media_id)
        scheme = urlsplit(location).scheme if "://" in location else ""
        if scheme and scheme not in protocols:
            raise SpikesoundError(
                f"{location}: no way to fetch from {scheme}://; http(s)://, a path, or one of"
                " fsspec's: s3://, gs://, abfs://"
            )
        if absolute and not scheme:  # a worker has another working directory
            location = str(Path(location).absolute())
        recordings.append(Recording(media_id, location, tuple(wanted)))
    return recordings


def _scratch(store: Store) -> Path:
    """Return the folder for recordings on their way: beside the clips, if these are on a disk."""
    if is_local(store.root):
        return Path(store.root).absolute() / "recordings"
    # Of this store and this user alone: runs that have nothing to do with each other keep apart.
    owner = digest("scratch", str(store.root), getattr(os, "getuid", getpass.getuser)())[:16]
    return Path(tempfile.gettempdir()) / f"spikesound-{owner}" / "recordings"


def _survey(
    pool: Executor,
    slots: int,
    recordings: Sequence[Recording],
    params: DownloadParams,
    store: Store,
    scratch: Path,
) -> tuple[dict[str, Outcome], list[Recording]]:
    """Look up all clips in the store; return known outcomes, and recordings to fetch, in order."""
    outcomes: dict[str, Outcome] = {}
    wanted: dict[int, Recording] = {}
    look = partial(survey, params=params, store=store, scratch=scratch)
    surveyed: Iterator[tuple[int, Survey]] = as_done(pool, look, recordings, ahead=4 * slots)
    for index, seen in track(surveyed, total=len(recordings), what="look up", unit="recording"):
        outcomes |= {outcome.clip_id: outcome for outcome in seen.known}
        if seen.wanted is not None:
            wanted[index] = seen.wanted
    return outcomes, [wanted[index] for index in sorted(wanted)]


def _check_space(wanted: Sequence[Recording], params: DownloadParams, store: Store) -> None:
    """Check that the disk has room for the new clips, in the store and in shards.

    Raises
    ------
    SpikesoundError
        If it is more than is free; the message has both.
    """
    if not is_local(store.root):
        return
    seconds = sum(clip.end_s - clip.start_s for one in wanted for clip in one.clips)
    needed = 2 * FLAC_SHARE * 2 * seconds * params.rate_hz
    root = Path(store.root).absolute()
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise SpikesoundError(
            f"{store.root}: {needed / 1e9:.1f} GB needed for {seconds / 3600:.1f} h of new clips,"
            f" twice (store and shards), and {free / 1e9:.1f} GB free"
        )


def _obtain(
    pool: Executor,
    slots: int,
    wanted: Sequence[Recording],
    outcomes: dict[str, Outcome],
    params: DownloadParams,
    store: Store,
    scratch: Path,
    seed: int,
    asked: int,
) -> str:
    """Fetch the recordings and add their outcomes; return why it was stopped, if it was."""
    near = [recording for recording in wanted if recording.at_hand]
    far = [recording for recording in wanted if not recording.at_hand]
    with Board("download", sum(len(recording.clips) for recording in wanted)) as board:
        cut = partial(insist, params=params, store=store, scratch=scratch)
        for _, done in as_done(pool, cut, near, ahead=4 * slots):
            outcomes |= {outcome.clip_id: outcome for outcome in done}
            board.add(outcome.state for outcome in done)
        lost = sum(outcome.state != "ok" for outcome in outcomes.values())
        rng = numpy_generator(seed, "download")
        fetching = Fetching(far, params, rng, params.max_failures * asked, lost)
        for done in fetching.run(pool, slots, partial(attempt, params, store, scratch)):
            outcomes |= {outcome.clip_id: outcome for outcome in done}
            board.add((outcome.state for outcome in done), fetching.in_flight, fetching.waiting)
    return fetching.stopped


def _sound(outcomes: list[Outcome], store: Store) -> Iterator[tuple[str, bytes]]:
    for outcome in outcomes:
        if outcome.state == "ok":
            fetched = recall(store, outcome.key)
            if fetched is None:
                raise SpikesoundError(
                    f"{store.root}: the clip {outcome.clip_id} vanished during the download"
                )
            yield outcome.clip_id, fetched.flac


def _judge(status: pd.DataFrame, max_failures: float, table: Path, stopped: str) -> None:
    counts = Counter(status["state"])
    missing = len(status) - counts["ok"]
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    if stopped:
        raise SpikesoundError(
            f"stopped: {stopped}. Of {len(status)} clips: {states}; what is ok is kept, and {table}"
            " has the rest with its reasons"
        )
    if counts["ok"] and missing <= max_failures * len(status):
        return
    first = status[status["state"] != "ok"].iloc[0]
    limit = f"more than download.max_failures = {max_failures:g}" if counts["ok"] else "all of them"
    raise SpikesoundError(
        f"{missing} of {len(status)} clips are missing, {limit} ({states}); the first is"
        f" {first['clip_id']}: {first['reason']}; {table} lists all of them"
    )
