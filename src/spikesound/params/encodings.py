"""Section ``encodings``: one class an encoder."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

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

    steps: Count = Field(description="Number of time steps.")

    @property
    def neurons_per_bin(self) -> int:
        """Input neurons in place of each bin."""
        return 1


class DirectParams(EncodingParams):
    """Direct coding: the values are the input current of each time step; no spikes."""

    spikes: ClassVar[bool] = False

    steps: Count = Field(description="Number of time steps, each with the same input current.")


class RateParams(EncodingParams):
    """Rate coding: random spikes, or the same number evenly spaced."""

    gain: Positive = Field(description="Spike probability per time step at an input of 1.")


class LatencyParams(EncodingParams):
    """Latency coding: one spike, earlier for larger values."""

    threshold: Share = Field(description="Input value up to which a neuron never spikes.")


class TTFSParams(EncodingParams):
    """Time-to-first-spike coding with a decaying threshold."""

    threshold: float = Field(
        gt=0, le=1, description="Threshold at the first time step, from which it decays."
    )
    tau_steps: Positive = Field(description="Time constant of the threshold's decay, time steps.")


class PhaseParams(EncodingParams):
    """Phase coding: the binary digits of a value, the most significant first."""

    weighted: ClassVar[bool] = True

    steps: Count = Field(description="Number of time steps, a multiple of phases.")
    phases: int = Field(
        ge=1, le=16, description="Number of binary digits in a period, one per time step."
    )

    @model_validator(mode="after")
    def _whole_periods(self) -> PhaseParams:
        if self.steps % self.phases:
            raise ValueError(f"steps {self.steps} is not a multiple of phases {self.phases}")
        return self


class BurstParams(EncodingParams):
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


class DeltaParams(EncodingParams):
    """Delta modulation: ON and OFF spikes for changes from frame to frame."""

    steps: Count = Field(
        description="Number of time steps: the largest number of spikes of a bin within a frame."
    )
    threshold: float = Field(gt=0, le=1, description="Change of the input value per spike.")

    @property
    def neurons_per_bin(self) -> int:
        """One input neuron for rises, one for falls."""
        return 2


class PopulationParams(EncodingParams):
    """Population coding: Gaussian receptive fields, each response as a latency."""

    neurons: int = Field(ge=3, description="Number of neurons per feature bin.")
    gamma: Positive = Field(
        description="Spacing of the receptive fields over their standard deviation."
    )
    threshold: Share = Field(description="Response up to which a neuron never spikes.")

    @property
    def neurons_per_bin(self) -> int:
        """One input neuron for each receptive field."""
        return self.neurons


class OfCodeParams(EncodingParams):
    """What an encoding has that changes the spikes of another code."""

    steps: Count = Field(description="Number of time steps.")
    code: Literal["rate", "rate_deterministic", "latency", "ttfs", "phase", "burst", "delta",
                  "population"] = Field(description="Kind of the code.")  # fmt: skip
    params: dict[str, Any] = Field(description="Parameters of the code, as of its own section.")

    def code_params(self) -> EncodingParams:
        """Return the code's parameters, typed."""
        return ENCODING_PARAMS[self.code].model_validate(self.params)

    @property
    def weighted(self) -> bool:  # type: ignore[override]
        """As of the code."""
        return self.code_params().weighted

    @property
    def neurons_per_bin(self) -> int:
        """Those of the code."""
        return self.code_params().neurons_per_bin


class PresentedParams(OfCodeParams):
    """Another code, presented several times, one after the other."""

    steps: Count = Field(description="Number of time steps: the code's times presentations.")
    presentations: Count = Field(description="How often the code is presented.")

    @model_validator(mode="after")
    def _whole_codes(self) -> PresentedParams:
        steps = self.code_params().steps * self.presentations
        if self.steps != steps:
            raise ValueError(f"steps {self.steps} is not the code's times presentations, {steps}")
        return self


class SpacedParams(OfCodeParams):
    """Another code, with silent steps after each of its own."""

    steps: Count = Field(description="Number of time steps: the code's times `every`.")
    every: Count = Field(description="Steps in place of one of the code, which is the first.")

    @model_validator(mode="after")
    def _whole_codes(self) -> SpacedParams:
        steps = self.code_params().steps * self.every
        if self.steps != steps:
            raise ValueError(f"steps {self.steps} is not the code's times every, {steps}")
        return self


class ShuffledParams(OfCodeParams):
    """Another code whose spikes are shuffled in time: their numbers stay, their order does not."""

    steps: Count = Field(description="Number of time steps: the code's.")

    @model_validator(mode="after")
    def _same_steps(self) -> ShuffledParams:
        steps = self.code_params().steps
        if self.steps != steps:
            raise ValueError(f"steps {self.steps} is not the code's, {steps}")
        return self


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
    "presented": PresentedParams,
    "spaced": SpacedParams,
    "shuffled": ShuffledParams,
}
"""Parameter class of each kind of encoding."""
