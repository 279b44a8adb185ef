"""Functions that torch's compiler does not look into: compiled kernels are not torch's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

F = TypeVar("F", bound=Callable[..., Any])


def untraced(function: F) -> F:
    """Let ``torch.compile`` call a function as it is, between two graphs."""
    return cast(F, torch.compiler.disable(function))  # type: ignore[no-untyped-call]
