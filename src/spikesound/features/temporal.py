"""Features of the wave itself, frame by frame."""

from __future__ import annotations

from torch import Tensor


def amplitude_envelope(frames: Tensor) -> Tensor:
    """Take the largest ``|x|`` of each frame.

    Parameters
    ----------
    frames
        ``(batch, frame, window)``, in full scale (-1 to 1).

    Returns
    -------
    Tensor
        Amplitude, ``(batch, frame, 1)``, 0 to 1.
    """
    return frames.abs().amax(-1, keepdim=True)


def rms(frames: Tensor) -> Tensor:
    """Compute the root mean square of each frame, as ``librosa.feature.rms``.

    ``sqrt(mean_t x[t]^2)``: a sine of amplitude 1 has 0.707 (-3 dB of full scale).

    Parameters
    ----------
    frames
        ``(batch, frame, window)``, in full scale (-1 to 1).

    Returns
    -------
    Tensor
        Amplitude, ``(batch, frame, 1)``, 0 to 1.
    """
    return frames.square().mean(-1, keepdim=True).sqrt()
