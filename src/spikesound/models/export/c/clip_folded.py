"""A convolutional classifier of clips as float tables, row by row over the frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.features import feature_shape
from spikesound.models.export.c.folded import Doubles, FloatLayer, array_of, rule_of
from spikesound.models.grid import Grid
from spikesound.models.layers import Layer, Places, layers_of
from spikesound.models.loading import TrainedModel
from spikesound.models.sums import affine_of

READ = ("pooling", "frame_pooling", "linear")


@dataclass(frozen=True)
class Rows:
    """Rows of a layer: output row r is complete with input row ``lead + r stride``.

    Attributes
    ----------
    inputs, outputs : number of rows
    """

    lead: int
    stride: int
    inputs: int
    outputs: int


@dataclass(frozen=True)
class FloatClip:
    """A classifier of clips.

    Attributes
    ----------
    layers, rows : in their order; a layer's taps are rows, the newest first
    weights, bias : of the read-out, (channel, class) and (class,)
    steps : time steps
    single : one label a clip (softmax), else any number (sigmoid)
    """

    layers: list[FloatLayer]
    rows: list[Rows]
    weights: Doubles
    bias: Doubles
    steps: int
    single: bool


def float_clip(model: TrainedModel) -> FloatClip:
    """Return the tables of a classifier.

    Raises
    ------
    SpikesoundError
        If it has another kind of layer, neuron, read-out or encoding.
    """
    *inner, last = layers_of(model.network)
    kinds = [layer.kind for layer in (*inner, last)]
    blocks = [layer for layer in inner if layer.kind == "convolution"]
    if tuple(kinds[len(blocks) :]) != READ or not blocks:
        other = next((x for x in kinds if x not in ("convolution", *READ)), kinds[-1])
        what = f"layers of kind {other!r}"
        if any(isinstance(layer.geometry, Places) for layer in inner):
            what = "poolings of the clip other than 'frames'"
        raise SpikesoundError(
            f"{model.name}: {what} cannot be expressed in C; valid: networks tcn (detection) and "
            "cnn (classification)"
        )
    if last.neuron is not None or model.spec.encoding not in (None, "direct"):
        raise SpikesoundError(
            f"{model.name}: in C the encoding must be 'direct', and the readout 'rate'"
        )
    params = model.front_end.features
    if params.clip_s is None:
        raise SpikesoundError(f"{model.name}: its clips have no length (features.clip_s)")
    height, bins = feature_shape(params)
    layers: list[FloatLayer] = []
    rows: list[Rows] = []
    for layer in blocks:
        made, each = _folded(layer, height, bins)
        layers.append(made)
        rows.append(each)
        height, bins = each.outputs, made.places
    synapses: Any = last.synapses
    weights, bias = array_of(synapses.weight).T, array_of(synapses.bias)
    return FloatClip(layers, rows, weights, bias, model.spec.steps, model.spec.labels == "single")


def _folded(layer: Layer, height: int, bins: int) -> tuple[FloatLayer, Rows]:
    grid, synapses = layer.geometry, layer.synapses
    assert isinstance(grid, Grid)
    assert isinstance(synapses, nn.Conv2d)
    if grid.pool == "max":
        raise SpikesoundError(f"layer {layer.name!r}: pool 'max' cannot be expressed in C")
    scale, shift = affine_of(layer)
    weights = synapses.weight.detach().double() * scale[:, None, None, None]
    one, weights = grid.on(height, bins), grid.merged(weights, height, bins)
    taps, (outputs, places) = one.kernel[0], one.size
    if outputs < 1 or places < 1:
        raise SpikesoundError(f"layer {layer.name!r}: clips of {height} frames leave no row")
    rule = rule_of(layer)
    if rule is not None and rule.levels > 1:
        raise SpikesoundError(
            f"layer {layer.name!r}: neurons with several spikes a frame are of detectors in C"
        )
    table = weights.flip(2).permute(2, 3, 1, 0).numpy()
    sizes = (taps, 1, one.stride[1], one.padding[1], bins, synapses.in_channels, places)
    made = FloatLayer(layer.name, *sizes, table, shift, rule, False)
    return made, Rows(taps - 1 - one.padding[0], one.stride[0], height, outputs)
