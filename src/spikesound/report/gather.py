"""From a run's folders to the clips that the page shows."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikesound.core.bitpack import unpack
from spikesound.core.json_files import read_mapping
from spikesound.core.schema import STATUS, read_table
from spikesound.data.audio_shards import STATUS_FILE, read_shard
from spikesound.features import normalisation
from spikesound.features.shards import Shards
from spikesound.models import file
from spikesound.report.detected import Detected
from spikesound.report.inputs import Clip
from spikesound.report.record import first_layer


@dataclass(frozen=True)
class Folders:
    """Paths of the parts of a run.

    Attributes
    ----------
    audio, features
        Of the download and of the features stage.
    inputs, networks
        For each held-out fold the shards that a spiking network takes, encoded or the features
        themselves, and the network, whose spikes are shown; may be empty.
    credits
        Table of who made each recording; need not be there.
    """

    audio: Path
    features: Path
    inputs: Mapping[str, Path]
    networks: Mapping[str, Path]
    credits: Path


def gather(
    clip_ids: Sequence[str],
    folders: Folders,
    detected: Detected | None = None,
) -> list[Clip]:
    """Return the clips' sound, features, first layer's spikes and credit, in the given order.

    The spikes are those of the network from whose training the clip's fold was held out.

    Parameters
    ----------
    detected
        Of detection, the clips' sound events.

    Raises
    ------
    SpikesoundError
        If a clip is not among the features, or a file is missing or damaged.
    """
    features = Shards(folders.features)
    spec = read_mapping(folders.features / "spec.json")
    homes = read_table(folders.audio / STATUS_FILE, STATUS).set_index("clip_id")["path"]
    clips = []
    for clip_id in clip_ids:
        values = features.load([clip_id])[0].astype(float)
        row = features.index[features.index["clip_id"] == clip_id].iloc[0]
        _, samples, rate_hz = next(read_shard(folders.audio / homes[clip_id], {clip_id}))
        clips.append(
            Clip(
                clip_id=clip_id,
                samples=samples,
                rate_hz=rate_hz,
                features=values,
                frame_rate_hz=spec["frame_rate_hz"],
                feature_unit="dB" if spec["params"]["kinds"] == ["mel"] else "",
                bin_names=spec["bins"],
                spikes=_spikes(folders, str(row["fold"]), clip_id, values),
                spikes_of="the first layer",
                credit=credit(folders.credits, str(row["media_id"])),
                events=() if detected is None else detected.truth.get(clip_id, ()),
                detections={}
                if detected is None
                else {model: each[clip_id] for model, each in detected.detections.items()},
            )
        )
    return clips


def credit(table: Path, media_id: str) -> str:
    """Return who made a recording and under which licence; empty where there is no table.

    A clip that the table does not know was mixed from recordings that it does know.
    """
    if not table.is_file():
        return ""
    with table.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["media_id"] == media_id:
                return f"{row['title']} by {row['author']}, {row['licence']}"
    return f"Authors and licences of the recordings in it: {table.as_posix()}"


def _spikes(
    folders: Folders, fold: str, clip_id: str, features: NDArray[np.floating]
) -> NDArray[np.float32] | None:
    if fold not in folders.networks:
        return None
    if folders.inputs[fold] != folders.features:
        values = _encoded(folders.inputs[fold], clip_id)
    else:
        low, high = normalisation.load(folders.features / "normalisation.json", fold)
        values = normalisation.apply(features, low, high).astype(np.float16)
    _, network = file.load(folders.networks[fold])
    return first_layer(network, values.astype(np.float32))


def _encoded(folder: Path, clip_id: str) -> NDArray[np.generic]:
    """Return a clip's spikes (step, frame, bin), or its values of direct coding."""
    shards = Shards(folder)
    values: NDArray[np.generic] = shards.load([clip_id])[0]
    if values.dtype == np.uint8:
        return unpack(
            values.astype(np.uint8, copy=False), read_mapping(folder / "spec.json")["bins"]
        )
    return values
