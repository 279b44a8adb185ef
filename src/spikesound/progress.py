"""Progress of long work: a bar with items a second and time left, and a line at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], *, total: int, what: str, unit: str = "clip") -> Iterator[T]:
    """Yield the items while a bar on stderr shows how many are done, the rate and the time left."""
    return iter(tqdm(items, total=total, desc=what, unit=unit, dynamic_ncols=True, mininterval=0.5))
