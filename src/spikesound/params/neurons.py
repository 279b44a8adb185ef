"""Section ``neurons``: one class for each neuron, with its facts; and that of learnt delays."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from spikesound.params.base import Section

SurrogateName = Literal["atan", "fast_sigmoid", "triangular", "straight_through"]
Surrogate = Annotated[SurrogateName, Field(description="The spike's derivative in training.")]
WindowName = Literal[SurrogateName, "exponential", "boxcar"]
Window = Annotated[WindowName, Field(description="The spike's derivative in training.")]
Slope = Annotated[float, Field(gt=0, description="Steepness of the surrogate.")]
Slope100mV = Annotated[float, Field(gt=0, description="Steepness of the surrogate, per 100 mV.")]
Threshold = Annotated[float, Field(gt=0, description="Potential above which the neuron spikes.")]
Decay = Annotated[
    float, Field(gt=0, lt=1, description="Decay of the membrane potential per time step.")
]
LearnBeta = Annotated[bool, Field(description="Whether beta is learnt, one for each layer.")]
Reset = Annotated[
    Literal["subtract", "zero", "none"],
    Field(
        description="In the step after a spike: subtract the threshold from the new state, set it "
        "to zero, or leave it."
    ),
]
StepMs = Annotated[float, Field(gt=0, description="Length of a time step of the network, in ms.")]
Substeps = Annotated[int, Field(ge=1, description="Steps of integration in each time step.")]

# The longest step of integration: the paper's own, and the longest that keeps the firing rates.
IZHIKEVICH_LIMIT_MS = 0.5
HODGKIN_HUXLEY_LIMIT_MS = 0.1


class Update(NamedTuple):
    """Operations of an update of a neuron, and what it keeps.

    A comparison counts as an addition, a sigmoid or hyperbolic tangent as one multiply-accumulate
    (piecewise linear), a reset by subtraction as an addition.

    Attributes
    ----------
    macs, additions : of an update
    spike_additions : of each spike besides
    states : values kept from one step to the next, beside the output
    """

    macs: float
    additions: float
    spike_additions: float
    states: int


class NeuronParams(Section):
    """Parameters of a neuron; the class carries the facts of its kind.

    Attributes
    ----------
    spikes : whether its outputs are spikes
    update : what an update of it takes
    of_code : whether it is whatever a network of one's own has
    by_method : whether a training method makes it, and no row of the table can name it
    of_frames : whether it gives several spikes a frame, which a network must count as such
    """

    spikes: ClassVar[bool]
    update: ClassVar[Update]
    of_code: ClassVar[bool] = False
    by_method: ClassVar[bool] = False
    of_frames: ClassVar[bool] = False

    @property
    def activation_bits(self) -> int | None:
        """Bits of its output if it has few levels; None: as many as the hardware has."""
        return None


class LIFParams(NeuronParams):
    """Leaky integrate-and-fire."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(1, 1, 1, 1)  # decay and current; threshold; reset

    beta: Decay
    learn_beta: Annotated[bool, Field(description="Whether beta is learnt, one for each layer.")]
    threshold: Threshold
    learn_threshold: Annotated[
        bool, Field(description="Whether the threshold is learnt, one for each layer.")
    ]
    reset: Annotated[
        Literal["subtract", "zero", "none"],
        Field(
            description="After a spike: subtract the threshold from the potential, set the "
            "potential to zero, or leave it."
        ),
    ]
    refractory: Annotated[
        int,
        Field(ge=0, description="Time steps after a spike in which the neuron cannot spike again."),
    ]
    surrogate: Surrogate
    slope: Slope
    backend: Annotated[
        Literal["auto", "torch", "numba", "triton"],
        Field(
            description="What computes it: the plain loop (torch), compiled kernels on CPU (numba) "
            "or CUDA (triton); auto chooses by device and size."
        ),
    ]


class IFParams(NeuronParams):
    """Integrate-and-fire, without a leak."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(0, 2, 1, 1)  # current, threshold; reset

    threshold: Threshold
    initial: Annotated[
        float, Field(ge=0, le=1, description="Potential at the start, in thresholds.")
    ]
    surrogate: Surrogate
    slope: Slope


class HardResetIFParams(IFParams):
    """Integrate-and-fire whose potential a spike sets to zero."""

    update: ClassVar[Update] = Update(0, 2, 0, 1)  # current, threshold; zero is no addition
    by_method: ClassVar[bool] = True


class CubaLIFParams(NeuronParams):
    """Current-based leaky integrate-and-fire: the input current decays as well."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(2, 1, 1, 2)

    alpha: Annotated[
        float, Field(ge=0, lt=1, description="Decay of the synaptic current per time step.")
    ]
    beta: Decay
    learn_decays: Annotated[
        bool, Field(description="Whether both decays are learnt, one of each for each layer.")
    ]
    threshold: Threshold
    surrogate: Surrogate
    slope: Slope


