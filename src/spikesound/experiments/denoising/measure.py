"""How near denoised levels are to clean ones, in dB, beside the noisy ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.bootstrap import Values, Weights, resampled, with_intervals
from spikesound.evaluation.robustness.conditions import Condition
from spikesound.features.front_end import FrontEnd
from spikesound.training.dataset import Dataset

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """Mean squared errors of clips, dB², over their frames and bins.

    Attributes
    ----------
    recordings, conditions : of each clip
    noisy : of the unprocessed clips (clip,)
    denoised : (clip,)
    """

    recordings: list[str]
    conditions: list[Condition]
    noisy: Floats
    denoised: Floats


def squared_error(clips: Dataset, levels: npt.NDArray[Any], front_end: FrontEnd) -> Floats:
    """Return the mean squared error, dB², of levels (clip, frame, bin) in [0, 1]."""
    clean = clips.inputs[:, 0].astype(np.float64) + _corrections(clips)
    span = np.asarray(front_end.high) - np.asarray(front_end.low)
    found: Floats = (((levels - clean) * span) ** 2).mean((1, 2))
    return found


def noisy_error(clips: Dataset, front_end: FrontEnd) -> Floats:
    """Return the mean squared error of the unprocessed clips."""
    return squared_error(clips, clips.inputs[:, 0].astype(np.float64), front_end)


def joined(parts: Sequence[Errors]) -> Errors:
    """Return the errors of several folds' clips as one."""
    return Errors(
        [name for part in parts for name in part.recordings],
        [each for part in parts for each in part.conditions],
        np.concatenate([part.noisy for part in parts]),
        np.concatenate([part.denoised for part in parts]),
    )


def figures(errors: Errors, *, resamples: int, confidence: float, seed: int) -> dict[str, Any]:
    r"""Return what a method gives over all clips, with intervals over recordings, and by condition.

    .. math::
        \mathrm{error} = \sqrt{\overline{(\hat s - s)^2}}, \qquad
        \mathrm{improvement} = 10 \log_{10} \frac{\overline{(x - s)^2}}{\overline{(\hat s - s)^2}}

    of noisy levels x, denoised and clean ones, dB: the root mean square distance of the log-mel
    spectra, and by how much the SNR in them rises.

    Returns
    -------
    dict
        error_db, noisy_error_db and improvement_db with ``_low`` and ``_high``; improvement_db_by
        with that by noise and by SNR; clips
    """
    groups = np.unique(errors.recordings, return_inverse=True)[1]
    values = resampled(
        _of_weights(errors), groups, generator=numpy_generator(seed, "denoising"),
        resamples=resamples,
    )  # fmt: skip
    whole = {
        name: None if value is None else round(value, 4)
        for name, value in with_intervals(values, confidence).items()
    }
    by: dict[str, float] = {}
    for key in (lambda c: c.name, lambda c: f"{c.level:g} dB"):
        names = [key(condition) for condition in errors.conditions]
        for name in dict.fromkeys(names):
            chosen = np.array(names) == name
            by[name] = round(improvement_db(errors.noisy[chosen], errors.denoised[chosen]), 4)
    return whole | {"improvement_db_by": by, "clips": len(errors.noisy)}


def improvement_db(noisy: Floats, denoised: Floats) -> float:
    """Return by how much the SNR of levels rises, dB."""
    return float(10 * np.log10(noisy.mean() / denoised.mean()))


def _of_weights(errors: Errors) -> Callable[[Weights], dict[str, Values]]:
    def metrics(weights: Weights) -> dict[str, Values]:
        total = weights.sum(1)
        noisy, denoised = (weights @ each / total for each in (errors.noisy, errors.denoised))
        return {
            "error_db": np.sqrt(denoised),
            "noisy_error_db": np.sqrt(noisy),
            "improvement_db": 10 * np.log10(noisy / denoised),
        }

    return metrics


def _corrections(clips: Dataset) -> Floats:
    assert clips.active is not None
    return clips.active.astype(np.float64)
