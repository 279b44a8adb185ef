"""Section ``encodings``: one class an encoder."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from spikesound.params.base import Count, Positive, Section, Share


class EncodingParams(Section):
    """Parameters of an encoding, and facts about its kind.

    Attributes
    ----------
    spikes : whether it makes spikes; else the network gets the values themselves
    weighted : whether the decoding weight of a spike is a part of the code, for every network
    neurons_per_bin : input neurons in place of each bin, side by side
    """

    spikes: ClassVar[bool] = True
    weighted: ClassVar[bool] = False

    steps: Count

    @property
    def neurons_per_bin(self) -> int:
        """Input neurons in place of each bin."""
        return 1


class DirectParams(EncodingParams):
    spikes: ClassVar[bool] = False

    steps: Count  # the network runs this many steps on the same input


class RateParams(EncodingParams):
    steps: Count
    gain: Positive  # spike probability per step at full scale


class LatencyParams(EncodingParams):
    steps: Count
    threshold: Share  # values at or below never spike


class TTFSParams(EncodingParams):
    steps: Count
    threshold: Annotated[float, Field(gt=0, le=1)]  # at the first step; it decays from there
    tau_steps: Positive  # time constant of the decay


class PhaseParams(EncodingParams):
    weighted: ClassVar[bool] = True

    steps: Count
    phases: Annotated[int, Field(ge=1, le=16)]  # binary digits, of which each step sends one

    @model_validator(mode="after")
    def _whole_periods(self) -> PhaseParams:
        if self.steps % self.phases:
            raise ValueError(f"steps {self.steps} is not a multiple of phases {self.phases}")
        return self


class BurstParams(EncodingParams):
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


class DeltaParams(EncodingParams):
    steps: Count  # thresholds that a bin can change by within a frame
    threshold: Annotated[float, Field(gt=0, le=1)]  # change that is worth a spike

    @property
    def neurons_per_bin(self) -> int:
        """One input neuron for rises, one for falls."""
        return 2


class PopulationParams(EncodingParams):
    steps: Count
    neurons: Annotated[int, Field(ge=3)]  # in place of each bin
    gamma: Positive  # spacing of the receptive fields over their deviation
    threshold: Share  # responses at or below never spike

    @property
    def neurons_per_bin(self) -> int:
        """One input neuron for each receptive field."""
        return self.neurons


ENCODING_PARAMS: dict[str, type[EncodingParams]] = {
    "direct": DirectParams,
    "rate": RateParams,
    "rate_deterministic": RateParams,
    "latency": LatencyParams,
    "ttfs": TTFSParams,
    "phase": PhaseParams,
    "burst": BurstParams,
    "delta": DeltaParams,
    "population": PopulationParams,
}
"""Parameter class of each kind of encoding."""
