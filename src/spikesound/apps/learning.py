"""Recordings for teaching a model a sound: files of a user, and clips of the pipeline."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.apps.api import WINDOW_S
from spikesound.apps.windows import sample_windows
from spikesound.audio.paths import SoundFile
from spikesound.audio.reading import blocks
from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping
from spikesound.features import normalisation
from spikesound.inference.learnt.activity import Activity, HiddenLayer
from spikesound.inference.learnt.file import Recording
from spikesound.models.loading import TrainedModel

LONGEST_S = 600.0
SHORTEST_S = 0.1
SILENT = 1e-3
"""Peak, of full scale 1, below which a recording is silent: -60 dB, as of downloads."""

KNOWN_CLIPS = 100

Floats = npt.NDArray[np.float32]


class Recordings:
    """Recordings of a user, through a model's hidden layer.

    Parameters
    ----------
    model : trained, without learnt sounds
    """

    def __init__(self, model: TrainedModel) -> None:
        self._model, self._layer = model, HiddenLayer(model)
        self._digests: dict[str, str] = {}
        """File by digest, of those that were read."""

    def add_known(self, recordings: Sequence[Recording]) -> None:
        """Note recordings that were read before: given again, they are an error."""
        self._digests |= {each.sha256: f"{each.name}, learnt before" for each in recordings}

    def read(self, sound: SoundFile) -> tuple[Recording, Activity]:
        """Return a recording and its activity.

        Raises
        ------
        SpikesoundError
            Naming the file: if it is damaged, silent, shorter than 0.1 s, longer than 10 min, or
            was read before.
        """
        if sound.path is None:
            raise SpikesoundError("stdin: expected a file; recordings are compared by their files")
        digest = hashlib.sha256(sound.path.read_bytes()).hexdigest()
        if digest in self._digests:
            raise SpikesoundError(f"{sound}: the same recording as {self._digests[digest]}")
        samples = self._samples(sound.path)
        self._digests[digest] = str(sound)
        activity = self._layer.of_windows(windows_of(self._model, samples))
        return Recording(name=sound.path.name, sha256=digest, rows=len(activity.rows)), activity

    def _samples(self, path: Path) -> Floats:
        rate_hz = self._model.front_end.rate_hz
        parts, length = [], 0
        for block in blocks(path, rate_hz):
            parts.append(block)
            length += len(block)
            if length > LONGEST_S * rate_hz:
                raise SpikesoundError(f"{path}: too long: expected at most {LONGEST_S:g} s")
        samples = np.concatenate(parts)
        if length < SHORTEST_S * rate_hz:
            raise SpikesoundError(
                f"{path}: too short: expected at least {SHORTEST_S:g} s, got {length / rate_hz:.3f}"
            )
        if np.abs(samples).max() < SILENT:
            raise SpikesoundError(f"{path}: silent: its peak is below -60 dB")
        return samples


def windows_of(model: TrainedModel, samples: Floats) -> Iterator[Floats]:
    """Return the windows of a recording as a model processes it: of a detector there is one."""
    if model.detects:
        return iter([samples])
    length = max(1, round((model.clip_s or WINDOW_S) * model.front_end.rate_hz))
    return (window for window, _ in sample_windows([samples], length, max(1, length // 2)))


def known_clips(model: TrainedModel, folder: Path) -> list[Activity]:
    """Return the activity for clips of the model's own classes, a hundred at most.

    They are taken evenly from the pipeline's features, without those of the held-out fold.

    Parameters
    ----------
    folder : of the pipeline's features for the model's task; without one there are no clips

    Raises
    ------
    SpikesoundError
        If the features are damaged, or others than the model's.
    """
    if not (folder / "index.parquet").is_file():
        return []
    stated: dict[str, Any] = read_mapping(folder / "spec.json", "run the features stage")
    own = model.front_end.features.model_dump(exclude={"batch_clips"})
    if stated.get("params") != own:
        raise SpikesoundError(
            f"{folder}: other features than {model.name} reads; give another folder by --known"
        )
    from spikesound.features.shards import Shards  # needs pandas, which the pipeline brings

    shards, layer = Shards(folder), HiddenLayer(model)
    index = shards.index[shards.index["fold"] != model.spec.fold]
    every = -(-len(index) // KNOWN_CLIPS)
    front_end = model.front_end
    return [
        layer.of_features(normalisation.apply(values, front_end.low, front_end.high))
        for values in shards.load(index["clip_id"].tolist()[::every])
    ]
