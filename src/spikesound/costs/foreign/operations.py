"""Operations between modules: those that cost nothing, additions, products; others are refused."""

from __future__ import annotations

FREE = frozenset(
    [
        "view",
        "_unsafe_view",
        "reshape",
        "_reshape_alias",
        "expand",
        "permute",
        "transpose",
        "t",
        "squeeze",
        "unsqueeze",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "unbind",
        "chunk",
        "cat",
        "stack",
        "clone",
        "detach",
        "alias",
        "contiguous",
        "_to_copy",
        "copy",
        "index",
        "index_select",
        "gather",
        "constant_pad_nd",
        "pad",
        "repeat",
        "flip",
        "as_strided",
        "lift_fresh",
        "roll",
        "narrow",
        "unfold",
        "movedim",
        "neg",
        "squeeze_",
        "repeat_interleave",
    ]
)
"""Views and copies: the values stay what they are."""

CONSTANTS = frozenset(
    [
        "empty_like",
        "zeros_like",
        "ones_like",
        "full_like",
        "new_zeros",
        "new_ones",
        "new_empty",
        "new_full",
        "_local_scalar_dense",
        "item",
        "sym_size",
        "is_same_size",
        "equal",
    ]
)
"""What depends on the shape of a tensor alone, and checks."""

ADDITIONS = frozenset(
    [
        "add",
        "sub",
        "rsub",
        "sum",
        "mean",
        "maximum",
        "minimum",
        "amax",
        "amin",
        "max",
        "min",
        "cumsum",
    ]
)
"""Additions and comparisons: an AC for each value that goes in."""

PRODUCTS = frozenset(["mul", "div"])
"""A MAC for each value that comes out."""

RECTIFIED = frozenset(("relu",))
"""A ReLU that is called as a function: an AC for each value, as the module."""

COUNTED = (*sorted(ADDITIONS), *sorted(PRODUCTS), *sorted(RECTIFIED))


def name_of(function: object) -> str:
    """Return the name of an operation of ATen: ``add`` for ``aten.add_.Tensor``."""
    packet = getattr(function, "overloadpacket", function)
    return str(getattr(packet, "__name__", packet)).rstrip("_")
