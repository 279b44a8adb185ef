"""A conventional detector for streams, compiled in the same way as the spiking one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.compiled import Compiled, Kept, folded_front, neurons
from spikesound.inference.streaming.folding import Floats, Rounding, fold_linear
from spikesound.inference.streaming.kernels.by_values import GRU, LSTM, RELU, run_values
from spikesound.models.networks.causal import Spikes
from spikesound.models.networks.detector import Detector, Gated


class ByValues(Compiled):
    """Adds up weights times values; the opponent of :class:`.event_driven.EventDriven`.

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
        others = [each for each in neurons(network) if not isinstance(each, nn.ReLU)]
        if others:
            raise SpikesoundError(f"{type(others[0]).__name__} is not ReLU: use EventDriven")
        rounding = Rounding(1, 1)
        layers = folded_front(network, rounding)
        recurrent, self._kind, zeros = None, RELU, 0
        if isinstance(network.memory, Gated):
            cells: Any = network.memory.cells
            self._kind = LSTM if isinstance(cells, nn.LSTM) else GRU
            recurrent = np.ascontiguousarray(cells.weight_hh_l0.detach().t().numpy())
            heard = fold_linear(cells.weight_ih_l0, cells.bias_ih_l0, layers[-1], rounding)
            both = np.concatenate([heard.ground, cells.bias_hh_l0.detach().numpy()])
            layers.append(replace(heard, ground=both))
            zeros = 2 * cells.hidden_size
        super().__init__(network, layers, recurrent, zeros, rounding)
        self._skip = skip

    def run(self, x: Floats, now: int, after: Kept, logits: Floats, spikes: Spikes | None) -> None:
        """Do as :class:`Compiled` says; there are no spikes."""
        run_values(
            x,
            now,
            self.sizes,
            self.weights,
            self.ground,
            self._kind,
            self.beta,
            self._skip,
            after.floats,
            logits,
        )
