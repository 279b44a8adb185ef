"""A conventional detector frame by frame, compiled in the same way as the spiking one."""

from __future__ import annotations

from typing import Any

from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.compiled import Compiled, State, split
from spikesound.inference.streaming.folding import Floats, Rounding
from spikesound.inference.streaming.kernels.conventional import GRU, LSTM, RELU, run_values
from spikesound.models.networks.causal import Spikes

KINDS: dict[type[nn.Module], int] = {nn.ReLU: RELU, nn.GRU: GRU, nn.LSTM: LSTM}
"""The neurons and cells that the kernels know; cells as the last layer only."""


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

    def __init__(self, network: nn.Module, *, skip: bool = True) -> None:
        states = 0
        for layer in split(network)[0]:
            cells: Any = layer.neuron
            if type(cells) not in KINDS:
                names = ", ".join(kind.__name__ for kind in KINDS)
                raise SpikesoundError(
                    f"neuron {type(cells).__name__} is not conventional; valid: {names}"
                )
            self._kind = KINDS[type(cells)]
            states = 0 if self._kind == RELU else 2 * cells.hidden_size
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
