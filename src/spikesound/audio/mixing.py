"""Changes of a wave that leave its label: gain, and noise at an exact ratio.

Used by the conditions of robustness, on sound before features are computed. Samples are
``(..., sample)``, within full scale, on any device; nothing is drawn at random.
"""

from __future__ import annotations

import torch
import torchaudio.functional as F

QUIET = 1e-3
"""Of a clip's peak: what is below, at the ends, is not taken for sound (-60 dB)."""


def set_gain(samples: torch.Tensor, gain_db: torch.Tensor | float) -> torch.Tensor:
    """Return the sound louder or quieter, clipped at full scale (-1 and 1).

    Parameters
    ----------
    gain_db : one for all, or one a clip, of shape (...)
    """
    if isinstance(gain_db, torch.Tensor):
        louder = samples * (10 ** (gain_db.to(samples.dtype) / 20)).unsqueeze(-1)
    else:
        louder = F.gain(samples, gain_db)
    return louder.clamp(-1, 1)


def sounding(samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where each clip's stretch that is not quiet begins, and its length, each (...).

    Clips of ESC-10 that were too short have zeros at their end, up to 93 % of a clip; as a part of
    the signal these would lower its power, and so that of the noise. Quiet is what is below
    :data:`QUIET` of the peak. Pauses within the stretch belong to it. A silent clip has length 0.
    """
    level = samples.abs()
    floor = (QUIET * level.amax(-1, keepdim=True).double()).clamp(min=1e-9).to(samples.dtype)
    loud = level >= floor
    first = loud.int().argmax(-1)
    end = samples.shape[-1] - loud.int().flip(-1).argmax(-1)
    return first, torch.where(loud.any(-1), end - first, 0)


def add_noise(
    samples: torch.Tensor, noise: torch.Tensor, snr_db: torch.Tensor | float
) -> torch.Tensor:
    r"""Add noise, at a ratio that is exact for each clip and its noise.

    .. math:: y = x + g n, \qquad
              g^2 = \frac{P_x}{P_n} 10^{-\mathrm{SNR} / 10}

    with the mean powers P of signal and noise over the clip's stretch that sounds
    (:func:`sounding`). The noise goes on over the whole clip, and nothing is clipped.

    Parameters
    ----------
    samples, noise
        Of equal shape (..., sample).
    snr_db
        Signal-to-noise ratio :math:`10 \log_{10}(P_x / g^2 P_n)`: one, or one a clip (...).

    Returns
    -------
    torch.Tensor
        A silent signal, or one whose stretch has no noise, stays as it is: it has no ratio.
    """
    first, length = sounding(samples)
    # torchaudio measures powers from the first sample to a length: the stretch is turned there.
    x, n = (_turned(wave, -first).double() for wave in (samples, noise))
    snr = torch.as_tensor(snr_db, dtype=x.dtype, device=x.device).expand(first.shape)
    mixed = _turned(F.add_noise(x, n, snr, length).to(samples.dtype), first)
    place = torch.arange(samples.shape[-1], device=samples.device)
    audible = (n.square() * (place < length.unsqueeze(-1))).sum(-1, keepdim=True) > 0
    return torch.where(audible, mixed, samples)


def _turned(waves: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """Return each wave (..., sample) delayed by a number of samples (...), circularly."""
    if waves.ndim == 1:  # a copy, which takes a tenth of the time
        return torch.roll(waves, int(by))
    place = torch.arange(waves.shape[-1], device=waves.device) - by.unsqueeze(-1)
    return waves.gather(-1, place % waves.shape[-1])
