"""Weights of a model file as int8 with a scale for each output channel: ``<name>.scale``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from spikesound.snn.quantisation.integers import from_integers, to_integers
from spikesound.snn.quantisation.weights import synapses

SCALE = ".scale"
"""End of the name of a weight's scales."""

Size = tuple[torch.dtype, tuple[int, ...]]


def packed(network: nn.Module, bits: int) -> dict[str, torch.Tensor]:
    """Return a network's state, its synaptic weights as integers of ``bits`` bits with scales."""
    state = dict(network.state_dict())
    for name, weight in synapses(network).items():
        state[name], state[name + SCALE] = to_integers(weight, bits)
    return state


def unpacked(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a network's state in floats; undoes :func:`packed`, up to rounding."""
    return {
        name: from_integers(value, state[name + SCALE]) if value.dtype == torch.int8 else value
        for name, value in state.items()
        if not name.endswith(SCALE) or name.removesuffix(SCALE) not in state
    }


def sizes_with_scales(wanted: Mapping[str, Size], integers: set[str]) -> dict[str, Size]:
    """Return the types and shapes of a file, of which some weights are integers with scales.

    Parameters
    ----------
    wanted : of the network in floats
    integers : names in the file; those that are no float weights of two axes or more stay as wanted
    """
    sizes = dict(wanted)
    for name in integers & wanted.keys():
        dtype, shape = wanted[name]
        if dtype == torch.float32 and len(shape) >= 2:
            sizes[name] = torch.int8, shape
            sizes[name + SCALE] = torch.float32, shape[:1]
    return sizes
