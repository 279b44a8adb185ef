"""Features of background without events, in which false alarms are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikesound.audio.recordings import read_recordings
from spikesound.audio.resampling import Wave
from spikesound.core.progress import track
from spikesound.core.seeds import numpy_generator
from spikesound.data.ontology import Ontology
from spikesound.data.scenes.background import background_scenes
from spikesound.data.sources.scenes import Scenes
from spikesound.data.store import Store
from spikesound.features.front_end import read_front_end
from spikesound.params import DetectionParams, ScenesParams


def write_backgrounds(
    section: DetectionParams,
    mixing: ScenesParams,
    recordings: Path,
    store: Store,
    ontology: Path,
    features: Path,
    seed: int,
) -> list[Path]:
    """Write the features of background without events for each held-out fold of detection.

    Parameters
    ----------
    section : of detection: folds, number of clips, source
    mixing : of scenes, whose own background recordings of the fold are taken
    recordings : folder of those that are taken for another source
    store : where scenes are kept
    ontology : AudioSet's, a file
    features : folder of the task's features, which gets the files
    """

    def waves(fold: str, rate_hz: int) -> Sequence[Wave]:
        if section.source != "scenes":
            return read_recordings(recordings, rate_hz)
        at_rate = mixing.model_copy(update={"rate_hz": rate_hz})
        scenes = Scenes(at_rate, Ontology.load(ontology), store.root / "sources")
        return scenes.background_waves(fold)

    return [
        write_background(
            features,
            fold,
            partial(waves, fold),
            count=section.background_clips,
            mixing=mixing,
            seed=seed,
        )
        for fold in section.folds
    ]


def write_background(
    features: Path,
    fold: str,
    waves_at: Callable[[int], Sequence[Wave]],
    *,
    count: int,
    mixing: ScenesParams,
    seed: int,
) -> Path:
    """Write the features of background without events, and return their file.

    Parameters
    ----------
    features : folder of the task's features, which gets the file
    fold : held out for testing; ranges and recordings are its own
    waves_at : returns the recordings of background, at a sampling rate
    count : clips, as long as those of the task
    mixing : levels of the background
    """
    front_end = read_front_end(features, fold)
    assert front_end.features.clip_s is not None
    clips = background_scenes(
        waves_at(front_end.rate_hz),
        count=count,
        length_s=front_end.features.clip_s,
        rate_hz=front_end.rate_hz,
        dbfs=(mixing.background_dbfs[0], mixing.background_dbfs[1]),
        active_db=mixing.active_db,
        generator=numpy_generator(seed, "background"),
    )
    shown = track(clips, total=count, what=f"background, fold {fold}")
    values = np.stack([front_end.whole(wave) for wave in shown]).astype(np.float16)
    path = _file(features, fold)
    np.savez_compressed(path, x=values)
    return path


def read_background(features: Path, fold: str) -> npt.NDArray[np.float16]:
    """Return the background's features (clip, frame, bin) in [0, 1] of a held-out fold."""
    values: npt.NDArray[np.float16] = np.load(_file(features, fold))["x"]
    return values


def _file(features: Path, fold: str) -> Path:
    return features / f"background-{fold}.npz"
