"""From a run's folders to the clips that can be listened to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikesound.core.bitpack import unpack
from spikesound.core.json_files import read_mapping
from spikesound.core.schema import STATUS, read_table
from spikesound.data.audio_shards import STATUS_FILE, read_shard
from spikesound.features.shards import Shards
from spikesound.models import classifier_spec
from spikesound.report.inputs import Clip
from spikesound.report.record import first_layer


@dataclass(frozen=True)
class Folders:
    """Where a run's parts lie.

    Attributes
    ----------
    audio, features
        Of the download and of the features stage.
    spikes, networks
        For each held-out fold the spiking networks' inputs, and the trained spiking network whose
        spikes are shown; empty where there is none.
    credits
        Table of who made each recording; need not be there.
    """

    audio: Path
    features: Path
    spikes: dict[str, Path]
    networks: dict[str, Path]
    credits: Path


def gather(clip_ids: Sequence[str], folders: Folders, feature_unit: str) -> list[Clip]:
    """Return the clips' sound, features, first layer's spikes and credit, in the given order.

    The spikes are those of the network that has not learnt from the clip's fold.

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
                feature_unit=feature_unit,
                bin_names=spec["bins"],
                spikes=_spikes(folders, str(row["fold"]), clip_id),
                spikes_of="the first layer",
                credit=credit(folders.credits, str(row["media_id"])),
            )
        )
    return clips


def credit(table: Path, media_id: str) -> str:
    """Return who made a recording and under which licence, or nothing where no table says so."""
    if not table.is_file():
        return ""
    with table.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["media_id"] == media_id:
                return f"{row['title']} by {row['author']}, {row['licence']}"
    return ""


def _spikes(folders: Folders, fold: str, clip_id: str) -> NDArray[np.float32] | None:
    if fold not in folders.networks:
        return None
    encoded = Shards(folders.spikes[fold])
    values = encoded.load([clip_id])[0]
    if values.dtype == np.uint8:
        spec = read_mapping(encoded.folder / "spec.json")
        values = unpack(values, spec["bins"])
    _, network = classifier_spec.load(folders.networks[fold])
    return first_layer(network, values.astype(np.float32))
