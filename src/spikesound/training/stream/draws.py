"""A counter-based generator: each draw is a function of a key and a counter, on any device."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.seeds import derive

MASK = 0xFFFFFFFF
PARITY = 0x1BD11BDA
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
ROUNDS = 20
LEVELS = 1 << 16
"""Of normal draws: each is the quantile in the middle of one of so many equal shares."""

Words = tuple[torch.Tensor, torch.Tensor]
"""Two int64 tensors of 32-bit words."""


def threefry(key: Words, counter: Words) -> Words:
    """Return two 32-bit words for each key and counter: Threefry-2x32 with 20 rounds.

    It adds, rotates and xors integers alone, so that every device gives the same words.

    Parameters
    ----------
    key, counter : words, int64 tensors of shapes that broadcast

    References
    ----------
    Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    schedule = (key[0], key[1], key[0] ^ key[1] ^ PARITY)
    one, two = (counter[0] + key[0]) & MASK, (counter[1] + key[1]) & MASK
    for number in range(ROUNDS):
        turn = ROTATIONS[number % 8]
        one = (one + two) & MASK
        two = (((two << turn) & MASK) | (two >> (32 - turn))) ^ one
        if number % 4 == 3:
            block = number // 4 + 1
            one = (one + schedule[block % 3]) & MASK
            two = (two + schedule[(block + 1) % 3] + block) & MASK
    return one, two


def words(value: int | npt.NDArray[np.int64]) -> Words:
    """Return 63-bit numbers as their high and low words."""
    number = torch.as_tensor(value, dtype=torch.int64)
    return number >> 32, number & MASK


class Draws:
    """Draws for the clips of a batch, each a function of (seed, epoch, clip) and a purpose alone.

    Neither the other clips of the batch, nor the process or device that draws, play a part.

    Parameters
    ----------
    seed, epoch : of the training
    clips : number of each clip, derived from its id, int64 (clip,)
    device : of the results
    """

    def __init__(
        self,
        seed: int,
        epoch: int,
        clips: npt.NDArray[np.int64],
        device: torch.device | str = "cpu",
    ) -> None:
        first, second = threefry(words(derive(seed, "augment", epoch)), words(clips))
        self._key = first.to(device).unsqueeze(1), second.to(device).unsqueeze(1)
        self.device = torch.device(device)

    def to(self, device: torch.device | str) -> Draws:
        """Return the same draws on another device."""
        moved = object.__new__(Draws)
        moved._key = self._key[0].to(device), self._key[1].to(device)
        moved.device = torch.device(device)
        return moved

    def bits(self, purpose: int, count: int = 1) -> torch.Tensor:
        """Return 32-bit words, int64 (clip, count).

        Parameters
        ----------
        purpose : a number of its own for each use of the draws
        """
        counter = torch.arange((count + 1) // 2, device=self.device)
        one, two = threefry(self._key, (torch.full_like(counter, purpose), counter))
        return torch.stack([one, two], -1).flatten(1)[:, :count]

    def uniform(self, purpose: int, count: int = 1) -> torch.Tensor:
        """Return numbers from 0 to below 1, float32 (clip, count)."""
        return (self.bits(purpose, count) >> 8).float() * 2.0**-24

    def below(self, purpose: int, limit: int | torch.Tensor) -> torch.Tensor:
        """Return integers from 0 to below a limit, int64 (clip,).

        Parameters
        ----------
        limit : at least 1 and below 2^31; one, or one for each clip
        """
        return (self.bits(purpose)[:, 0] * limit) >> 32

    def normal(self, purpose: int, count: int) -> torch.Tensor:
        """Return draws of the standard normal distribution, float32 (clip, count).

        Of :data:`LEVELS` levels, from -4.3 to 4.3: looked up and not computed, so that they are
        the same bits wherever a number stands in a tensor.
        """
        halves = self.bits(purpose, (count + 1) // 2)
        places = torch.stack([halves >> 16, halves & (LEVELS - 1)], -1).flatten(1)[:, :count]
        return _normal_levels().to(self.device)[places]

    def beta(self, purpose: int, alpha: float) -> torch.Tensor:
        """Return draws of Beta(alpha, alpha), float32 (clip,), likewise looked up."""
        return _beta_levels(alpha).to(self.device)[self.bits(purpose)[:, 0] >> 16]


@lru_cache(maxsize=1)
def _normal_levels() -> torch.Tensor:
    from scipy.special import ndtri

    return torch.from_numpy(ndtri(_middles()).astype(np.float32))


@lru_cache(maxsize=8)
def _beta_levels(alpha: float) -> torch.Tensor:
    from scipy.special import betaincinv

    return torch.from_numpy(betaincinv(alpha, alpha, _middles()).astype(np.float32))


def _middles() -> npt.NDArray[np.float64]:
    return (np.arange(LEVELS) + 0.5) / LEVELS
