"""Networks: one description each, conventional or spiking by the neuron that is put in.

A network is a module from ``(time, batch, frame, bin)`` to class scores ``(batch, class)``. An
entry is called as ``NETWORKS[name](params, bins, classes, neuron, steps)``: its section of
``networks`` in params.yaml, the shape of input and output, a factory of the neuron between layers,
and the number of time steps it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from spikesound.networks.cnn import CNN
from spikesound.networks.lstm import LSTM

NETWORKS: dict[str, Callable[[Any, int, int, Callable[[], nn.Module], int], nn.Module]] = {
    "cnn": CNN,
    "lstm": LSTM,
}
