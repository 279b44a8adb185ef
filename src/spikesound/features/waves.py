"""Samples of clips as their features are computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikesound.audio.resampling import fit_length, resample
from spikesound.core.errors import SpikesoundError
from spikesound.data.audio_shards import read_audio
from spikesound.data.cleaning.clean import clean
from spikesound.features import clip_samples
from spikesound.params import FeatureParams


def load_waves(audio: Path, params: FeatureParams, ids: Sequence[str]) -> NDArray[np.float32]:
    """Return the samples of clips (clip, sample), at the rate and of the length of their features.

    Parameters
    ----------
    audio : folder of audio shards
    params : of the features, with the length of a clip
    ids : of the clips, in the order wanted

    Raises
    ------
    SpikesoundError
        If the folder is unfinished, or a clip is not in it.
    """
    row = {clip: number for number, clip in enumerate(ids)}
    waves = np.zeros((len(ids), clip_samples(params)), np.float32)
    missing = set(row)
    for clip, samples, rate_hz in read_audio(audio):
        if clip in row:
            mended, _ = clean(samples, rate_hz, params.cleaning)
            resampled = resample(mended, rate_hz, params.rate_hz)
            waves[row[clip]] = fit_length(resampled, waves.shape[1])
            missing.discard(clip)
    if missing:
        raise SpikesoundError(
            f"{audio}: no sound of clip {min(missing)!r}, which has features ({len(missing)} such "
            "clips); run the download stage again"
        )
    return waves
