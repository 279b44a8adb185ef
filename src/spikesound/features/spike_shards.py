"""Encode feature shards into the shards that spiking networks read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.bitpack import pack
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.core.seeds import derive
from spikesound.features import normalisation
from spikesound.features.shards import Shards, write_shards
from spikesound.snn.encoding import STEP_VALUES, Encoder


def encode_shards(
    shards: Shards,
    fold: str,
    *,
    name: str,
    encoder: Encoder,
    params: Any,
    seed: int,
    out: Path,
    shard_clips: int = 100,
) -> None:
    """Normalise, encode and write every clip, with figures fitted on the other folds' clips.

    Spikes are written bit-packed along the feature axis, uint8 (clip, step, frame, bytes); values
    of direct coding as float16 (clip, 1, frame, bin). Draws depend on (seed, clip id) alone.
    ``spec.json`` beside the shards says the encoding, its steps, the number of bins of the spikes,
    how many of these stand for one bin of the features, and what a spike of each step is worth.

    Parameters
    ----------
    shards : features (clip, frame, bin)
    fold : the fold held out for testing
    name, encoder, params : the encoding, its function and its section of params.yaml
    """
    low, high = normalisation.load(shards.folder / "normalisation.json", fold)

    def encoded(clip_id: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        generator = torch.Generator().manual_seed(derive(seed, "encode", clip_id))
        x = torch.from_numpy(normalisation.apply(values, low, high))
        result: npt.NDArray[Any] = encoder(x, params, generator).numpy()
        return pack(result) if result.dtype == np.bool_ else result.astype(np.float16)

    clips = (
        encoded(clip_id, values)
        for rows, part in shards.parts()
        for clip_id, values in zip(rows["clip_id"], part, strict=True)
    )
    shown = track(clips, total=len(shards), what=f"encode, fold {fold}")
    write_shards(out, shards.index, shown, shard_clips)
    # An encoding may put several neurons in place of each bin; silence shows how many.
    bins = encoder(torch.zeros(1, len(low)), params, torch.Generator()).shape[-1]
    spec = {
        "encoding": name,
        "steps": params.steps,
        "bins": bins,
        "neurons_per_bin": bins // len(low),
        "step_values": STEP_VALUES[name](params).tolist(),
        "fold": fold,
    }
    write_json(out / "spec.json", spec)
