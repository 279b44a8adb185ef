"""Neurons of other libraries, and the unit of the cost model that each is counted as."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from spikesound.costs.neuron_work import UNITS, Unit
from spikesound.params import NEURON_PARAMS, NeuronParams, Update

UNITS |= {
    "current_li": Unit(spikes=False, update=Update(2, 0, 0, 2)),  # a membrane behind a synapse
    "integrator": Unit(spikes=False, update=Update(0, 1, 0, 1)),  # a sum that is read
    "threshold": Unit(spikes=True, update=Update(0, 1, 0, 0)),  # a comparison without a state
}
"""Units that only networks of other libraries have."""


@dataclass(frozen=True)
class Neuron:
    """Kind of a module of neurons.

    Attributes
    ----------
    unit : name in :data:`spikesound.params.NEURON_PARAMS` or
        :data:`spikesound.costs.neuron_work.UNITS`, whose update it is priced as
    steps_at_once : whether the first axis of its input is time; None: as its ``step_mode`` says
    recurrent : whether it has synapses from its own spikes, a module ``recurrent``
    """

    unit: str
    steps_at_once: bool | None = False
    recurrent: bool = False

    @property
    def spiking(self) -> bool:
        """Whether its first output is spikes."""
        known: dict[str, type[NeuronParams] | Unit] = {**NEURON_PARAMS, **UNITS}
        return known[self.unit].spikes

    def time_steps(self, module: nn.Module, first_axis: int) -> int:
        """Return how many time steps a call of the module takes."""
        at_once = self.steps_at_once
        if at_once is None:
            at_once = getattr(module, "step_mode", "s") == "m"
        return first_axis if at_once else 1


NEURONS: dict[str, dict[str, Neuron]] = {
    "snntorch": {
        "Leaky": Neuron("lif"),
        "Lapicque": Neuron("lif"),
        "Synaptic": Neuron("cuba_lif"),
        "Alpha": Neuron("alpha"),
        "DeltaLeaky": Neuron("delta_leaky"),
        "RLeaky": Neuron("lif", recurrent=True),
        "RSynaptic": Neuron("cuba_lif", recurrent=True),
    },
    "spikingjelly": {
        "IFNode": Neuron("integrate_and_fire", None),
        "LIFNode": Neuron("lif", None),
        "ParametricLIFNode": Neuron("lif", None),
        "NonSpikingIFNode": Neuron("integrator", None),
        "NonSpikingLIFNode": Neuron("li", None),
    },
    "norse": {
        "LIFCell": Neuron("cuba_lif"),
        "LIF": Neuron("cuba_lif", True),
        "LIFBoxCell": Neuron("lif"),
        "IAFCell": Neuron("integrate_and_fire"),
        "IAF": Neuron("integrate_and_fire", True),
        "LICell": Neuron("current_li"),
        "LI": Neuron("current_li", True),
        "LIBoxCell": Neuron("li"),
    },
    "torch": {"ReLU": Neuron("relu")},
}
"""By the library and the name of the class. A recurrent neuron has no conventional twin of one
step; it is counted in the networks of the table of models (:mod:`spikesound.costs.own_code`)."""


def library(module: nn.Module) -> str:
    """Return the package that a module's class is from."""
    return type(module).__module__.partition(".")[0]


def neuron_of(module: nn.Module) -> Neuron | None:
    """Return the kind of a module of neurons, or None if it is not in the table."""
    own = getattr(module, "counted_as", None)
    if isinstance(own, Neuron):
        return own
    found = NEURONS.get(library(module), {}).get(type(module).__name__)
    if found is None or not found.recurrent or getattr(module, "all_to_all", True):
        return found
    return Neuron("rleaky", recurrent=True) if found.unit == "lif" else None
