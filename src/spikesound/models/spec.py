"""Spec of a model: all that is needed, apart from its weights, to build and to use it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from spikesound.core.errors import choose
from spikesound.features.front_end import FrontEnd
from spikesound.params import (
    ENCODING_PARAMS,
    NETWORK_PARAMS,
    NEURON_PARAMS,
    Count,
    EncodingParams,
    Model,
    NetworkParams,
    NeuronParams,
    Section,
    Share,
    parsed,
)
from spikesound.params.base import without


class Decision(Section):
    """Decision rule of a detector: how class probabilities of frames become sound events.

    Attributes
    ----------
    thresholds
        One per class: a frame is active from this filtered probability on.
    medians
        Odd lengths of the median filter in frames, one per class.
    lookahead
        Frames by which the network's output comes after the frame that it is of.
    """

    thresholds: list[Share]
    medians: list[Count]
    lookahead: Annotated[int, Field(ge=0)] = 0

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without(handler(self), {"lookahead": 0})

    @property
    def delay(self) -> int:
        """Frames from a frame to its decision: the look-ahead, and half the longest filter."""
        return self.lookahead + max(self.medians) // 2

    @model_validator(mode="after")
    def _match(self) -> Self:
        if len(self.thresholds) != len(self.medians):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.medians)} medians")
        even = [length for length in self.medians if length % 2 == 0]
        if even:
            raise ValueError(f"median of {even[0]} frames is not odd")
        return self


class Spec(Section):
    """A model apart from its weights, of either task.

    Attributes
    ----------
    model : its name, the row of the table of models
    task : ``classification`` or ``detection``
    network, network_params : kind of the network, and its parameters
    neuron, neuron_params : kind of the neuron or activation between its layers, and its parameters
    labels : ``single`` or ``multiple`` of a classifier; ``strong``, ``weak`` or ``both`` are the
        labels that a detector was trained on
    classes, names : label ids, and their display names in the same order
    bins : size of the input's last axis, input neurons included
    steps : time steps of a classifier; frames are those of a detector
    encoding, encoding_params : kind of the input's encoding; None: the features themselves
    step_weights : what the input of each step is multiplied by; None: nothing
    readout : see :class:`spikesound.models.networks.layout.Layout`
    attention : whether a detector has a head for attention over frames
    folded : whether its batch norms are folded into the synapses before them
    front_end : from samples to features, with the ranges fitted without the held-out fold; None:
        of a network that was built apart from any data
    decision : of a detector, once its thresholds are tuned
    fold, seed : the fold held out for testing, and the run's seed
    """

    model: str
    task: Literal["classification", "detection"]
    network: str
    network_params: dict[str, Any]
    neuron: str
    neuron_params: dict[str, Any]
    labels: Literal["single", "multiple", "strong", "weak", "both"]
    classes: list[str]
    names: list[str]
    bins: int
    steps: int = 1
    encoding: str | None = None
    encoding_params: dict[str, Any] | None = None
    step_weights: list[float] | None = None
    readout: str = "rate"
    attention: bool = False
    folded: bool = False
    front_end: FrontEnd | None = None
    decision: Decision | None = None
    fold: str
    seed: int

    @property
    def spiking(self) -> bool:
        """Whether the network spikes."""
        return self.neuron_section().spikes

    @property
    def sound(self) -> FrontEnd:
        """The front end of a model that takes sound."""
        assert self.front_end is not None, f"{self.model}: built without a front end"
        return self.front_end

    def network_section(self) -> NetworkParams:
        """Return the network's parameters, typed; raises as :func:`spikesound.params.parsed`."""
        kind = choose(NETWORK_PARAMS, self.network, "network")
        return parsed(kind, self.network_params, ("network_params",))

    def neuron_section(self) -> NeuronParams:
        """Return the neuron's parameters, typed; raises as :func:`spikesound.params.parsed`."""
        kind = choose(NEURON_PARAMS, self.neuron, "neuron")
        return parsed(kind, self.neuron_params, ("neuron_params",))

    def encoding_section(self) -> EncodingParams | None:
        """Return the encoding's parameters, typed; None: the input is the features."""
        if self.encoding is None:
            return None
        kind = choose(ENCODING_PARAMS, self.encoding, "encoding")
        return parsed(kind, self.encoding_params or {}, ("encoding_params",))

    def with_neuron(self, neuron: str, params: NeuronParams | dict[str, Any], **more: Any) -> Spec:
        """Return the spec of the same network with another neuron."""
        values = params if isinstance(params, dict) else params.model_dump()
        return self.model_copy(update={"neuron": neuron, "neuron_params": values, **more})


def spec_of(
    model: Model,
    *,
    fold: str,
    seed: int,
    names: dict[str, str],
    bins: int,
    front_end: FrontEnd | None,
    encoding: tuple[str, EncodingParams] | None,
    single: bool = True,
    attention: bool = False,
) -> Spec:
    """Return the spec of a row of the table of models.

    Parameters
    ----------
    names : display names by label id, in class order
    bins : size of the input's last axis
    encoding : kind and parameters of the input's encoding; None: the features themselves
    single : whether a clip has one label (classification)
    attention : with a head for attention over frames (detection)
    """
    return Spec(
        model=model.name,
        task=model.row.task,  # type: ignore[arg-type]
        network=model.network,
        network_params=model.network_params.model_dump(),
        neuron=model.neuron,
        neuron_params=model.neuron_params.model_dump(),
        labels=model.labels or ("single" if single else "multiple"),
        classes=list(names),
        names=list(names.values()),
        bins=bins,
        steps=encoding[1].steps if encoding else 1,
        encoding=encoding[0] if encoding else None,
        encoding_params=encoding[1].model_dump() if encoding else None,
        attention=attention,
        front_end=front_end,
        fold=fold,
        seed=seed,
    )
