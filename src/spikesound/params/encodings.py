"""Section ``encodings``: one class an encoder."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from spikesound.params.base import Count, Positive, Section, Share


class DirectParams(Section):
    steps: Count  # the network runs this many steps on the same input


class RateParams(Section):
    steps: Count
    gain: Positive  # spike probability per step at full scale


class LatencyParams(Section):
    steps: Count
    threshold: Share  # values at or below never spike


class TTFSParams(Section):
    steps: Count
    threshold: Annotated[float, Field(gt=0, le=1)]  # at the first step; it decays from there
    tau_steps: Positive  # time constant of the decay


class PhaseParams(Section):
    steps: Count
    phases: Annotated[int, Field(ge=1, le=16)]  # binary digits, of which each step sends one

    @model_validator(mode="after")
    def _whole_periods(self) -> PhaseParams:
        if self.steps % self.phases:
            raise ValueError(f"steps {self.steps} is not a multiple of phases {self.phases}")
        return self


class BurstParams(Section):
    steps: Count
    spikes_max: Count  # at full scale
    interval_min: Count  # steps from spike to spike at full scale
    interval_max: Count  # the same towards zero

    @model_validator(mode="after")
    def _fits(self) -> BurstParams:
        if self.interval_min > self.interval_max:
            raise ValueError(
                f"interval_min {self.interval_min} is above interval_max {self.interval_max}"
            )
        if self.steps < self._longest():
            raise ValueError(f"steps {self.steps} cut the longest burst, of {self._longest()}")
        return self

    def _longest(self) -> int:
        """Return the steps of the longest burst: a count's intervals are widest at its least."""
        most, span = self.spikes_max, self.interval_max - self.interval_min
        intervals = (-(-(self.interval_max * most - span * gaps) // most) for gaps in range(most))
        return 1 + max(gaps * interval for gaps, interval in enumerate(intervals))


class DeltaParams(Section):
    steps: Count  # thresholds that a bin can change by within a frame
    threshold: Annotated[float, Field(gt=0, le=1)]  # change that is worth a spike


class PopulationParams(Section):
    steps: Count
    neurons: Annotated[int, Field(ge=3)]  # in place of each bin
    gamma: Positive  # spacing of the receptive fields over their deviation
    threshold: Share  # responses at or below never spike


class Encodings(Section):
    direct: DirectParams
    rate: RateParams
    rate_deterministic: RateParams
    latency: LatencyParams
    ttfs: TTFSParams
    phase: PhaseParams
    burst: BurstParams
    delta: DeltaParams
    population: PopulationParams
