"""Section ``neurons``: one class a neuron; and that of learnt delays."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from spikesound.params.base import Count, Positive, Section, Share

SurrogateName = Literal["atan", "fast_sigmoid", "triangular", "straight_through"]
# The longest step of integration: the paper's own, and the longest that keeps the firing rates.
IZHIKEVICH_LIMIT_MS = 0.5
HODGKIN_HUXLEY_LIMIT_MS = 0.1


class NeuronParams(Section):
    """Parameters of a neuron or activation, and facts about its kind."""

    spikes: ClassVar[bool] = True


class ReLUParams(NeuronParams):
    """Rectified linear unit."""

    spikes: ClassVar[bool] = False


class QuantisedReLUParams(NeuronParams):
    """ReLU with a learnt range, rounded to levels."""

    spikes: ClassVar[bool] = False

    levels: Count


class LIFParams(NeuronParams):
    beta: Annotated[float, Field(gt=0, lt=1)]  # decay of the membrane potential per step
    learn_beta: bool
    threshold: Positive
    learn_threshold: bool
    reset: Literal["subtract", "zero", "none"]
    refractory: Annotated[int, Field(ge=0)]  # steps after a spike in which the neuron is held
    surrogate: SurrogateName
    slope: Positive  # steepness of the surrogate
    backend: Literal["auto", "torch", "numba", "triton"]


class IFParams(NeuronParams):
    threshold: Positive
    initial: Share  # potential at the start, in thresholds
    surrogate: SurrogateName
    slope: Positive


class CubaLIFParams(NeuronParams):
    alpha: Annotated[float, Field(ge=0, lt=1)]  # decay of the synaptic current per step
    beta: Annotated[float, Field(gt=0, lt=1)]  # decay of the membrane potential per step
    learn_decays: bool
    threshold: Positive
    surrogate: SurrogateName
    slope: Positive


class ALIFParams(NeuronParams):
    beta: Annotated[float, Field(gt=0, lt=1)]  # decay of the membrane potential per step
    rho: Annotated[float, Field(gt=0, lt=1)]  # decay of the adaptation per step
    learn_decays: bool
    threshold: Positive  # without adaptation
    rise: Annotated[float, Field(ge=0)]  # of the threshold with each spike
    surrogate: SurrogateName
    slope: Positive


class IzhikevichParams(NeuronParams):
    """The paper's a, b, c, d, and how long a step of the network lasts."""

    a: Positive  # 1/ms, rate of the recovery
    b: Annotated[float, Field(lt=0.267)]  # recovery per mV; above it there is no rest
    c: Annotated[float, Field(ge=-100, lt=30)]  # mV, potential after a spike
    d: float  # rise of the recovery with each spike
    gain: Positive  # the paper's current for an input of 1
    step_ms: Positive
    substeps: Count  # of integration, in each step
    surrogate: SurrogateName
    slope: Positive  # of the surrogate, per 100 mV

    @model_validator(mode="after")
    def _fine_enough(self) -> IzhikevichParams:
        _check_substep(self.step_ms, self.substeps, IZHIKEVICH_LIMIT_MS)
        return self


class HodgkinHuxleyParams(NeuronParams):
    gain: Positive  # uA/cm^2 for an input of 1
    step_ms: Positive
    substeps: Count  # of integration, in each step
    surrogate: SurrogateName
    slope: Positive  # of the surrogate, per 100 mV

    @model_validator(mode="after")
    def _fine_enough(self) -> HodgkinHuxleyParams:
        _check_substep(self.step_ms, self.substeps, HODGKIN_HUXLEY_LIMIT_MS)
        return self


def _check_substep(step_ms: float, substeps: int, limit_ms: float) -> None:
    if step_ms / substeps > limit_ms:
        raise ValueError(
            f"step_ms / substeps is {step_ms / substeps:g} ms, above the limit of {limit_ms:g} ms: "
            f"take at least {math.ceil(step_ms / limit_ms)} substeps"
        )


class DelayParams(Section):
    """Of a linear layer with learnt delays; for the section of a network that has such layers."""

    largest: Count  # delay, in time steps
    sigma: Annotated[float, Field(ge=0.5)]  # steps, the first width; half of largest in the paper


NEURON_PARAMS: dict[str, type[NeuronParams]] = {
    "relu": ReLUParams,
    "quantised_relu": QuantisedReLUParams,
    "lif": LIFParams,
    "integrate_and_fire": IFParams,
    "cuba_lif": CubaLIFParams,
    "alif": ALIFParams,
    "izhikevich": IzhikevichParams,
    "hodgkin_huxley": HodgkinHuxleyParams,
}
"""Parameter class of each kind of neuron."""
