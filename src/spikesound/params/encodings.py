"""Section ``encodings``: one class an encoder."""

from __future__ import annotations

from pydantic import Field, model_validator

from spikesound.params.base import Count, Positive, Section, Share


class DirectParams(Section):
    """No spikes: the input values are the input current of each time step."""

    steps: Count = Field(description="Number of time steps, each with the same input current.")


class RateParams(Section):
    """Rate coding."""

    steps: Count = Field(description="Number of time steps.")
    gain: Positive = Field(description="Spike probability per time step at an input of 1.")


class LatencyParams(Section):
    """Latency coding: one spike, earlier for larger values."""

    steps: Count = Field(description="Number of time steps.")
    threshold: Share = Field(description="Input value up to which a neuron never spikes.")


class TTFSParams(Section):
    """Time-to-first-spike coding with a decaying threshold."""

    steps: Count = Field(description="Number of time steps.")
    threshold: float = Field(
        gt=0, le=1, description="Threshold at the first time step, from which it decays."
    )
    tau_steps: Positive = Field(description="Time constant of the threshold's decay, time steps.")


class PhaseParams(Section):
    """Phase coding: the binary digits of a value, the most significant first."""

    steps: Count = Field(description="Number of time steps, a multiple of phases.")
    phases: int = Field(
        ge=1, le=16, description="Number of binary digits in a period, one per time step."
    )

    @model_validator(mode="after")
    def _whole_periods(self) -> PhaseParams:
        if self.steps % self.phases:
            raise ValueError(f"steps {self.steps} is not a multiple of phases {self.phases}")
        return self


class BurstParams(Section):
    """Burst coding: more spikes at shorter intervals for larger values."""

    steps: Count = Field(description="Number of time steps, enough for the longest burst.")
    spikes_max: Count = Field(description="Number of spikes of the burst at an input of 1.")
    interval_min: Count = Field(
        description="Inter-spike interval at an input of 1, time steps; at most interval_max."
    )
    interval_max: Count = Field(
        description="Inter-spike interval towards an input of 0, time steps."
    )

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
    """Delta modulation: ON and OFF spikes for changes from frame to frame."""

    steps: Count = Field(
        description="Number of time steps: the largest number of spikes of a bin within a frame."
    )
    threshold: float = Field(gt=0, le=1, description="Change of the input value per spike.")


class PopulationParams(Section):
    """Population coding: Gaussian receptive fields, each response as a latency."""

    steps: Count = Field(description="Number of time steps.")
    neurons: int = Field(ge=3, description="Number of neurons per feature bin.")
    gamma: Positive = Field(
        description="Spacing of the receptive fields over their standard deviation."
    )
    threshold: Share = Field(description="Response up to which a neuron never spikes.")


class Encodings(Section):
    """A section for each encoding."""

    direct: DirectParams = Field(description="Direct coding.")
    rate: RateParams = Field(description="Rate coding, random spikes.")
    rate_deterministic: RateParams = Field(description="Rate coding, evenly spaced spikes.")
    latency: LatencyParams = Field(description="Latency coding.")
    ttfs: TTFSParams = Field(description="Time-to-first-spike coding.")
    phase: PhaseParams = Field(description="Phase coding.")
    burst: BurstParams = Field(description="Burst coding.")
    delta: DeltaParams = Field(description="Delta modulation.")
    population: PopulationParams = Field(description="Population coding.")
