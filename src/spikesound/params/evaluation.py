"""Sections ``evaluate`` and ``latency``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spikesound.params.base import Count, Positive, Section


class EvaluateParams(Section):
    """Evaluation on the held-out folds, and how thoroughly models are compared."""

    batch_clips: Count = Field(description="Clips of a batch at inference.")
    resamples: Annotated[int, Field(ge=100)] = Field(
        description="Bootstrap resamples of recordings."
    )
    permutations: Annotated[int, Field(ge=100)] = Field(
        description="Permutations of the paired tests; more where many pairs need it."
    )
    confidence: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="Confidence level of the intervals."
    )
    equivalence_margin: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="Margin of the equivalence tests, a share: 0.02 is two points."
    )


class TimingParams(Section):
    """Measurement of latency, memory and energy on this machine."""

    budget_s: Positive = Field(description="Seconds for timing all models together.")
    clips: Count = Field(description="Clips that are timed, of the first fold.")
    energy_s: Positive = Field(
        description="Seconds of each model's loop where the processor counts energy."
    )
