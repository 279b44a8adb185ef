"""VGGish by the published weights of its port to torch: spec and network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.features.front_end import FrontEnd
from spikesound.features.yamnet_mel import LOW, SPAN
from spikesound.models.build import build
from spikesound.models.networks.vggish import VGGish
from spikesound.models.pretrained.yamnet import FEATURES
from spikesound.models.spec import Spec
from spikesound.params import VGGishParams

PARAMS = VGGishParams(
    blocks=[[64], [128], [256, 256], [512, 512]], embedding=[4096, 4096, 128], patch=96, low=LOW,
    span=SPAN, exit=None,
)  # fmt: skip
"""The network's sizes: those of the release."""

KINDS = ("weight", "bias")
"""What the file has of each layer."""


def read_vggish(weights: Path) -> tuple[Spec, nn.Module]:
    """Return spec and network of VGGish's file.

    It has no classes: the outputs are the values of the embedding.

    Parameters
    ----------
    weights : a state dict of torch, ``features.0.weight`` to ``embeddings.4.bias``

    Raises
    ------
    SpikesoundError
        If it is damaged or of another network.
    """
    spec = spec_of(PARAMS)
    network = build(spec)
    fill(network, weights)
    return spec, network.eval()


def spec_of(params: VGGishParams) -> Spec:
    """Return the spec of a network of these sizes, whose classes are the embedding's values."""
    values, bins = [f"embedding {i}" for i in range(1, 1 + params.embedding[-1])], FEATURES.mels
    return Spec(
        model="vggish",
        task="classification",
        network="vggish",
        network_params=params.model_dump(),
        neuron="relu",
        neuron_params={},
        labels="multiple",
        classes=values,
        names=values,
        bins=bins,
        front_end=FrontEnd(features=FEATURES, low=[LOW] * bins, high=[LOW + SPAN] * bins),
        fold="none",
        seed=0,
    )


def fill(network: nn.Module, path: Path) -> None:
    """Copy the weights of a file into a network of the same layers.

    Raises
    ------
    SpikesoundError
        If the file cannot be read, or has other layers or sizes; names the first that differs.
    """
    assert isinstance(network, VGGish)
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
        names = list(state)
    except Exception as error:  # whatever a damaged or foreign pickle leads to
        raise SpikesoundError(f"{path}: expected a state dict of torch") from error
    layers = [layer for layer in network.code_layers() if layer.synapses is not None]
    wanted = names_of(network)
    if unknown := sorted(set(names) ^ {f"{each}.{kind}" for each in wanted for kind in KINDS}):
        raise SpikesoundError(f"{path}: weights {unknown[0]!r}: missing, or of another network")
    with torch.no_grad():
        for layer, name in zip(layers, wanted, strict=True):
            for kind in KINDS:
                own, found = getattr(layer.synapses, kind), state[f"{name}.{kind}"]
                if own.shape != found.shape:
                    raise SpikesoundError(
                        f"{path}: {name}.{kind}: expected {tuple(own.shape)}, got "
                        f"{tuple(found.shape)}"
                    )
                own.copy_(found)
        assert isinstance(network.readout, nn.Linear)
        network.readout.weight.copy_(torch.eye(network.width))
        network.readout.bias.zero_()


def names_of(network: VGGish) -> list[str]:
    """Return the file's names of the layers: their places among activations and poolings."""
    found, place = [], 0
    for convolution in network.convolutions:
        found.append(f"features.{place}")
        place += 3 if convolution.grid.pool == "max" else 2  # type: ignore[union-attr]
    return found + [f"embeddings.{2 * number}" for number in range(len(network.embedding))]
