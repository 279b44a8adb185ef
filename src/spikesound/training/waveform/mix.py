"""Mixing of two clips of different classes: between-class learning, and cuts of time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.training.stream.order import Permutation, Rows

LEVEL_S = 0.1
"""Length of the windows whose loudest gives the level of a clip."""

FLOOR = 1e-10
"""Mean power of a silent clip: -100 dB."""

TRIES = 8
"""Permutations in which a partner of another class is looked for."""


def partners(
    present: npt.NDArray[np.float32], rows: npt.NDArray[np.integer[Any]], seed: int, epoch: int
) -> Rows:
    """Return the clip that each clip is mixed with: of other classes, if one is found.

    The first of :data:`TRIES` permutations of (seed, epoch) in which no label is shared counts; it
    depends on the clip and not on its batch.

    Parameters
    ----------
    present : labels of all clips (clip, class)
    rows : clips of a batch
    """
    clips = rows.astype(np.int64)
    found = np.zeros_like(clips)
    waiting = np.ones(len(rows), bool)
    for number in range(TRIES):
        other = Permutation(len(present), seed, "between", epoch, number)(clips)
        found = np.where(waiting, other, found)
        waiting &= (present[rows] * present[found]).any(1)
        if not waiting.any():
            break
    return found


def levels_db(waves: torch.Tensor, rate_hz: int) -> torch.Tensor:
    r"""Return the level of each wave (clip,): the loudest of its windows of 0.1 s, in dB.

    .. math:: G = 10 \log_{10} \max_w \frac{1}{N} \sum_{n \in w} x_n^2
    """
    window = min(round(LEVEL_S * rate_hz), waves.shape[1])
    whole = waves[:, : waves.shape[1] // window * window]
    windows = whole.reshape(len(waves), -1, window)
    power = windows.square().mean(2).amax(1)
    return power.clamp(min=FLOOR).log10() * 10


def between_class(
    one: torch.Tensor, other: torch.Tensor, ratio: torch.Tensor, rate_hz: int
) -> torch.Tensor:
    r"""Return two sounds mixed so that the first has the share ``ratio`` of the loudness of both.

    .. math:: \frac{p x_1 + (1 - p) x_2}{\sqrt{p^2 + (1 - p)^2}}, \qquad
              p = \frac{1}{1 + 10^{(G_1 - G_2) / 20} \, (1 - r) / r}

    with the levels G of :func:`levels_db`, which are not A-weighted as those of the source are.
    The target is r of the first's labels and 1 - r of the other's; its Kullback-Leibler divergence
    from the softmax has the gradients of the cross-entropy, which is that and its own entropy.

    Parameters
    ----------
    one, other : waves (clip, sample)
    ratio : r of each clip, 0 to 1

    References
    ----------
    Tokozume, Ushiku & Harada 2018, "Learning from between-class examples for deep sound
    recognition", equation 2.
    """
    difference = levels_db(one, rate_hz) - levels_db(other, rate_hz)
    p = (1 / (1 + 10 ** (difference / 20) * (1 - ratio) / ratio)).unsqueeze(1)
    scale = (p.square() + (1 - p).square()).rsqrt()
    return torch.addcmul(one * (p * scale), other, (1 - p) * scale)


def spans(size: int, share: torch.Tensor, place: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which places of an axis are the other clip's (clip, size), and their shares (clip,).

    Parameters
    ----------
    share : of the axis, wanted for each clip; rounded to whole places
    place : of each span, 0 to below 1, from the first to the last
    """
    width = (share * size).round().long()
    start = (place * (size - width + 1)).long()
    at = torch.arange(size, device=share.device)
    inside = (at >= start[:, None]) & (at < (start + width)[:, None])
    return inside, width / size
