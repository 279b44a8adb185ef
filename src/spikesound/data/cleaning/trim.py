"""Silence at a clip's ends."""

from __future__ import annotations

from spikesound.data.cleaning.dc import Wave

FRAME_S = 0.025
HOP_S = 0.010


def trim(samples: Wave, rate_hz: int, below_db: float) -> tuple[Wave, float, float]:
    """Cut off the frames at both ends that are quieter than ``below_db`` under the loudest.

    Frames of 25 ms, every 10 ms; their level is that of the root mean square. What is quiet between
    two louder parts stays.

    Parameters
    ----------
    samples
        One wave, ``(sample,)``.
    rate_hz
        Its sampling rate.
    below_db
        Level relative to that of the clip's loudest frame, negative.

    Returns
    -------
    tuple
        The wave, and the seconds cut off at its start and at its end. Of a wave without any sound
        nothing is cut off: no frame is below another.
    """
    from librosa.effects import trim as cut_off  # here, since it takes a second to load

    if not len(samples):
        return samples, 0.0, 0.0
    _, (start, end) = cut_off(
        samples,
        top_db=-below_db,
        frame_length=max(2, round(FRAME_S * rate_hz)),
        hop_length=max(1, round(HOP_S * rate_hz)),
    )
    return samples[start:end], start / rate_hz, (len(samples) - end) / rate_hz
