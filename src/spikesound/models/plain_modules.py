"""A convolutional network as torch's own modules, which are all that other counters can watch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.folding import affine, folded
from spikesound.models.grid import Grid
from spikesound.models.layers import Layer, layers_of
from spikesound.models.networks.cnn import CNN


class PlainModules(nn.Module):
    """The same network, each convolution with its batch norm and its pooling in one ``nn.Conv2d``.

    It gives the network's scores up to rounding, for inputs of one size. Its weights are copies;
    neurons and read-out are the network's own.

    Parameters
    ----------
    network : trained; it is not changed
    frames, bins : size of the input, on which strides depend

    Raises
    ------
    SpikesoundError
        If it is another network than a CNN, or pools by maxima, which are no part of a convolution.
    """

    def __init__(self, network: nn.Module, frames: int, bins: int) -> None:
        super().__init__()
        if not isinstance(network, CNN) or any(layer.reads for layer in layers_of(network)):
            raise SpikesoundError(f"expected a network cnn, got {type(network).__name__}")
        self.network = network
        self.convolutions, self.neurons = nn.ModuleList(), nn.ModuleList()
        size = frames, bins
        for layer in layers_of(network):
            if layer.kind == "convolution":
                self.convolutions.append(merged(layer, *size))
                assert layer.neuron is not None
                self.neurons.append(layer.neuron)
                size = _pooled(size, layer)
        self.readout = network.readout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to class scores (batch, class)."""
        steps = self.network.layout.steps
        x = self.network.weighted(x).unsqueeze(2)
        for convolution, neuron in zip(self.convolutions, self.neurons, strict=True):
            time, batch = x.shape[:2]
            currents = convolution(x.flatten(0, 1)).unflatten(0, (time, batch))
            if time == 1 and steps > 1:
                currents = currents.expand(steps, *currents.shape[1:])
            x = neuron(currents)
        return self.network.scores([self.network.pooling.summarised(x.sum(0))])


def merged(layer: Layer, rows: int, columns: int) -> nn.Conv2d:
    """Return a layer's convolution with its batch norm and its mean over places in it."""
    grid, old = layer.geometry, layer.synapses
    assert isinstance(grid, Grid)
    assert isinstance(old, nn.Conv2d)
    if grid.pool == "max":
        raise SpikesoundError("networks.cnn.pool: expected average, stride or outputs, got max")
    weight: Any = old.weight.detach()
    bias = weight.new_zeros(len(weight)) if old.bias is None else old.bias.detach()
    if layer.norm is not None and not isinstance(layer.norm, nn.Identity):
        weight, shift = folded(weight, layer.norm)
        bias = (shift + affine(layer.norm)[0] * bias).detach()
    one, weight = grid.on(rows, columns), grid.merged(weight, rows, columns)
    new = nn.Conv2d(old.in_channels, old.out_channels, one.kernel, one.stride, one.padding)
    with torch.no_grad():
        new.weight.copy_(weight)
        assert new.bias is not None
        new.bias.copy_(bias)
    return new.to(weight)


def _pooled(size: tuple[int, int], layer: Layer) -> tuple[int, int]:
    """Return the size of a layer's output, which the next one reads."""
    assert isinstance(layer.geometry, Grid)
    return layer.geometry.on(*size).size
