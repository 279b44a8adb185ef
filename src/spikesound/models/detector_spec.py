"""What a detector is, apart from its weights; and the network that it describes."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from torch import nn

from spikesound.core.errors import SpikesoundError, choose
from spikesound.features.front_end import FrontEnd
from spikesound.models.networks.detector import MEMORIES, Detector
from spikesound.params import DetectorParams, LabelKind, Neurons, Section
from spikesound.snn.neurons import NEURONS
from spikesound.tasks.detection.decision import Decision


class DetectorSpec(Section):
    """What is needed to make a detector again and to use it, apart from the weights.

    ``neuron`` is None for a conventional network, whose neuron is ReLU; ``recurrent`` are the
    parameters of the recurrent spiking neurons of network ``alif``. ``labels``: what it was
    trained on. ``names`` are those of ``classes`` (label ids), in the same order. ``decision`` is
    None until it is chosen.
    """

    model: str
    network: str
    network_params: DetectorParams
    neuron: str | None
    neuron_params: dict[str, Any] | None
    recurrent: dict[str, Any] | None
    attention: bool
    classes: list[str]
    names: list[str]
    labels: LabelKind
    front_end: FrontEnd
    test_fold: str
    seed: int
    decision: Decision | None = None

    @property
    def bins(self) -> int:
        """Size of the feature axis."""
        return len(self.front_end.low)


def build(spec: DetectorSpec) -> Detector:
    """Make the network of a spec, with new weights.

    Raises
    ------
    SpikesoundError
        If the network or the neuron is not known, or has other parameters.
    """
    make = choose(MEMORIES, spec.network, "network of detection")
    if spec.network == "alif" and spec.recurrent is None:
        raise SpikesoundError("network alif: no parameters of its recurrent neurons")
    recurrent = None if spec.recurrent is None else _neuron_params("alif", spec.recurrent)

    def neuron() -> nn.Module:
        if spec.neuron is None:
            return nn.ReLU()
        make_neuron = choose(NEURONS, spec.neuron, "neuron")
        return make_neuron(_neuron_params(spec.neuron, spec.neuron_params or {}))

    return Detector(
        spec.network_params,
        spec.bins,
        len(spec.classes),
        neuron,
        lambda inputs: make(spec.network_params, inputs, neuron, recurrent),
        attention=spec.attention,
    )


def _neuron_params(name: str, values: dict[str, Any]) -> Any:
    kind = choose(Neurons.model_fields, name, "neuron").annotation
    assert isinstance(kind, type)
    assert issubclass(kind, Section)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        complaint = error.errors()[0]["msg"]
        raise SpikesoundError(f"neuron {name}: parameters do not fit: {complaint}") from error
