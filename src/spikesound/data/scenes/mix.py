"""A scene's sound: events laid over a background, each as far above it as was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikesound.data.scenes.background import Exact, below_full_scale
from spikesound.data.scenes.drawing import Drawn
from spikesound.data.scenes.material import sample_at

FADE_S = 0.010
QUIETEST_DB = -30.0
"""A background's level during an event counts as this far below its mean at least: where it is
silent for a while, an event at any level above it would be silent too."""


@dataclass(frozen=True)
class Mixed:
    """A scene that was mixed.

    Attributes
    ----------
    samples
        ``(sample,)``, the peak below full scale.
    snr_db
        Of each event, over the background while it lasts, as it came out.
    gain
        By which everything was scaled to stay below full scale.
    """

    samples: Exact
    snr_db: list[float]
    gain: float


def mix(background: Exact, events: Sequence[Drawn], rate_hz: int) -> Mixed:
    r"""Lay events over a background.

    An event :math:`e` has faded ends of 10 ms, and is scaled by :math:`g` so that over its samples
    :math:`K`, with the background :math:`b`,

    .. math:: 10 \log_{10} \frac{\sum_{k \in K} (g e_k)^2}{\sum_{k \in K} b_k^2} = \mathrm{SNR}

    Other events that sound at the same time do not count. At last the whole is scaled down if its
    peak is above 0.99, which leaves all ratios as they are.

    Parameters
    ----------
    background
        ``(sample,)``, not all zeros; it is not changed.
    events
        What is laid over it. An event's samples are those from ``onset_ms`` up to ``offset_ms``,
        each rounded to the nearest sample.
    rate_hz
        Of the background and of the events' recordings.
    """
    assert background.any()
    samples = background.copy()
    floor = float(np.mean(background**2)) * 10 ** (QUIETEST_DB / 10)
    ratios = []
    for event in events:
        first, last = (sample_at(ms, rate_hz) for ms in (event.onset_ms, event.offset_ms))
        cut = stretch(event, last - first, rate_hz)
        under = float(np.mean(background[first:last] ** 2))
        power = float(np.mean(cut**2))
        gain = np.sqrt(max(under, floor) * 10 ** (event.snr_db / 10) / power)
        samples[first:last] += gain * cut
        ratios.append(event.snr_db + 10 * np.log10(max(1.0, floor / max(under, 1e-30))))
    scaled, gain = below_full_scale(samples)
    return Mixed(scaled, ratios, gain)


def stretch(event: Drawn, length: int, rate_hz: int) -> Exact:
    """Cut an event out of its recording, with faded ends; its first sample is not zero."""
    first = sample_at(event.source_onset_ms, rate_hz)
    first = min(first, len(event.recording.samples) - length)  # rounding: a sample at most
    cut = event.recording.samples[first : first + length].astype(np.float64)
    fade = min(round(FADE_S * rate_hz), length // 2)
    ramp = np.sin((np.arange(fade) + 0.5) / fade * np.pi / 2) ** 2
    cut[:fade] *= ramp
    cut[length - fade :] *= ramp[::-1]
    return cut
