"""The convolutional network whose layers send changes of their activations, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.grid import Grid
from spikesound.models.layers import Layer
from spikesound.models.networks.cnn import CNN, Block
from spikesound.models.networks.layout import Layout
from spikesound.params import CNNParams
from spikesound.snn.neurons.sigma_delta import changes, summed


@dataclass(frozen=True)
class Changes(Grid):
    """A convolution whose neurons send changes over frames, and add up those that they get."""


class SigmaDeltaBlock(Block):
    """Convolution of changes, their running sum over frames, rounded ReLU, its changes.

    With stride g over frames, :math:`y_u - y_{u-1} = \\sum_a w_a \\Delta_{g u + a}` for
    :math:`\\Delta_f = x_f - x_{f-g}`: the sum over u is the convolution of the activations x
    themselves, of which the network's quantised twin computes each anew. The batch norm is folded.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        params: CNNParams,
        neuron: nn.Module,
        *,
        first: bool,
        last: bool,
    ) -> None:
        super().__init__(inputs, outputs, params, neuron, first=first)
        self.first, self.last = first, last

    def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Map changes (1, batch, channel, frame, bin), or the first block's values, to changes.

        Changes have ``lag`` frames more than activations (:func:`.sigma_delta.changes`).
        """
        currents = self.norm(self._currents(x[0])).unsqueeze(0)
        activations: torch.Tensor = self.neuron(currents)
        return changes(activations, 1 if self.last else stride_of(activations.shape[-2]))

    def _currents(self, x: torch.Tensor) -> torch.Tensor:
        if self.first:
            return self.pooled(x, self.convolution, self.grid)
        lag = lag_of(x.shape[-2])
        frames, bins = x.shape[-2] - lag, x.shape[-1]
        one = self.grid.on(frames, bins)
        weight = self.grid.merged(self.convolution.weight, frames, bins)
        size, (padding, beside) = one.kernel[0], one.padding
        before = (size - 1 - padding) // lag  # outputs before the first
        wanted = (before + one.size[0] - 1) * lag + size  # frames that are read
        left = padding + before * lag
        x = functional.pad(x, (beside, beside, left, max(0, wanted - left - x.shape[-2])))
        sums = functional.conv2d(x[..., :wanted, :], weight, None, one.stride).cumsum(-2)
        sums = sums[..., before:, :]
        bias = self.convolution.bias
        return sums if bias is None else sums + bias.view(-1, 1, 1)


def stride_of(places: int) -> int:
    """Return over how many places of an axis a block pools: an axis of one is not pooled."""
    return 1 + (places > 1)


def lag_of(frames: int) -> int:
    """Return the lag of changes between blocks, by how many frames they have."""
    return 1 if frames == 2 else 2


class SigmaDeltaCNN(CNN):
    """The network of :class:`.cnn.CNN` at one time step, whose blocks exchange changes.

    Its scores are those of the same network with quantised ReLUs
    (:class:`spikesound.snn.quantisation.qcfs.QCFS`), but for rounding of sums. What it saves are
    the operations of activations that stay as they are from one frame to the next.

    Raises
    ------
    SpikesoundError
        If it pools by the maximum, which changes do not pass through.

    References
    ----------
    O'Connor & Welling 2017, "Sigma-delta quantized networks"; Yousefzadeh et al. 2019,
    "Asynchronous spiking neurons, the natural key to exploit temporal sparsity".
    """

    def __init__(self, params: CNNParams, layout: Layout, neuron: Callable[[], nn.Module]) -> None:
        if params.pool == "max":
            raise SpikesoundError(
                "networks.cnn.pool: 'max' cannot be computed by changes; valid: average, "
                "stride, outputs"
            )
        super().__init__(params, layout, neuron)
        widths, ends = [1, *params.channels], len(params.channels) - 1
        self.blocks = nn.ModuleList(
            SigmaDeltaBlock(
                inputs, outputs, params, neuron(), first=number == 0, last=number == ends
            )
            for number, (inputs, outputs) in enumerate(pairwise(widths))
        )

    def summary(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Return what the pooling needs of the last layer's activations."""
        x = x.unsqueeze(2)
        for block in self.blocks:
            x = block(x, steps)
        return self.pooling.summarised(summed(x, 1)[0])

    def layers(self) -> list[Layer]:
        """Return the layers of the CNN, convolutions with :class:`Changes` for their geometry."""
        return [
            replace(layer, geometry=Changes(layer.geometry.kernel, layer.geometry.pool))
            if isinstance(layer.geometry, Grid)
            else layer
            for layer in super().layers()
        ]
