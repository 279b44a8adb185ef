"""Classical methods on mel levels: spectral subtraction and the Wiener filter.

Both take the noise of a band to be a quantile of its power over the whole clip, which a stream
could not know yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.params.denoising import DenoisingParams

Levels = npt.NDArray[Any]

LEAST = 1e-10
"""Power that the lowest level stands for (:func:`spikesound.features.mel.log_mel`)."""


def spectral_subtraction(
    levels_db: Levels, *, quantile: float, factor: float, floor_db: float
) -> Levels:
    r"""Return levels (clip, frame, bin), dB, without a multiple of the noise's power.

    .. math:: \hat P_{t,b} = \max(P_{t,b} - \alpha N_b, \; g P_{t,b})

    References
    ----------
    Berouti, Schwartz & Makhoul 1979, "Enhancement of speech corrupted by acoustic noise"; Stahl,
    Fischer & Bippus 2000, "Quantile based noise estimation for spectral subtraction and Wiener
    filtering".
    """
    power = 10 ** (levels_db.astype(np.float32) / 10)
    noise = np.quantile(power, quantile, axis=1, keepdims=True)
    return _decibels(np.maximum(power - factor * noise, power * 10 ** (-floor_db / 10)))


def wiener(levels_db: Levels, *, quantile: float, smoothing: float, floor_db: float) -> Levels:
    r"""Return levels (clip, frame, bin), dB, by a Wiener filter with decision-directed SNR.

    .. math::
        \xi_t = a \, G_{t-1}^2 \frac{P_{t-1}}{N} + (1 - a) \max\Big(\frac{P_t}{N} - 1, 0\Big),
        \qquad G_t = \frac{\xi_t}{1 + \xi_t}, \qquad \hat P_t = \max(G_t^2, g) P_t

    References
    ----------
    Scalart & Filho 1996, "Speech enhancement based on a priori signal to noise estimation".
    """
    power = 10 ** (levels_db.astype(np.float32) / 10)
    noise = np.maximum(np.quantile(power, quantile, axis=1), LEAST)
    before, found = np.zeros_like(noise), np.empty_like(power)
    for frame in range(power.shape[1]):
        posterior = power[:, frame] / noise
        prior = smoothing * before + (1 - smoothing) * np.maximum(posterior - 1, 0)
        gain = (prior / (1 + prior)) ** 2
        before = gain * posterior
        found[:, frame] = np.maximum(gain, 10 ** (-floor_db / 10)) * power[:, frame]
    return _decibels(found)


def _decibels(power: Levels) -> Levels:
    found: Levels = 10 * np.log10(np.maximum(power, LEAST))
    return found


METHODS: Mapping[str, Callable[..., Levels]] = {
    "spectral subtraction": spectral_subtraction,
    "Wiener filter": wiener,
}
"""The methods by name."""


def candidates(params: DenoisingParams, method: str) -> Iterator[dict[str, float]]:
    """Yield the parameters that a method can have."""
    own = {"spectral subtraction": params.factors, "Wiener filter": params.smoothing}[method]
    name = {"spectral subtraction": "factor", "Wiener filter": "smoothing"}[method]
    for quantile, value, floor in product(params.quantiles, own, params.floors_db):
        yield {"quantile": quantile, name: value, "floor_db": floor}
