"""Networks: one description each, conventional or spiking by the neuron that is put in.

A network is a module from ``(time, batch, frame, bin)`` to class scores ``(batch, class)``. An
entry is called as ``NETWORKS[name](params, layout, neuron)``: its section of ``networks`` in
params.yaml, what it is made for, and a factory of the neuron between its layers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from spikesound.models.networks.cnn import CNN
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.recurrent import CELLS, Recurrent
from spikesound.models.networks.som import SOM
from spikesound.models.networks.wta import WTA

NETWORKS: dict[str, Callable[[Any, Layout, Callable[[], nn.Module]], nn.Module]] = {
    "cnn": CNN,
    **{cell: partial(Recurrent, cell=cell) for cell in CELLS},
}

OWN: dict[str, Callable[[Any, Layout, Callable[[], nn.Module]], nn.Module]] = {
    "som": SOM,
    "wta": WTA,
}
"""Networks that a way of training makes by itself, in place of the task's; no choice of models."""
