"""The convolutional network of neurons that spike at most once, read by the times of spikes."""

from __future__ import annotations

import torch

from spikesound.models.networks.cnn import CNN
from spikesound.snn.neurons.single_spike import spike_values


class SingleSpikeCNN(CNN):
    """The network of :class:`.cnn.CNN` whose last layer's spikes count by their times.

    Each layer has a window of as many steps as there are; the window of a layer begins where that
    of the layer before ends. A spike at step t of n stands for (n - t) / n.
    """

    def summary(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Return what the pooling needs of the last layer's values times steps."""
        return self.pooling.summarised(self._values(self._last(x, steps)).sum(0))

    def scores_by_step(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores after each step of the last layer's window (step, batch, class)."""
        values = self._values(self._last(self.weighted(x), self.layout.steps))
        summaries = self.pooling.summarised(values)
        return torch.stack([self.scores([so_far]) for so_far in summaries.cumsum(0)])

    def _last(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        x = x.unsqueeze(2)
        for block in self.blocks:
            x = block(x, steps)
        return x

    def _values(self, spikes: torch.Tensor) -> torch.Tensor:
        """Return spikes (time, ...) as what they stand for, times the steps that are divided by."""
        values = len(spikes) * spike_values(len(spikes)).to(spikes)
        return spikes * values.view(-1, *[1] * (spikes.dim() - 1))
