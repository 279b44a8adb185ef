"""YAMNet by its published TensorFlow Lite file: spec, network, and AudioSet's classes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.features.front_end import FrontEnd
from spikesound.features.yamnet_mel import LOW, SPAN
from spikesound.models.build import build
from spikesound.models.layers import layers_of
from spikesound.models.pretrained.tflite import Operator, read_operators
from spikesound.models.spec import Spec
from spikesound.params import CleaningParams, FeatureParams, YAMNetParams

NAME = "yamnet"
PATCH_S = 0.975
"""Sound of one patch of 96 frames of 25 ms, 10 ms apart."""

CHANNELS = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
STRIDES = [2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]

PARAMS = YAMNetParams(channels=CHANNELS, strides=STRIDES, patch=96, low=LOW, span=SPAN, outputs=[])
"""The network's sizes: table 1 of the paper on MobileNets, with 521 classes."""

FEATURES = FeatureParams(
    kinds=["yamnet_mel"],
    rate_hz=16000,
    clip_s=PATCH_S,
    cleaning=CleaningParams(
        remove_dc=False, trim_db=None, loudness_lufs=None, clipped_share=None, duplicates="keep",
        duplicate_errors=0.0,
    ),
    window=400,
    hop=160,
    mels=64,
    mfccs=1,
    low_hz=125.0,
    high_hz=7500.0,
    split_hz=1000.0,
    range_db=80.0,
    batch_clips=1,
    shard_clips=1,
)  # fmt: skip
"""The front end that it was trained with."""


def read_yamnet(weights: Path, classes: Path) -> tuple[Spec, nn.Module]:
    """Return spec and network of YAMNet's files.

    Parameters
    ----------
    weights : a TensorFlow Lite file; its norms are folded into its convolutions
    classes : CSV with the columns index, mid and display_name

    Raises
    ------
    SpikesoundError
        If one of them is damaged or of another network.
    """
    ids, names = read_classes(classes)
    spec = spec_of(PARAMS, ids, names)
    network = build(spec)
    fill(network, read_operators(weights), weights)
    return spec, network.eval()


def spec_of(params: YAMNetParams, ids: Sequence[str], names: Sequence[str]) -> Spec:
    """Return the spec of a conventional network of these sizes, with several labels a clip."""
    bins = FEATURES.mels
    return Spec(
        model=NAME,
        task="classification",
        network=NAME,
        network_params=params.model_dump(),
        neuron="relu6",
        neuron_params={},
        labels="multiple",
        classes=list(ids),
        names=list(names),
        bins=bins,
        front_end=FrontEnd(features=FEATURES, low=[LOW] * bins, high=[LOW + SPAN] * bins),
        fold="none",
        seed=0,
    )


def read_classes(path: Path) -> tuple[list[str], list[str]]:
    """Return ids and names of the classes in the order of the network's outputs.

    Raises
    ------
    SpikesoundError
        If a column is missing, or the indices are not 0, 1, 2, ...
    """
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    try:
        indices = [int(row["index"]) for row in rows]
        ids, names = [row["mid"] for row in rows], [row["display_name"] for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise SpikesoundError(f"{path}: expected columns index, mid, display_name") from error
    if indices != list(range(len(rows))):
        raise SpikesoundError(f"{path}: expected indices 0 to {len(rows) - 1} in their order")
    return ids, names


def fill(network: nn.Module, operators: Sequence[Operator], where: object) -> None:
    """Copy the weights of a file's operators into a network of the same layers.

    Raises
    ------
    SpikesoundError
        If the file has other layers, strides, activations or sizes; names the first that differs.
    """
    weighted = [each for each in operators if each.weights]
    layers = [layer for layer in layers_of(network) if layer.synapses is not None]
    if len(weighted) != len(layers):
        raise SpikesoundError(
            f"{where}: expected {len(layers)} layers with weights, got {len(weighted)}"
        )
    for layer, operator in zip(layers, weighted, strict=True):
        synapses = layer.synapses
        assert isinstance(synapses, nn.Conv2d | nn.Linear)
        expected = expected_operator(synapses)
        found = operator.kind, operator.stride
        if found != expected or len(operator.weights) != 2:
            raise SpikesoundError(
                f"{where}: layer {layer.name}: expected {expected[0]} of stride {expected[1]} with "
                f"a bias, got {found[0]} of stride {found[1]}"
            )
        clipped = layer.neuron is not None
        if operator.activation != ("RELU6" if clipped else "NONE"):
            raise SpikesoundError(
                f"{where}: layer {layer.name}: expected activation "
                f"{'RELU6' if clipped else 'NONE'}, got {operator.activation}"
            )
        weight, bias = (torch.from_numpy(np.array(each)) for each in operator.weights)
        if operator.kind == "CONV_2D":
            weight = weight.permute(0, 3, 1, 2)  # (output, input, height, width)
        elif operator.kind == "DEPTHWISE_CONV_2D":
            weight = weight.permute(3, 0, 1, 2)
        assert synapses.bias is not None
        if weight.shape != synapses.weight.shape or bias.shape != synapses.bias.shape:
            raise SpikesoundError(
                f"{where}: layer {layer.name}: expected weights {tuple(synapses.weight.shape)}, "
                f"got {tuple(weight.shape)}"
            )
        with torch.no_grad():
            synapses.weight.copy_(weight)
            synapses.bias.copy_(bias)


def expected_operator(synapses: nn.Conv2d | nn.Linear) -> tuple[str, tuple[int, int]]:
    """Return kind and stride of the operator that computes a layer."""
    if isinstance(synapses, nn.Linear):
        return "FULLY_CONNECTED", (1, 1)
    high, wide = synapses.stride
    return ("DEPTHWISE_CONV_2D" if synapses.groups > 1 else "CONV_2D"), (high, wide)
