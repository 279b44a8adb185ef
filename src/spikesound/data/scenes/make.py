"""A folder of scenes: their sound, their labels, and what each was mixed of."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from spikesound.audio.cutting import Samples
from spikesound.audio.flac import to_flac
from spikesound.core.atomic import beside
from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.core.seeds import numpy_generator
from spikesound.data.parallel import in_order
from spikesound.data.scenes.background import CROSS_FADE_S, at_level, continued
from spikesound.data.scenes.drawing import draw_events
from spikesound.data.scenes.material import (
    Material,
    Recorded,
    Recording,
    read_background,
    read_event,
    sample_at,
)
from spikesound.data.scenes.mix import mix
from spikesound.data.scenes.tables import MixedRow, write_lists
from spikesound.params import ScenesParams

VERSION = 1
"""Of how scenes are made: raise it with any change to their bytes."""

STALE_S = 600.0
"""Age of a temporary folder, without a write into it, at which it is deleted."""

SCENE_MS = 10_000
"""AudioSet's strong labels are of clips as long as that."""


@dataclass(frozen=True)
class Scene:
    """A scene's 16-bit samples at the rate of the parameters, and its rows of ``mixed.csv``."""

    media_id: str
    samples: Samples
    rows: list[MixedRow]


def media_id(fold: str, number: int) -> str:
    """Return the id of a fold's scene."""
    return f"s{fold}-{number:05d}"


def make_scenes(
    sources: Sequence[Recorded], backgrounds: set[str], params: ScenesParams, folder: Path
) -> None:
    """Mix all scenes into a folder that appears when it is whole.

    It is filled under another name, ending in ``.part``, and renamed; one that is there already is
    taken as it is. What a killed run leaves is not read, and a later one takes it away.

    Parameters
    ----------
    sources
        Every recording, of all folds.
    backgrounds
        Ids of the labels whose recordings are backgrounds; all others become events.
    params
        The source's section.
    folder
        Gets ``segments.csv``, ``strong.tsv``, ``folds.csv``, ``mixed.csv`` and ``audio/``.

    Raises
    ------
    SpikesoundError
        If a fold has no background or no event, a recording cannot be read or is too short, or the
        events do not fit.
    """
    if folder.is_dir():
        return
    check_folds(sources, backgrounds)
    aside = beside(folder)
    _clear(folder)
    try:
        (aside / "audio").mkdir(parents=True)
        material = read_material(sources, backgrounds, params)
        write_lists(_mixed(material, params, aside / "audio"), aside)
        try:
            aside.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process has been quicker
                raise
    except OSError as error:
        raise SpikesoundError(f"{folder}: the scenes cannot be written: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Take away what runs left that were killed; what another run makes now grows all the time."""
    for left in folder.parent.glob(f"{folder.name}.*.part"):
        try:
            idle_s = time.time() - (left / "audio").stat().st_mtime
        except FileNotFoundError:
            continue  # another run has taken it away, or has only begun
        if idle_s > STALE_S:
            shutil.rmtree(left, ignore_errors=True)


def check_folds(sources: Sequence[Recorded], backgrounds: set[str]) -> None:
    """Check that every fold has recordings for events and for backgrounds.

    Raises
    ------
    SpikesoundError
        If one has not.
    """
    folds = {source.fold for source in sources}
    for what, is_it in (("background", True), ("event", False)):
        have = {source.fold for source in sources if (source.label in backgrounds) is is_it}
        if lacking := sorted(folds - have):
            raise SpikesoundError(
                f"sources.scenes: fold {lacking[0]!r} has no recording for {what}s"
                " (sources.scenes.backgrounds lists the labels that are backgrounds)"
            )


def read_material(
    sources: Sequence[Recorded], backgrounds: set[str], params: ScenesParams
) -> dict[str, Material]:
    """Read the recordings, each once, and sort them by fold, kind and label.

    Raises
    ------
    SpikesoundError
        If one cannot be read, is silent or too short; the message names its file.
    """

    def read(source: Recorded) -> Recording:
        if source.label in backgrounds:
            return read_background(source, params.rate_hz, params.active_db)
        return read_event(source, params.rate_hz, params.active_db, params.event_s[0])

    behind: dict[str, list[Recording]] = {}
    events: dict[str, dict[str, list[Recording]]] = {}
    with ThreadPoolExecutor(_threads()) as pool:
        done = in_order(pool, read, sources, ahead=2 * _threads())
        shown = track(done, total=len(sources), what="scenes: recordings", unit="file")
        for source, recording in zip(sources, shown, strict=True):
            if source.label in backgrounds:
                behind.setdefault(source.fold, []).append(recording)
            else:
                of_fold = events.setdefault(source.fold, {})
                of_fold.setdefault(source.label, []).append(recording)
    return {fold: Material(behind[fold], events[fold]) for fold in sorted(events)}


def make_scene(material: Material, fold: str, number: int, params: ScenesParams) -> Scene:
    """Make one scene; it hangs on the seed, the fold, its number and the fold's recordings alone.

    Raises
    ------
    SpikesoundError
        If the events do not fit.
    """
    generator = numpy_generator(params.seed, "scene", fold, number)
    rate_hz, length = params.rate_hz, sample_at(SCENE_MS, params.rate_hz)
    behind = material.backgrounds[int(generator.integers(len(material.backgrounds)))]
    dbfs = generator.uniform(params.background_dbfs[0], params.background_dbfs[1])
    fade = round(CROSS_FADE_S * rate_hz)
    background = at_level(continued(behind.samples, length, fade, generator), dbfs)
    empty = bool(generator.random() < params.empty_share)
    low_s, high_s = params.event_s
    events = draw_events(
        material,
        length_ms=SCENE_MS,
        count=(0, 0) if empty else (params.events[0], params.events[1]),
        event_ms=(round(low_s * 1000), round(high_s * 1000)),
        snr_db=(params.snr_db[0], params.snr_db[1]),
        generator=generator,
    )
    mixed = mix(background, events, rate_hz)
    name = media_id(fold, number)
    level_db = dbfs + 20 * float(np.log10(mixed.gain))
    rows = [
        MixedRow.of_event(name, event, snr_db, behind.media_id, level_db)
        for event, snr_db in zip(events, mixed.snr_db, strict=True)
    ] or [MixedRow.of_nothing(name, behind.media_id, level_db)]
    return Scene(name, np.round(mixed.samples * 32767).astype(np.int16), rows)


def _mixed(
    material: Mapping[str, Material], params: ScenesParams, folder: Path
) -> dict[str, list[MixedRow]]:
    """Write every scene's sound, and return the rows of each fold in the order of the scenes."""
    wanted = [(fold, number) for fold in material for number in range(params.scenes_per_fold)]
    rows: dict[str, list[MixedRow]] = {fold: [] for fold in material}
    work = partial(_write_scene, material, params, folder)
    with ThreadPoolExecutor(_threads()) as pool:
        done = in_order(pool, work, wanted, ahead=2 * _threads())
        shown = track(done, total=len(wanted), what="scenes", unit="scene")
        for (fold, _), made in zip(wanted, shown, strict=True):
            rows[fold] += made
    return rows


def _write_scene(
    material: Mapping[str, Material], params: ScenesParams, folder: Path, which: tuple[str, int]
) -> list[MixedRow]:
    fold, number = which
    scene = make_scene(material[fold], fold, number, params)
    (folder / f"{scene.media_id}.flac").write_bytes(to_flac(scene.samples, params.rate_hz))
    return scene.rows


def _threads() -> int:
    return os.cpu_count() or 1
