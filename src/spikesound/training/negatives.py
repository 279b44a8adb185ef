"""Clips of no class among the training clips: outlier exposure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikesound.audio.recordings import read_recordings
from spikesound.audio.resampling import Wave
from spikesound.core.seeds import derive
from spikesound.data.negatives import divided, negatives
from spikesound.features.encoded import stored_clips
from spikesound.features.front_end import FrontEnd
from spikesound.models.spec import Spec
from spikesound.params import NegativeParams
from spikesound.training.dataset import Dataset

Floats = npt.NDArray[np.float32]

FOLD = "negative"
"""Fold and recording that they have in a dataset; no split divides them."""


def with_negatives(
    clips: Dataset, params: NegativeParams | None, front_end: FrontEnd, spec: Spec
) -> Dataset:
    r"""Return training clips with clips of no class behind them; without parameters the clips.

    The target of such a clip is :math:`1 / K` for each of K classes where a clip has one label: the
    loss is the cross-entropy with the uniform distribution. Where labels are several, or of
    detectors, no class is present.

    Parameters
    ----------
    clips : to train on, in memory
    params : shares of the number of these clips, and folders of recordings
    front_end : of the fold
    spec : classes, kind of labels, encoding and seed

    Raises
    ------
    SpikesoundError
        If a folder has no recording, or a damaged one.

    References
    ----------
    Hendrycks et al. 2019, "Deep anomaly detection with outlier exposure", section 3.
    """
    if params is None:
        return clips
    counts = {
        kind: round(getattr(params, kind) * len(clips))
        for kind in ("silence", "noise", "recordings")
    }
    recordings = [
        wave
        for folder in params.folders
        for wave in divided(read_recordings(Path(folder), front_end.rate_hz))[0]
    ]
    features = front_end.features
    frames = clips.inputs.shape[2]
    length = features.clip_s or frames * features.hop / features.rate_hz
    made = list(
        negatives(
            counts,
            round(length * features.rate_hz),
            recordings,
            front_end.rate_hz,
            seed=derive(spec.seed, "negatives", spec.fold),
        )
    )
    ids, waves = [each for each, _ in made], (wave for _, wave in made)
    section = spec.encoding_section()
    encoding = None if section is None or spec.encoding is None else (spec.encoding, section)
    inputs = np.stack(
        list(stored_clips(_features(waves, front_end, frames), ids, encoding, spec.seed))
    )
    classes = clips.present.shape[1]
    target = 1 / classes if spec.labels == "single" else 0.0
    active = clips.active
    if active is not None:
        active = np.concatenate([active, np.zeros((len(ids), *active.shape[1:]), bool)])
    return replace(
        clips,
        ids=clips.ids + ids,
        folds=clips.folds + [FOLD] * len(ids),
        groups=clips.groups + ids,
        inputs=np.concatenate([clips.inputs, inputs.astype(clips.inputs.dtype)]),
        present=np.concatenate([clips.present, np.full((len(ids), classes), target, np.float32)]),
        active=active,
    )


def _features(waves: Iterator[Wave], front_end: FrontEnd, frames: int) -> Iterator[Floats]:
    """Yield features (frame, bin) of as many frames as the clips have."""
    for wave in waves:
        values = front_end.whole(wave)[:frames]
        yield np.pad(values, ((0, frames - len(values)), (0, 0)))
