"""Origin of a tensor: what kind of values it holds, and the layer whose sums it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

Kind = Literal["input", "spikes", "activations", "sums", "values"]
"""The sample; outputs of spiking neurons; of others; sums of a synaptic layer; anything else."""


@dataclass(frozen=True)
class Tag:
    """Origin of a tensor.

    Attributes
    ----------
    kind : of its values
    producer : the synaptic layer whose sums it is, until a neuron or an operation takes them
    """

    kind: Kind
    producer: str | None = None


class Tags:
    """The origins of the tensors that depend on the sample."""

    def __init__(self) -> None:
        self._tags: Any = WeakTensorKeyDictionary()

    def __setitem__(self, tensor: torch.Tensor, tag: Tag) -> None:
        self._tags[tensor] = tag

    def of(self, tensor: Any) -> Tag | None:
        """Return a tensor's origin; None if it does not depend on the sample."""
        tag: Tag | None = self._tags.get(tensor) if isinstance(tensor, torch.Tensor) else None
        return tag

    def joint(self, values: Any) -> Tag | None:
        """Return the origin of what is made of these tensors without arithmetic."""
        found = [tag for tag in map(self.of, tensors(values)) if tag is not None]
        return joined(found)

    def mark(self, values: Any, tag: Tag) -> None:
        """Give every tensor in a nested structure the same origin."""
        for tensor in tensors(values):
            self[tensor] = tag


def tensors(values: Any) -> list[torch.Tensor]:
    """Return the tensors of a nested structure."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def joined(tags: Iterable[Tag]) -> Tag | None:
    """Return the common origin; of different kinds it is values."""
    different = set(tags)
    if not different:
        return None
    if len(different) == 1:
        return different.pop()
    kinds = {tag.kind for tag in different}
    return Tag(kinds.pop()) if len(kinds) == 1 else Tag("values")
