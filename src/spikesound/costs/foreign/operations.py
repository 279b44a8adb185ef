"""Operations between modules: those that cost nothing, additions, products; others are refused."""

from __future__ import annotations

from typing import Any


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


FREE = _names(
    """view _unsafe_view reshape _reshape_alias expand permute transpose t squeeze unsqueeze select
    slice split split_with_sizes unbind chunk cat stack clone detach alias contiguous _to_copy copy
    index index_select gather constant_pad_nd pad repeat flip as_strided lift_fresh roll narrow
    unfold movedim neg repeat_interleave"""
)
"""Views and copies: the values stay what they are."""

CONSTANTS = _names(
    """empty_like zeros_like ones_like full_like new_zeros new_ones new_empty new_full
    _local_scalar_dense item sym_size is_same_size equal"""
)
"""What depends on the shape of a tensor alone, and checks."""

ADDITIONS = _names("add sub rsub sum mean maximum minimum amax amin max min cumsum")
"""Additions and comparisons: an AC for each value that goes in."""

PRODUCTS = _names("mul div")
"""A MAC for each value that comes out."""

RECTIFIED = _names("relu")
"""A ReLU that is called as a function: an AC for each value, as the module."""

POOLS = _names(
    """max_pool2d_with_indices max_pool3d_with_indices max_pool1d max_pool2d avg_pool1d avg_pool2d
    avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d"""
)
"""Pooling that is called as a function, counted as the modules."""

COUNTED = (*sorted(ADDITIONS), *sorted(PRODUCTS), *sorted(RECTIFIED), "max_pool", "avg_pool")


def name_of(function: object) -> str:
    """Return the name of an operation of ATen: ``add`` for ``aten.add_.Tensor``."""
    packet = getattr(function, "overloadpacket", function)
    return str(getattr(packet, "__name__", packet)).rstrip("_")


def arguments_by_name(function: Any, args: tuple[Any, ...], kwargs: Any) -> dict[str, Any]:
    """Return the arguments of an operation of ATen by their names, defaults included."""
    found: dict[str, Any] = {}
    for place, parameter in enumerate(function._schema.arguments):
        value = args[place] if place < len(args) else parameter.default_value
        found[parameter.name] = kwargs.get(parameter.name, value)
    return found
