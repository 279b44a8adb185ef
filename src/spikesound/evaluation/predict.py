"""Scores and spike rates of a trained network on the clips it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
from torch import nn

from spikesound.evaluation.predictions import to_frame
from spikesound.neurons import SpikingNeuron
from spikesound.training.data import Clips
from spikesound.training.loop import predict


@dataclass(frozen=True)
class Tested:
    """What testing one fold's model gave.

    Attributes
    ----------
    predictions : rows of the PREDICTIONS table
    spikes, neuron_steps : summed over clips, neurons and time steps, one entry per spiking layer;
        their ratio is the layer's spike rate, in spikes per neuron and step
    """

    predictions: pd.DataFrame
    spikes: list[float]
    neuron_steps: list[int]


def run_fold(network: nn.Module, clips: Clips, classes: list[str], batch_clips: int) -> Tested:
    """Run a network on clips, and count the spikes of each layer while it runs.

    Parameters
    ----------
    clips : of the fold that the network was not trained on
    classes : label ids, in the order of the network's scores
    """
    layers = [module for module in network.modules() if isinstance(module, SpikingNeuron)]
    spikes = [0.0] * len(layers)
    neuron_steps = [0] * len(layers)

    def counter(layer: int) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def count(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
            spikes[layer] += float(output.sum(dtype=torch.float64))
            neuron_steps[layer] += output.numel()

        return count

    hooks = [module.register_forward_hook(counter(i)) for i, module in enumerate(layers)]
    try:
        scores = predict(network, clips, batch_clips)
    finally:
        for hook in hooks:
            hook.remove()
    shares = torch.softmax(torch.from_numpy(scores).double(), dim=1).numpy()
    predictions = to_frame(clips.ids, clips.folds, classes, shares, clips.targets > 0)
    return Tested(predictions, spikes, neuron_steps)


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(value.numel() for value in network.parameters() if value.requires_grad)
