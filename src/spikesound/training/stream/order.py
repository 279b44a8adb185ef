"""Order of the clips in an epoch: a seeded permutation of any length that is never written out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive

Rows = npt.NDArray[np.int64]
ROUNDS = 8
LEAST_BITS = 4
"""Of half a number: a permutation of few numbers is made by walking one of more."""


class Permutation:
    """A permutation of the numbers below ``size``, computed number by number.

    A balanced Feistel network permutes the numbers of an even number of bits; where it leads to
    ``size`` or beyond, it is applied again (cycle walking). Memory does not grow with the size.

    Parameters
    ----------
    size : at least 1
    seed, names : what it is derived from, as by :func:`spikesound.core.seeds.derive`

    References
    ----------
    Luby & Rackoff 1988, "How to construct pseudorandom permutations from pseudorandom functions";
    Black & Rogaway 2002, "Ciphers with arbitrary finite domains" (cycle walking).
    """

    def __init__(self, size: int, seed: int, *names: object) -> None:
        self.size = size
        self._half = np.uint64(max(LEAST_BITS, (max(size - 1, 1).bit_length() + 1) // 2))
        self._mask = np.uint64((1 << int(self._half)) - 1)
        self._keys = [np.uint64(derive(seed, *names, number)) for number in range(ROUNDS)]

    def __call__(self, positions: Rows) -> Rows:
        """Return the numbers at positions, each from 0 to below ``size``; (n,) to (n,)."""
        found = self._permuted(positions.astype(np.uint64))
        outside = np.flatnonzero(found >= self.size)
        while len(outside):
            found[outside] = self._permuted(found[outside])
            outside = outside[found[outside] >= self.size]
        return found.astype(np.int64)

    def _permuted(self, numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        high, low = numbers >> self._half, numbers & self._mask
        for key in self._keys:
            high, low = low, high ^ (_mixed(low + key) & self._mask)
        return (high << self._half) | low


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the numbers with their bits mixed, as SplitMix64 does (Steele et al. 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


@dataclass(frozen=True)
class EpochOrder:
    """The clips of an epoch, batch by batch, and those that they are blended with.

    Each clip comes once, in an order that depends on (seed, epoch). With ``weights`` clips are
    drawn by them instead, with replacement. A last batch of less than half the size goes with the
    batch before it. All ranks divide each batch: rank r of R takes its clips r, r + R, ...

    Attributes
    ----------
    clips : number of clips
    batch_clips : of a batch of all ranks
    seed, epoch : of the training
    weights : cumulative weights of the clips, the last one 1; None: each clip once
    rank, ranks : which share of each batch is this process's
    """

    clips: int
    batch_clips: int
    seed: int
    epoch: int
    weights: npt.NDArray[np.float64] | None = None
    rank: int = 0
    ranks: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.ranks:
            raise SpikesoundError(f"rank {self.rank}: expected one of {self.ranks} ranks")
        if self.ranks > max(1, self.batch_clips // 2):
            raise SpikesoundError(
                f"batch_clips {self.batch_clips}: expected at least two clips for each of "
                f"{self.ranks} ranks"
            )

    def __len__(self) -> int:
        """Number of batches."""
        whole, rest = divmod(self.clips, self.batch_clips)
        return max(1, whole + (2 * rest >= self.batch_clips))

    def bounds(self, batch: int) -> tuple[int, int]:
        """Return the positions at which a batch starts and ends."""
        start = batch * self.batch_clips
        return start, self.clips if batch == len(self) - 1 else start + self.batch_clips

    def size(self, batch: int) -> int:
        """Return the number of clips of a batch of all ranks."""
        start, end = self.bounds(batch)
        return end - start

    def rows(self, batch: int) -> Rows:
        """Return this rank's clips of a batch."""
        positions = self._positions(batch)
        if self.weights is None:
            return Permutation(self.clips, self.seed, "order", self.epoch)(positions)
        # The upper bits of a permuted number are uniform and, unlike a stream's, have a place.
        scattered = Permutation(1 << 52, self.seed, "weighted order", self.epoch)(positions)
        drawn = (scattered + 0.5) / (1 << 52)
        return np.searchsorted(self.weights, drawn, side="right").clip(max=self.clips - 1)

    def partners(self, rows: Rows) -> Rows:
        """Return the clip that each clip is blended with (mixup); a function of clip and epoch."""
        return Permutation(self.clips, self.seed, "partner", self.epoch)(rows)

    def _positions(self, batch: int) -> Rows:
        start, end = self.bounds(batch)
        return np.arange(start + self.rank, end, self.ranks, dtype=np.int64)
