"""Functions that torch's compiler does not look into: compiled kernels are not torch's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch._compile import _disable_dynamo

F = TypeVar("F", bound=Callable[..., Any])


def untraced(function: F) -> F:
    """Let ``torch.compile`` call a function as it is, between two graphs.

    ``torch.compiler.disable`` imports the compiler, which takes as long as the rest of torch does.
    So it waits, as torch's own decorator of its optimisers does, until something is compiled.
    """
    disabled = _disable_dynamo(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (disabled if torch.compiler.is_compiling() else function)(*args, **kwargs)

    return cast(F, call)
