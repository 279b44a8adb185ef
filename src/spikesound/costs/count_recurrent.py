"""Counting the conventional recurrent networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from spikesound.costs.active import active_count
from spikesound.costs.count_cnn import additions, linear
from spikesound.costs.layer import LayerCounts
from spikesound.costs.tally import Input, Tally
from spikesound.models.networks.recurrent import Recurrent

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def watch_recurrent(network: nn.Module, first: Input, tally: Tally) -> list[object]:
    """Hang hooks on the recurrent layers and on the read-out; return their handles."""
    assert isinstance(network, Recurrent)

    def cells(module: Recurrent, arguments: tuple[Any, ...], output: torch.Tensor) -> None:
        _count_cells(module, arguments[0], tally)

    def readout(layer: nn.Linear, arguments: tuple[Any, ...], scores: torch.Tensor) -> None:
        tally.add(*linear(layer, arguments[0], "none", tally))

    return [network.register_forward_hook(cells), network.readout.register_forward_hook(readout)]


def _count_cells(network: Recurrent, x: torch.Tensor, tally: Tally) -> None:
    """Count every layer and direction: all frames from the input, all but the first from itself.

    The batch norm of the input is folded into the first layer's weights. Hidden values are taken as
    never zero: they are products of a sigmoid and a hyperbolic tangent.
    """
    layers, (clips, frames, bins) = network.cells, x.shape[1:]
    hidden, ways = layers.hidden_size, 2 if layers.bidirectional else 1
    gates = _GATES[type(layers).__name__] * hidden
    active = active_count(x)
    for number in range(layers.num_layers):
        inputs = bins if number == 0 else ways * hidden
        heard = active if number == 0 else float(clips * frames * inputs)
        recurrent = float(clips * (frames - 1) * hidden)
        tally.add(
            clips,
            LayerCounts(
                f"recurrent_{number + 1}",
                "recurrent",
                "sound" if number == 0 else "activations",
                "mac",
                type(layers).__name__.lower(),
                frames,
                frames,
                ways * (inputs + hidden),
                ways * hidden,
                ways * gates * (inputs + hidden + 1),
                0,
                dense=ways * gates * (clips * frames * inputs + recurrent),
                effective=ways * gates * (heard + recurrent),
                active_inputs=ways * (heard + recurrent),
                active_outputs=float(ways * clips * frames * hidden),
                neuron_updates=float(ways * clips * frames * hidden),
            ),
        )
    width = ways * hidden
    pooled = additions("pooling_frames", "activations", float(2 * clips * frames * width), width)
    tally.add(clips, replace(pooled, passes=frames, active_inputs=float(clips * frames * width)))
