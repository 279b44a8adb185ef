"""Modules that are counted as a whole: synapses, batch norms, pooling."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn import grad

from spikesound.core.errors import SpikesoundError
from spikesound.costs.active import active_count
from spikesound.costs.foreign.records import Record

SYNAPSES = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
AVERAGES = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
MAXIMA = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
ADAPTIVE = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
NOTHING = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Identity)
LEAVES = (*SYNAPSES, *NORMS, *AVERAGES, *MAXIMA, *ADAPTIVE, *NOTHING)
"""Classes of torch; those of SpikingJelly derive from them."""

CONTAINERS = {
    "torch": {"Sequential", "ModuleList", "ModuleDict", "Flatten", "Unflatten"},
    "spikingjelly": {
        "MultiStepContainer",
        "SeqToANNContainer",
        "StepModeContainer",
        "Flatten",
    },
    "norse": {"SequentialState", "Lift"},
}
"""Modules that only call others or change the shape."""


def leaf_of(module: nn.Module) -> type[nn.Module] | None:
    """Return the class of torch that a module computes, or None.

    A subclass counts if it computes with the method ``forward`` of its class, or is SpikingJelly's
    wrapper of the same name.
    """
    for known in LEAVES:
        if isinstance(module, known):
            wrapped = type(module).__module__.startswith("spikingjelly.activation_based.layer")
            if type(module).forward is known.forward or (
                wrapped and type(module).__name__ == known.__name__
            ):
                return known
    return None


def places(x: torch.Tensor, axes: int) -> tuple[int, list[int]]:
    """Return how many inputs of a convolution a tensor holds, and the sizes of its axes."""
    return prod(x.shape[: x.dim() - axes - 1]), list(x.shape[x.dim() - axes :])


def reach(size: list[int], out: list[int], module: Any) -> torch.Tensor:
    """Return how many places of the output each place of the input reaches, borders regarded.

    It is the gradient of a convolution of ones with kernel, stride, padding and dilation of the
    module.

    Parameters
    ----------
    size, out : sizes of the axes of input and output

    Returns
    -------
    float64 tensor [shape=size]
    """
    axes = len(size)
    every = [getattr(module, "kernel_size", 1), getattr(module, "stride", 1)]
    kernel, stride = (_each(value, axes) for value in every)
    dilation = _each(getattr(module, "dilation", 1), axes)
    padding = _padding(module, kernel, dilation)
    back: Any = [grad.conv1d_input, grad.conv2d_input, grad.conv3d_input]
    ones = torch.ones(1, 1, *kernel, dtype=torch.float64)
    reached = torch.ones(1, 1, *out, dtype=torch.float64)
    wide = [  # the last windows of a pooling may hang over the border
        max(size[i], (out[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - 2 * padding[i])
        for i in range(axes)
    ]
    found: torch.Tensor = back[axes - 1](
        (1, 1, *wide), ones, reached, stride=stride, padding=padding, dilation=dilation
    )
    return found[0, 0][tuple(slice(end) for end in size)]


def _each(value: Any, axes: int) -> tuple[int, ...]:
    return (int(value),) * axes if isinstance(value, int) else tuple(int(v) for v in value)


def _padding(module: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    padding = getattr(module, "padding", 0)
    if padding == "valid":
        return (0,) * len(kernel)
    if padding != "same":
        return _each(padding, len(kernel))
    around = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(total % 2 for total in around):
        raise SpikesoundError(
            f"{type(module).__name__}: padding 'same' of an even kernel cannot be counted; "
            "pad by numbers"
        )
    return tuple(total // 2 for total in around)


def count_synapses(record: Record, module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    """Add a call of a linear layer or a convolution: each nonzero input times its fan-out."""
    active = active_count(x)
    bias: Any = module.bias
    weight: Any = module.weight
    record.synapses = weight.numel()
    record.weights = max(record.weights, weight.numel() + (0 if bias is None else bias.numel()))
    if isinstance(module, nn.Linear):
        rows = x.numel() // module.in_features
        record.sized(module.in_features, module.out_features)
        dense, effective = float(x.numel()), active
        each = module.out_features
    else:
        assert isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        if module.padding_mode != "zeros":
            raise SpikesoundError(
                f"module {record.name!r} ({record.module}): padding_mode must be 'zeros' to be "
                f"counted, got {module.padding_mode!r}"
            )
        axes = len(module.kernel_size)
        rows, size = places(x, axes)
        out = places(y, axes)[1]
        record.sized(module.in_channels * prod(size), module.out_channels * prod(out))
        reached = reach(size, out, module)
        here = (x != 0).flatten(0, -axes - 1).sum(0).double()
        dense = rows * module.in_channels * float(reached.sum())
        effective = float((here * reached).sum())
        each = module.out_channels // module.groups
    record.rows += rows
    record.dense += dense * each
    record.effective += effective * each
    record.active_inputs += active
    record.sums_active += float(y.numel())
