"""The shards that spiking networks read: encoded feature shards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.features import normalisation
from spikesound.features.encoded import stored_clips
from spikesound.features.shards import Shards, write_shards
from spikesound.params import EncodingParams
from spikesound.snn.encoding import ENCODINGS


def encode_shards(
    shards: Shards,
    fold: str,
    *,
    encoding: str,
    params: EncodingParams,
    seed: int,
    out: Path,
    shard_clips: int = 100,
) -> None:
    """Normalise, encode and write every clip, with ranges fitted on the other folds' clips.

    What a clip becomes is said by :func:`spikesound.features.encoded.stored_clips`. ``spec.json``
    beside the shards has the encoding and its parameters, the number of time steps and of input
    neurons, how many of these stand in place of one bin of the features, and the decoding weight of
    a spike of each step.

    Parameters
    ----------
    shards : features (clip, frame, bin)
    fold : the fold held out for testing
    encoding, params : kind of the encoding, and its parameters
    """
    low, high = normalisation.load(shards.folder / "normalisation.json", fold)
    ids = list(shards.index["clip_id"])

    def normalised() -> Iterator[npt.NDArray[Any]]:
        for _, part in shards.parts():
            for values in part:
                yield normalisation.apply(values, low, high)

    clips = stored_clips(normalised(), ids, (encoding, params), seed)
    shown = track(clips, total=len(shards), what=f"encode, fold {fold}")
    write_shards(out, shards.index, shown, shard_clips)
    spec = {
        "encoding": encoding,
        "params": params.model_dump(),
        "steps": params.steps,
        "bins": len(low) * params.neurons_per_bin,
        "neurons_per_bin": params.neurons_per_bin,
        "step_values": ENCODINGS[encoding].step_values(params).tolist(),
        "fold": fold,
    }
    write_json(out / "spec.json", spec)
