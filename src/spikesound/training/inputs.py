"""Clips of a model as it reads them: held in memory, or streamed, as its recipe says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from spikesound.params import RecipeParams
from spikesound.training.dataset import Dataset, load_features, load_spikes
from spikesound.training.stream.clips import stream_features, stream_spikes


def read_clips(
    inputs: Path, features: Path, classes: Sequence[str], fold: str, recipe: RecipeParams | None
) -> tuple[Dataset, dict[str, Any] | None]:
    """Return all clips, and what their encoding is, if any.

    Streamed clips offer what a dataset offers (:class:`.stream.clips.StreamedClips`).

    Parameters
    ----------
    inputs, features : folders of the shards that the model reads, and of the features; the same
        for a model that reads features
    classes : label ids in class order
    fold : held out, without which features are normalised
    recipe : says whether they are streamed; None: they are held in memory
    """
    stream = recipe is not None and recipe.dataset == "stream"
    if inputs == features:
        load = stream_features if stream else load_features
        return cast(Dataset, load(features, classes, fold)), None
    return cast(
        tuple[Dataset, dict[str, Any]],
        stream_spikes(inputs, classes) if stream else load_spikes(inputs, classes),
    )
