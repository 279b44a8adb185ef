"""Counts of pooling, by modules or by functions."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.active import active_count
from spikesound.costs.foreign.modules import ADAPTIVE, MAXIMA, leaf_of, places, reach
from spikesound.costs.foreign.operations import arguments_by_name, name_of
from spikesound.costs.foreign.records import Record


@dataclass(frozen=True)
class Pool:
    """What is pooled, and how.

    Attributes
    ----------
    axes : number of axes
    window : with kernel_size, stride, padding and dilation; None: all places, each once
    maximum : or the mean
    """

    axes: int
    window: Any
    maximum: bool


@dataclass(frozen=True)
class Window:
    """The shape of a pooling that is called as a function."""

    kernel_size: Any
    stride: Any
    padding: Any
    dilation: Any


def pool_of_module(module: nn.Module) -> Pool:
    """Return what a module of pooling does."""
    known = leaf_of(module)
    assert known is not None
    window = None if isinstance(module, ADAPTIVE) else module
    return Pool(int(known.__name__[-2]), window, isinstance(module, MAXIMA))  # AvgPool2d


def pool_of_function(function: Any, args: tuple[Any, ...], kwargs: Any) -> Pool:
    """Return what a function of pooling does."""
    name = name_of(function)
    given = arguments_by_name(function, args, kwargs)
    axes = int(name[name.index("pool") + 4])
    if "adaptive" in name:
        return Pool(axes, None, False)
    stride = given.get("stride") or given["kernel_size"]
    window = Window(*(_each(v, axes) for v in (
        given["kernel_size"], stride, given.get("padding", 0), given.get("dilation", 1)
    )))  # fmt: skip
    return Pool(axes, window, name.startswith("max"))


def _each(value: Any, axes: int) -> tuple[int, ...]:
    values = [value] if isinstance(value, int) else list(value)
    return tuple(values * axes)[:axes]


def count_pooling(record: Record, pool: Pool, x: torch.Tensor, y: torch.Tensor) -> None:
    """Add a call of a pooling: an addition for each place of each window, one comparison fewer.

    Of spikes those that are there are taken; of values a maximum compares all.

    Raises
    ------
    SpikesoundError
        If the module is called with inputs of different sizes.
    """
    if x.dim() <= pool.axes:
        raise SpikesoundError(f"module {record.name!r}: its input has no axis of channels")
    rows, size = places(x, pool.axes)
    record.sized(x.numel() // rows, y.numel() // rows)
    if pool.window is None:
        reached = torch.ones(size, dtype=torch.float64)
    else:
        reached = reach(size, places(y, pool.axes)[1], pool.window)
    here = (x != 0).flatten(0, -pool.axes - 1).sum(0).double()
    record.rows += rows
    number = x.numel() / prod(size) * float(reached.sum())
    if pool.maximum:
        number -= y.numel()  # of two values one comparison
    skipping = record.reads == "spikes" or not pool.maximum
    record.dense += number
    record.effective += float((here * reached).sum()) if skipping else number
    record.active_inputs += active_count(x)
    record.sums_active += active_count(y)
