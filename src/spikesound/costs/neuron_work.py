"""What an update of a neuron takes, in multiply-accumulates and additions."""

from __future__ import annotations

from spikesound.core.errors import choose
from spikesound.costs.layer import LayerCounts

# (multiply-accumulates, additions) an update, (additions) a spike. A comparison counts as an
# addition, a sigmoid or hyperbolic tangent as one multiply-accumulate (piecewise linear), a reset
# by subtraction as an addition.
UPDATES: dict[str, tuple[float, float, float]] = {
    "none": (0, 0, 0),
    "relu": (0, 1, 0),
    "rounded_relu": (1, 1, 0),  # scale, round; clip
    "lif": (1, 1, 1),  # decay and current; threshold; reset
    "integrate_and_fire": (0, 2, 1),  # current; threshold; reset
    "li": (1, 0, 0),  # a membrane that is read
    "winner": (0, 1, 0),
    "cuba_lif": (2, 1, 1),
    "alif": (2, 2, 2),  # and its threshold's decay and rise
    "izhikevich": (20, 6, 2),  # four substeps of v' and u'
    "hodgkin_huxley": (400, 100, 0),  # ten substeps of four variables with six rates
    "lstm": (8, 1, 0),  # five functions, three products; one sum
    "gru": (6, 2, 0),  # three functions, three products; two sums
    "rnn": (1, 1, 0),
}
"""By name of the neuron."""

STATES = {"none": 0, "relu": 0, "rounded_relu": 0, "winner": 0, "cuba_lif": 2, "alif": 2,
          "izhikevich": 2, "hodgkin_huxley": 4, "gru": 0, "rnn": 0}  # fmt: skip
"""Values that a neuron keeps from one step to the next, beside its output; 1 where not named.
The outputs of LSTM, GRU and RNN go out and come back as the layer's output and input."""


def neuron_work(layer: LayerCounts) -> tuple[float, float]:
    """Return the multiply-accumulates and additions of a layer's neurons for a clip.

    Raises
    ------
    SpikesoundError
        If the neuron is not in the table.
    """
    macs, additions, a_spike = choose(UPDATES, layer.neuron, "neuron to price")
    spikes = layer.active_outputs if a_spike else 0.0
    return macs * layer.neuron_updates, additions * layer.neuron_updates + a_spike * spikes


def states(layer: LayerCounts) -> int:
    """Return how many values each neuron of the layer keeps between steps."""
    return STATES.get(layer.neuron, 1)
