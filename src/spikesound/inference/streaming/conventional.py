"""A conventional detector frame by frame, compiled in the same way as the spiking one."""

from __future__ import annotations

from typing import Any

from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.compiled import Compiled, State
from spikesound.inference.streaming.folding import Floats, Rounding, layers_of
from spikesound.inference.streaming.kernels.conventional import GRU, LSTM, RELU, run_values
from spikesound.models.networks.causal import Spikes
from spikesound.models.networks.detector import Detector, Gated


class Conventional(Compiled):
    """Adds up weights times values; the counterpart of :class:`.event_driven.EventDriven`.

    Parameters
    ----------
    network : trained; its weights are copied
    skip : leave out inputs that are zero, as ReLU's often are

    Raises
    ------
    SpikesoundError
        If the network spikes.
    """

    def __init__(self, network: Detector, *, skip: bool = True) -> None:
        self._kind, states = RELU, 0
        for layer in layers_of(network)[0]:
            if isinstance(layer, Gated):
                cells: Any = layer.cells
                self._kind = LSTM if isinstance(cells, nn.LSTM) else GRU
                states = 2 * cells.hidden_size
            elif type(layer.neuron) is not nn.ReLU:
                name = type(layer.neuron).__name__
                raise SpikesoundError(f"neuron {name} is not conventional; valid: ReLU")
        super().__init__(network, Rounding(1, 1), layer_states=states)
        self._skip = skip

    def run(
        self, x: Floats, first: int, after: State, logits: Floats, spikes: Spikes | None
    ) -> None:
        """Do as :class:`Compiled` says; there are no spikes."""
        run_values(
            x,
            first,
            self.sizes,
            self.weights,
            self.ground,
            self._kind,
            self.beta,
            self._skip,
            after.floats,
            logits,
        )
