"""The convolutional network with pruned kernels, which are neither stored nor computed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from spikesound.models.grid import Grid
from spikesound.models.layers import Layer
from spikesound.models.networks.cnn import CNN


@dataclass(frozen=True)
class Pruned(Grid):
    """A convolution of which kernels that are zero, from one channel to one, do not exist."""


class PrunedCNN(CNN):
    """The network of :class:`.cnn.CNN`, of which some kernels have weights of zero alone.

    It computes what that one does; the difference is in its counts: a kernel (output, input) of
    zeros has no operations and no weights in memory.
    """

    def layers(self) -> list[Layer]:
        """Return the layers of the CNN, convolutions with :class:`Pruned` for their geometry."""
        return [
            replace(layer, geometry=Pruned(layer.geometry.kernel, layer.geometry.pool))
            if isinstance(layer.geometry, Grid)
            else layer
            for layer in super().layers()
        ]
