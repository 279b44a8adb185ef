"""Features as a network's input: the one place where clips are encoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spikesound.core.bitpack import pack
from spikesound.core.errors import choose
from spikesound.core.seeds import derive
from spikesound.params import EncodingParams
from spikesound.snn.encoding import ENCODINGS

Array = NDArray[Any]


def encode_clip(
    features: torch.Tensor, encoding: str, params: EncodingParams, *, seed: int, clip: str
) -> torch.Tensor:
    """Return the spikes (step, frame, bin) of a clip's features, or its values (direct coding).

    Parameters
    ----------
    features : (frame, bin) in [0, 1]
    encoding, params : kind of the encoding, and its parameters
    seed, clip : the draws of a stochastic encoding depend on these two alone

    Raises
    ------
    SpikesoundError
        If there is no such encoding.
    """
    generator = torch.Generator().manual_seed(derive(seed, "encode", clip))
    return choose(ENCODINGS, encoding, "encoding").encode(features, params, generator)


def stored_clips(
    values: Iterable[Array],
    clip_ids: Sequence[str],
    encoding: tuple[str, EncodingParams] | None,
    seed: int,
) -> Iterator[Array]:
    """Yield each clip's input as shards hold it.

    Spikes are bit-packed along the last axis, uint8 (step, frame, bytes); values, of direct coding
    and of features without an encoding, are float16 (1, frame, bin).

    Parameters
    ----------
    values : of each clip (frame, bin) in [0, 1]
    encoding : kind and parameters; None: the features themselves
    """
    for clip_id, features in zip(clip_ids, values, strict=True):
        if encoding is None:
            yield features.astype(np.float16)[None]
            continue
        coded = encode_clip(torch.from_numpy(features), *encoding, seed=seed, clip=clip_id).numpy()
        yield pack(coded) if coded.dtype == np.bool_ else coded.astype(np.float16)
