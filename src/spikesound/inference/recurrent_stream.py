"""Unidirectional recurrent classifiers frame by frame, with their state carried."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikesound.models.layers import Layered


def recurrent_layer(network: nn.Module) -> nn.RNNBase | None:
    """Return a network's recurrent layer, if it goes forward over the input's frames; else None.

    Behind blocks that merge frames it does not: what it has seen of the input lags behind.
    """
    if isinstance(network, Layered) and any(
        layer.kind == "gated" and not layer.by_frame and layer.source != "input"
        for layer in network.layers()
    ):
        return None
    for module in network.modules():
        if isinstance(module, nn.RNNBase):
            return None if module.bidirectional else module
    return None


def running_scores(network: Any, outputs: torch.Tensor) -> torch.Tensor:
    """Return the class scores after each frame (frame, batch, class).

    The readout of the whole clip is linear in mean plus maximum of the outputs over its frames;
    after frame n it is taken over those up to n.

    .. math:: z_n = W \\left( \\frac1n \\sum_{k \\le n} h_k + \\max_{k \\le n} h_k \\right) + b

    Parameters
    ----------
    network : has ``dropout`` and ``readout``
    outputs : of its recurrent layer (frame, batch, unit)
    """
    count = torch.arange(1, len(outputs) + 1, device=outputs.device).view(-1, 1, 1)
    pooled = outputs.cumsum(0) / count + outputs.cummax(0).values
    scores: torch.Tensor = network.readout(network.dropout(pooled))
    return scores


class RecurrentStream:
    """A unidirectional recurrent network, one frame at a time.

    Between frames it keeps its layer's state, and the sum and the maximum of the outputs so far:
    memory that does not grow. After the last frame its scores are those of one call on the whole
    clip, up to rounding.

    Parameters
    ----------
    network : in evaluation mode, with ``norm``, ``dropout``, ``readout`` and a recurrent layer
    """

    def __init__(self, network: Any) -> None:
        layer = recurrent_layer(network)
        if layer is None:
            raise ValueError(f"a {type(network).__name__} has no unidirectional recurrent layer")
        self._network, self._layer = network, layer
        self._state: Any = None
        self._sum = self._highest = torch.zeros(())
        self._frames = 0

    def step(self, frame: torch.Tensor) -> torch.Tensor:
        """Take one more frame (batch, bin), and return the class scores so far (batch, class)."""
        outputs, self._state = self._layer(self._network.norm(frame).unsqueeze(0), self._state)
        output = outputs[0]
        self._sum = output if not self._frames else self._sum + output
        self._highest = output if not self._frames else torch.maximum(self._highest, output)
        self._frames += 1
        pooled = self._sum / self._frames + self._highest
        scores: torch.Tensor = self._network.readout(self._network.dropout(pooled))
        return scores
