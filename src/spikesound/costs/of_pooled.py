"""Counter of poolings over all places of a clip, or over the frames of each bin."""

from __future__ import annotations

from dataclasses import replace

import torch

from spikesound.costs.active import active_count
from spikesound.costs.context import Context
from spikesound.costs.layer import LayerCounts
from spikesound.costs.of_clip import additions
from spikesound.models.layers import Layer, Places


def place_pooling(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count pooling of outputs (step, batch, channel, frame, bin) over frames, or over bins too.

    The sum over steps takes an addition for each spike; then each value takes one for the mean and
    one, a comparison, for the maximum. With attention it is an addition for the mean and a
    multiply-accumulate for the weighted sum, and for each place two more, the quotient and the
    exponential; the logits are a layer of their own.
    """
    assert isinstance(layer.geometry, Places)
    steps, clips, channels, frames, bins = output.shape
    width, places = channels * frames * bins, frames * bins
    times = steps if layer.each_step else 1
    found = []
    if steps > 1 and not layer.each_step:
        active = float(output.sum()) if context.numbers else active_count(output)
        sums = additions(layer.name, context.source, active, width)
        dense = float(clips * steps * width)
        found.append(replace(sums, passes=steps, dense=dense, active_inputs=active))
    values = float(clips * width * times)
    if not layer.geometry.attention:
        name = f"{layer.name}_{'frames' if layer.geometry.each_bin else 'places'}"
        outputs = channels * bins if layer.geometry.each_bin else channels
        over = additions(name, "pooled", 2 * values, width)
        return [*found, replace(over, outputs=outputs, passes=times, steps=times)]
    mean = additions(f"{layer.name}_mean", "pooled", values, width)
    weighted = additions(
        f"{layer.name}_weighted", "pooled", values + 2.0 * clips * places * times, width
    )
    return [
        *found,
        replace(mean, outputs=1, passes=times, steps=times),
        replace(weighted, operation="mac", outputs=channels, passes=times, steps=times),
    ]
