"""A plain convolutional network over the spectrogram, and its spiking twin."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from spikesound.params import CNNParams

class Block(nn.Module):
    """Convolution, 2 x 2 pooling of the currents, batch norm, neuron.

    Pooling comes before the neuron, so that what goes to the next layer are spikes and there are
    four times fewer neurons to update. With average pooling all before the neuron is linear. An
    axis with a single row left is not pooled further.
    """

    def __init__(self, inputs: int, outputs: int, params: CNNParams, neuron: nn.Module) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            inputs, outputs, params.kernel, padding=params.kernel // 2, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs)
        self.pooled = POOLED[params.pool]
        self.neuron = neuron

    def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Map (time, batch, channel, frame, bin) to the same at half the frames and bins.

        Where the input has one time step and ``steps`` are asked for, the current is computed
        once and given to the neuron at each of them (direct coding).
        """
        time, batch = x.shape[:2]
        flat = x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        currents = self.norm(self.pooled(flat, self.convolution)).unflatten(0, (time, batch))
        if time == 1 and steps > 1:
            currents = currents.expand(steps, *currents.shape[1:])
        out: torch.Tensor = self.neuron(currents)
        return out


def average_pooled(x: torch.Tensor, convolution: nn.Conv2d) -> torch.Tensor:
    """Convolve and average over 2 x 2 places, as one convolution of stride 2.

    .. math::
        \\tfrac14 \\sum_{i, j \\in \\{0, 1\\}} (w * x)[2 u + i, 2 v + j] = (\\tilde w * x)[2 u, 2 v],
        \\qquad \\tilde w[a, b] = \\tfrac14 \\sum_{i, j \\in \\{0, 1\\}} w[a - i, b - j]

    With a kernel of k x k that is (k + 1)^2 products for each pooled value instead of 4 k^2.
    """
    (rows, columns), padding = x.shape[-2:], convolution.padding
    high, wide = 1 + (rows > 1), 1 + (columns > 1)
    weight = functional.pad(convolution.weight, (wide - 1, wide - 1, high - 1, high - 1))
    merged = functional.avg_pool2d(weight, (high, wide), stride=1)
    assert not isinstance(padding, str)
    return functional.conv2d(x, merged, stride=(high, wide), padding=padding)


def max_pooled(x: torch.Tensor, convolution: nn.Conv2d) -> torch.Tensor:
    """Convolve, and take the largest of 2 x 2 places."""
    maps = convolution(x)
    return functional.max_pool2d(maps, [min(2, size) for size in maps.shape[-2:]])


POOLED: dict[str, Callable[[torch.Tensor, nn.Conv2d], torch.Tensor]] = {
    "average": average_pooled,
    "max": max_pooled,
}


class CNN(nn.Module):
    """Blocks of convolution, pooling, batch norm and neuron; mean plus maximum over frames; linear.

    With ReLU it is the conventional network at one time step, with a spiking neuron its twin: the
    weights have the same shapes. The read-out is linear in the spike counts: the last layer's
    spikes are averaged over time steps and bins, then pooled over frames.

    Parameters
    ----------
    params : channels of each block, kernel size, kind of pooling, dropout before the read-out
    bins, classes : size of the feature axis and number of classes
    neuron : makes the neuron of each block, a module on (time, batch, channel, frame, bin)
    steps : time steps; an input of one step is repeated, any other must have this many
    """

    def __init__(
        self,
        params: CNNParams,
        bins: int,
        classes: int,
        neuron: Callable[[], nn.Module],
        steps: int,
    ) -> None:
        super().__init__()
        widths = [1, *params.channels]
        self.blocks = nn.ModuleList(
            Block(inputs, outputs, params, neuron()) for inputs, outputs in pairwise(widths)
        )
        self.dropout = nn.Dropout(params.dropout)
        self.readout = nn.Linear(widths[-1], classes)
        self.steps = steps
        self.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to class scores (batch, class)."""
        x = x.unsqueeze(2)
        for block in self.blocks:
            x = block(x, self.steps)
        frames = x.mean(dim=(0, 4))  # (batch, channel, frame)
        pooled = frames.mean(-1) + frames.amax(-1)
        scores: torch.Tensor = self.readout(self.dropout(pooled))
        return scores