class ALIFParams(NeuronParams):
    """Adaptive leaky integrate-and-fire: each spike raises the threshold for a while."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(2, 2, 2, 2)  # also the threshold's decay and rise

    beta: Decay
    rho: Annotated[
        float, Field(gt=0, lt=1, description="Decay of the threshold's adaptation per time step.")
    ]
    learn_decays: Annotated[
        bool, Field(description="Whether both decays are learnt, one of each for each layer.")
    ]
    threshold: Annotated[
        float,
        Field(gt=0, description="Potential above which the neuron spikes, without adaptation."),
    ]
    rise: Annotated[float, Field(ge=0, description="Rise of the threshold with each spike.")]
    surrogate: Surrogate
    slope: Slope


class DeltaLeakyParams(NeuronParams):
    """Leaky integrator that spikes on a change of its potential (snnTorch's DeltaLeaky)."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(1, 2, 0, 1)  # decay and current; change, threshold

    beta: Decay
    learn_beta: LearnBeta
    threshold: Annotated[float, Field(gt=0, description="Change above which the neuron spikes.")]
    surrogate: Surrogate
    slope: Slope


class SelfRecurrentParams(NeuronParams):
    """Leaky integrate-and-fire with a synapse onto itself (snnTorch's RLeaky, one to one)."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(1, 1, 2, 1)  # as LIF; its own spike's weight besides

    beta: Decay
    learn_beta: LearnBeta
    recurrent: Annotated[float, Field(description="Weight of the neuron's own last spike.")]
    learn_recurrent: Annotated[
        bool, Field(description="Whether that weight is learnt, one for each layer.")
    ]
    threshold: Threshold
    reset: Reset
    surrogate: Surrogate
    slope: Slope


class AlphaParams(NeuronParams):
    """Alpha-shaped response to each input (snnTorch's Alpha)."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(3, 1, 3, 2)  # two traces, their scaled sum; the resets

    alpha: Annotated[
        float, Field(gt=0, lt=1, description="Decay of the excitatory trace per time step.")
    ]
    beta: Annotated[
        float, Field(gt=0, lt=1, description="Decay of the inhibitory trace; below alpha.")
    ]
    learn_decays: Annotated[
        bool, Field(description="Whether both decays are learnt, one of each for each layer.")
    ]
    threshold: Threshold
    reset: Reset
    surrogate: Surrogate
    slope: Slope

    @model_validator(mode="after")
    def _rises(self) -> AlphaParams:
        if self.alpha <= self.beta:
            raise ValueError(f"beta must be below alpha, got {self.beta:g} and {self.alpha:g}")
        return self


class LapicqueParams(NeuronParams):
    """Leaky integrate-and-fire as an RC circuit (snnTorch's Lapicque)."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(2, 1, 1, 1)  # scaled current, decay; threshold; reset

    resistance: Annotated[float, Field(gt=0, description="R of the membrane.")]
    capacitance: Annotated[float, Field(gt=0, description="C of the membrane.")]
    time_step: Annotated[
        float, Field(gt=0, description="Length of a time step, in units of R C; at most R C.")
    ]
    threshold: Threshold
    reset: Reset
    surrogate: Surrogate
    slope: Slope

    @model_validator(mode="after")
    def _decays(self) -> LapicqueParams:
        if self.time_step > self.resistance * self.capacitance:
            raise ValueError(
                f"time_step must be at most resistance times capacitance, "
                f"{self.resistance * self.capacitance:g}, got {self.time_step:g}"
            )
        return self


class CurrExpParams(NeuronParams):
    """Integrate-and-fire with exponential synaptic currents (PyNN's IF_curr_exp), in mV."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(3, 2, 1, 3)  # two decays, a gain; threshold, hold; reset

    tau_m_ms: Annotated[float, Field(gt=0, description="Time constant of the membrane, ms.")]
    tau_syn_ms: Annotated[
        float,
        Field(gt=0, description="Time constant of the synapse, ms; not that of the membrane."),
    ]
    cm_nf: Annotated[float, Field(gt=0, description="Capacitance of the membrane, nF.")]
    v_rest_mv: Annotated[float, Field(description="Potential at rest, mV.")]
    v_reset_mv: Annotated[float, Field(description="Potential after a spike, mV.")]
    v_thresh_mv: Annotated[float, Field(description="Potential from which it spikes, mV.")]
    tau_refrac_ms: Annotated[float, Field(ge=0, description="Refractory time, ms.")]
    step_ms: StepMs
    surrogate: Surrogate
    slope: Annotated[float, Field(gt=0, description="Steepness of the surrogate, per mV.")]

    @model_validator(mode="after")
    def _spikes_above_rest(self) -> CurrExpParams:
        if self.v_thresh_mv <= max(self.v_rest_mv, self.v_reset_mv):
            raise ValueError(
                f"v_thresh_mv must be above rest and reset, got {self.v_thresh_mv:g} mV"
            )
        if self.tau_syn_ms == self.tau_m_ms:
            raise ValueError("tau_syn_ms must differ from tau_m_ms")
        return self


class OwnNeuronParams(NeuronParams):
    """The spiking neurons of a network of one's own, as its code has them."""

    spikes: ClassVar[bool] = True
    of_code: ClassVar[bool] = True
    update: ClassVar[Update] = Update(1, 1, 1, 1)  # each is counted as what its class is


def _ordered(values: list[float]) -> list[float]:
    if values[0] > values[1]:
        raise ValueError(f"{values} is not from the lower to the higher")
    return values


Bounds = Annotated[
    list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2), AfterValidator(_ordered)
]
Most = Annotated[float, Field(ge=0)]


class SEAdLIFParams(NeuronParams):
    """Adaptive LIF in symplectic Euler form, with constants of each neuron (SE-adLIF)."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(4, 2, 1, 2)  # two decays, input, coupling; threshold

    tau_u_steps: Bounds = Field(description="Range of the membrane's time constant, time steps.")
    tau_w_steps: Bounds = Field(description="Range of the adaptation's time constant, time steps.")
    a_most: Most = Field(description="Largest coupling of the adaptation to the potential.")
    b_most: Most = Field(description="Largest adaptation by a spike.")
    q: Annotated[float, Field(gt=0)] = Field(description="Common factor of both.")
    threshold: Threshold
    surrogate: Window
    slope: Slope


class SiLIFParams(NeuronParams):
    """Adaptive LIF with decays parametrised as in state space models, of each neuron (SiLIF)."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(4, 2, 2, 2)  # two decays, input, coupling; threshold; reset

    step_ms: StepMs
    membrane_per_s: Bounds = Field(description="Range of the membrane's decay rate, 1/s.")
    adaptation_per_s: Bounds = Field(description="Range of the adaptation's decay rate, 1/s.")
    a_most: Most = Field(description="Largest coupling of the adaptation to the potential.")
    b_most: Most = Field(description="Largest adaptation by a spike.")
    threshold: Threshold
    surrogate: Window
    slope: Slope


class IzhikevichParams(NeuronParams):
    """Izhikevich's neuron: the paper's a, b, c, d, and the length of a time step."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(20, 6, 2, 2)  # four substeps of v' and u'

    a: Annotated[float, Field(gt=0, description="Rate of the recovery variable, 1/ms.")]
    b: Annotated[
        float,
        Field(lt=0.267, description="Recovery per mV; from 0.267 on there is no resting state."),
    ]
    c: Annotated[float, Field(ge=-100, lt=30, description="Potential after a spike, in mV.")]
    d: Annotated[float, Field(description="Rise of the recovery variable with each spike.")]
    gain: Annotated[float, Field(gt=0, description="The paper's current for an input of 1.")]
    step_ms: StepMs
    substeps: Substeps
    surrogate: Surrogate
    slope: Slope100mV

    @model_validator(mode="after")
    def _fine_enough(self) -> IzhikevichParams:
        _check_substep(self.step_ms, self.substeps, IZHIKEVICH_LIMIT_MS)
        return self


class HodgkinHuxleyParams(NeuronParams):
    """Hodgkin and Huxley's neuron."""

    spikes: ClassVar[bool] = True
    # Ten substeps of four variables with six rates.
    update: ClassVar[Update] = Update(400, 100, 0, 4)

    gain: Annotated[float, Field(gt=0, description="Current for an input of 1, in uA/cm^2.")]
    step_ms: StepMs
    substeps: Substeps
    surrogate: Surrogate
    slope: Slope100mV

    @model_validator(mode="after")
    def _fine_enough(self) -> HodgkinHuxleyParams:
        _check_substep(self.step_ms, self.substeps, HODGKIN_HUXLEY_LIMIT_MS)
        return self


class CountedLIFParams(NeuronParams):
    """Leaky integrate-and-fire that may give several spikes a step, one after the other."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(1, 1, 1, 1)  # as LIF at each substep: decay at one of them

    beta: Decay
    learn_beta: Annotated[bool, Field(description="Whether beta is learnt, one for each layer.")]
    levels: Annotated[int, Field(ge=1, description="Most spikes of a step, and its substeps, D.")]


class IntegerLIFParams(CountedLIFParams):
    """Leaky integrate-and-fire of integer training and binary inference, for classifiers."""

    by_method: ClassVar[bool] = True

    binary: Annotated[
        bool,
        Field(description="Whether a step is D substeps of spikes; else their number over D."),
    ]


class CountingIFParams(NeuronParams):
    """Integrate-and-fire that integrates all steps of its input before its first spike."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(0, 2, 1, 1)  # current; threshold; reset
    by_method: ClassVar[bool] = True

    levels: Annotated[int, Field(ge=1, description="Time steps, and most spikes, D.")]


class SingleSpikeNeuronParams(NeuronParams):
    """Neuron that spikes at most once in a window, the earlier the larger its sum."""

    spikes: ClassVar[bool] = True
    update: ClassVar[Update] = Update(0, 2, 0, 2)  # slope into potential; threshold; both are kept
    by_method: ClassVar[bool] = True


class SigmaDeltaNeuronParams(NeuronParams):
    """Rounded ReLU of a running sum, which sends what has changed since the frame before."""

    spikes: ClassVar[bool] = False
    update: ClassVar[Update] = Update(1, 3, 0, 2)  # scale and round; sum, clip, difference
    by_method: ClassVar[bool] = True

    levels: Annotated[int, Field(ge=1, description="Levels above zero.")]


class ReLUParams(NeuronParams):
    """Rectified linear unit, the neuron of conventional networks."""

    spikes: ClassVar[bool] = False
    update: ClassVar[Update] = Update(0, 1, 0, 0)


class ReLU6Params(NeuronParams):
    """Rectified linear unit clipped at 6, of MobileNets."""

    spikes: ClassVar[bool] = False
    update: ClassVar[Update] = Update(0, 2, 0, 0)


class QuantisedReLUParams(NeuronParams):
    """ReLU clipped to a learnt range and rounded to few levels (quantised clip-floor-shift)."""

    spikes: ClassVar[bool] = False
    update: ClassVar[Update] = Update(1, 1, 0, 0)  # scale and round; clip

    levels: Annotated[
        int, Field(ge=1, description="Levels above zero; 2^b - 1 are the values of b bits.")
    ]

    @property
    def activation_bits(self) -> int:
        """Bits that hold the levels and zero."""
        return self.levels.bit_length()


class MultiSpikeLIFParams(CountedLIFParams):
    """Leaky integrate-and-fire of detectors that may give several spikes in a frame."""

    of_frames: ClassVar[bool] = True

    reset: Annotated[
        Literal["subtract", "none"],
        Field(description="After a frame: subtract its spikes from the potential, or leave it."),
    ]


NEURON_PARAMS: dict[str, type[NeuronParams]] = {
    "lif": LIFParams,
    "integrate_and_fire": IFParams,
    "hard_reset_if": HardResetIFParams,
    "cuba_lif": CubaLIFParams,
    "alif": ALIFParams,
    "delta_leaky": DeltaLeakyParams,
    "rleaky": SelfRecurrentParams,
    "alpha": AlphaParams,
    "lapicque": LapicqueParams,
    "curr_exp": CurrExpParams,
    "own": OwnNeuronParams,
    "se_adlif": SEAdLIFParams,
    "silif": SiLIFParams,
    "izhikevich": IzhikevichParams,
    "hodgkin_huxley": HodgkinHuxleyParams,
    "integer_lif": IntegerLIFParams,
    "multi_spike_lif": MultiSpikeLIFParams,
    "counting_if": CountingIFParams,
    "single_spike": SingleSpikeNeuronParams,
    "sigma_delta": SigmaDeltaNeuronParams,
    "relu": ReLUParams,
    "relu6": ReLU6Params,
    "quantised_relu": QuantisedReLUParams,
}
"""The class of each kind of neuron, as in :data:`spikesound.snn.neurons.NEURONS`."""


def _check_substep(step_ms: float, substeps: int, limit_ms: float) -> None:
    if step_ms / substeps > limit_ms:
        raise ValueError(
            f"step_ms / substeps is {step_ms / substeps:g} ms, above the limit of {limit_ms:g} ms: "
            f"take at least {math.ceil(step_ms / limit_ms)} substeps"
        )


class DelayParams(Section):
    """Of a linear layer with learnt delays; for the section of a network that has such layers."""

    largest: Annotated[int, Field(ge=1, description="Largest delay, in time steps.")]
    sigma: Annotated[
        float,
        Field(
            ge=0.5,
            description="First width of a delay, in time steps; half of largest in the paper.",
        ),
    ]


class SynapticDelayParams(DelayParams):
    """Learnt delays of a layer's synapses, or of its axons."""

    kind: Literal["synaptic", "axonal"] = Field(
        description="A delay for each synapse (DCLS), or one for each input neuron."
    )
    rate: Annotated[float, Field(gt=0)] = Field(
        description="Learning rate of the delays, in time steps, over that of the weights."
    )
    narrowing_batches: Annotated[int, Field(ge=1)] = Field(
        description="Batches within which the width falls to half a time step; a quarter of the "
        "training in the paper."
    )
