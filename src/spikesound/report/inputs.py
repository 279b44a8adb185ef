"""What a report is made from: everything already loaded, no path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.errors import SpikesoundError, unknown
from spikesound.evaluation.summary import Metrics


@dataclass(frozen=True)
class Example:
    """One clip at every stage of its way.

    Attributes
    ----------
    clip_id
        One of those in the predictions.
    samples
        Shape (sample,), between -1 and 1.
    rate_hz
        Of the samples.
    features
        Shape (frame, bin).
    frame_rate_hz
        Frames a second.
    feature_unit
        Of the features, for example ``dB``.
    bin_names
        One a bin.
    spikes
        Shape (step, frame, bin), boolean; None where the encoding makes no spikes.
    encoding
        Its name.
    credit
        Who made the recording and under which licence; may be empty.
    """

    clip_id: str
    samples: NDArray[np.floating]
    rate_hz: int
    features: NDArray[np.floating]
    frame_rate_hz: float
    feature_unit: str
    bin_names: Sequence[str]
    spikes: NDArray[np.bool_] | None
    encoding: str
    credit: str = ""


@dataclass(frozen=True)
class ReportInputs:
    """Everything that the page shows.

    Attributes
    ----------
    summary
        Content of metrics/summary.json.
    names
        Content of labels.json: display name of each label id, in class order.
    predictions
        For each model its PREDICTIONS table.
    curves
        For each trained model its learning curves (metrics/curves/<model>.csv); models that learn
        in one go have none.
    status
        The STATUS table.
    example
        The clip that is followed.
    parameters
        params.yaml, as text.
    provenance
        What the figures were made with: versions, machine; shown as it is.
    """

    summary: Mapping[str, Metrics]
    names: Mapping[str, str]
    predictions: Mapping[str, pd.DataFrame]
    curves: Mapping[str, pd.DataFrame]
    status: pd.DataFrame
    example: Example
    parameters: str
    provenance: Mapping[str, str]

    def __post_init__(self) -> None:
        models = [name for name in self.summary if name != "dataset"]
        for name in models:
            if name not in self.predictions:
                raise unknown("model without predictions", name, self.predictions)
        for name in self.curves:
            if name not in models:
                raise unknown("model with learning curves", name, models)
        _check_example(self.example)


def choose_clip(index: pd.DataFrame, folds: Sequence[str], wanted: str | None = None) -> str:
    """Return the id of the clip to follow: the wanted one, or the first of the first fold.

    Parameters
    ----------
    index
        The FEATURE_INDEX table.
    folds
        Those held out, in order.
    wanted
        A clip id, or None.

    Raises
    ------
    SpikesoundError
        If the wanted clip is not in a held-out fold, or the first fold is empty.
    """
    if wanted is not None:
        held = index[index["fold"].isin(list(folds))]
        if wanted not in set(held["clip_id"]):
            raise unknown("clip", wanted, held["clip_id"])
        return wanted
    first = index[index["fold"] == folds[0]]
    if first.empty:
        raise unknown("fold", folds[0], set(index["fold"]))
    return str(first["clip_id"].min())


def _check_example(example: Example) -> None:
    where = f"example clip {example.clip_id!r}"
    if example.samples.ndim != 1 or example.samples.size == 0:
        raise SpikesoundError(f"{where}: samples of shape {example.samples.shape}, not (sample,)")
    if example.features.ndim != 2 or example.features.shape[1] != len(example.bin_names):
        raise SpikesoundError(
            f"{where}: features of shape {example.features.shape} are not (frame, bin) "
            f"with {len(example.bin_names)} bins"
        )
    spikes = example.spikes
    if spikes is not None and spikes.shape[1:] != example.features.shape:
        raise SpikesoundError(
            f"{where}: spikes of shape {spikes.shape} are not (step, frame, bin) "
            f"of features {example.features.shape}"
        )
