"""Counter of networks of a user's own, whose layers are not known before they run."""

from __future__ import annotations

from dataclasses import replace

import torch

from spikesound.costs.context import Context
from spikesound.costs.foreign.run import count_call
from spikesound.costs.layer import LayerCounts
from spikesound.models.layers import Layer
from spikesound.models.networks.own_code import Run


def own_code(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count all that a module does on (time, batch, ...), by running a copy under watch.

    Raises
    ------
    SpikesoundError
        If it has a module or an operation that cannot be counted (docs/guide/cost.md).
    """
    run, clips = layer.module, x.shape[1]
    assert isinstance(run, Run)
    alone = Run(run.inner, run.kind, by_step=run.by_step)  # without the hook that has led here
    return [
        replace(
            each,
            dense=each.dense * clips,
            effective=each.effective * clips,
            active_inputs=each.active_inputs * clips,
            active_outputs=each.active_outputs * clips,
            neuron_updates=each.neuron_updates * clips,
            distinct=each.distinct * clips,
        )
        for each in count_call(alone, x, spikes=context.operation == "ac")
    ]


def tap(layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context) -> list[LayerCounts]:
    """Return nothing: what goes through a tap is counted with the module that it is on."""
    return []
