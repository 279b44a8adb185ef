"""Log-mel spectrogram, and the cepstral coefficients (MFCC) made of it."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from spikesound.core.errors import SpikesoundError
from spikesound.features.framing import decibels
from spikesound.features.mel_scale import mel_triangles

GROUP_MELS = 16
"""Filters multiplied together: as low ones are narrow, most zeros are then not multiplied."""

Group = tuple[int, int, Tensor]


@lru_cache(maxsize=8)
def mel_filters(
    rate_hz: int, window: int, mels: int, low_hz: float, high_hz: float
) -> tuple[Group, ...]:
    """Make Slaney's mel filters (:mod:`.mel_scale`), in groups of neighbours.

    Returns
    -------
    tuple of (first bin, end bin, weights ``(bin, mel)``)
        The filters of a group are zero outside its bins.

    Raises
    ------
    SpikesoundError
        If a filter lies between two bins of the spectrum, and would always give silence.
    """
    weights = mel_triangles(rate_hz, window, mels, low_hz, high_hz)
    empty = int((weights.max(axis=1) == 0).sum())
    if empty:
        raise SpikesoundError(
            f"features.mels {mels}: {empty} of the filters fall between the bins of a window of "
            f"{window} samples; take fewer mels or a longer window"
        )
    groups = []
    for rows in np.array_split(weights, math.ceil(mels / GROUP_MELS)):
        used = np.flatnonzero(rows.any(axis=0))
        first, end = int(used[0]), int(used[-1]) + 1
        groups.append((first, end, torch.from_numpy(rows[:, first:end].T.copy())))
    return tuple(groups)


def log_mel(power: Tensor, filters: tuple[Group, ...]) -> Tensor:
    """Compute the level in each mel band: ``10 log10(max(power @ filters, 1e-10))``.

    Parameters
    ----------
    power
        Power spectra, ``(batch, frame, bin)``.
    filters
        From :func:`mel_filters`.

    Returns
    -------
    Tensor
        Levels in dB, ``(batch, frame, mel)``.
    """
    bands = [power[..., first:end] @ weights.to(power) for first, end, weights in filters]
    return decibels(torch.cat(bands, dim=-1))


@lru_cache(maxsize=8)
def cosines(mels: int, mfccs: int) -> Tensor:
    """Make the first columns of the orthonormal DCT-II, ``(mel, coefficient)``.

    ``c[m, k] = sqrt(2 / M) cos(pi k (2 m + 1) / (2 M))``, and ``c[m, 0] = sqrt(1 / M)``.
    """
    angle = math.pi / (2 * mels) * (2 * np.arange(mels)[:, None] + 1) * np.arange(mfccs)
    columns = np.sqrt(2 / mels) * np.cos(angle)
    columns[:, 0] = np.sqrt(1 / mels)
    return torch.from_numpy(columns.astype(np.float32))


def mfcc(levels_db: Tensor, mfccs: int) -> Tensor:
    """Compute mel-frequency cepstral coefficients, as ``librosa.feature.mfcc`` without lifter.

    The orthonormal DCT-II of the log-mel levels (Davis and Mermelstein 1980, equation 1, up to the
    scale).

    Parameters
    ----------
    levels_db
        Log-mel levels in dB, ``(batch, frame, mel)``.
    mfccs
        Number of coefficients, from the zeroth.

    Returns
    -------
    Tensor
        Coefficients in dB, ``(batch, frame, coefficient)``.
    """
    return levels_db @ cosines(levels_db.shape[-1], mfccs).to(levels_db)
