"""The parameters of a comparison of two models."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.core.errors import SpikesoundError


@dataclass(frozen=True)
class Settings:
    """Numbers of resamples and permutations, confidence, seed and margin of a comparison.

    Attributes
    ----------
    resamples
        Of the bootstrap.
    permutations
        At the least; see :func:`spikesound.evaluation.comparisons.permutations_needed`.
    confidence
        Of the intervals; a corrected p below 1 - confidence is a difference shown.
    seed
        The run's.
    margin
        Of equivalence, a share: differences within it make no difference in practice.

    Raises
    ------
    SpikesoundError
        If a number is below 1, or the confidence or the margin is not between 0 and 1.
    """

    resamples: int
    permutations: int
    confidence: float
    seed: int
    margin: float

    def __post_init__(self) -> None:
        for name, number in (("resamples", self.resamples), ("permutations", self.permutations)):
            if number < 1:
                raise SpikesoundError(f"comparison: {name}: must be at least 1, got {number}")
        for name, share in (("confidence", self.confidence), ("margin", self.margin)):
            if not 0 < share < 1:
                raise SpikesoundError(f"comparison: {name}: must be between 0 and 1, got {share}")
