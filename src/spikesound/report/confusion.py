"""The pairs of labels that are confused most often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def most_confused(
    counts: NDArray[np.int64], names: Sequence[str], most: int = 5
) -> list[tuple[str, str, int]]:
    """Return actual label, predicted label and number of clips, the most frequent first.

    Parameters
    ----------
    counts
        Shape (actual, predicted).
    names
        Of the labels, in class order.
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    places = [divmod(int(place), len(names)) for place in order]
    return [(names[a], names[b], int(wrong[a, b])) for a, b in places if wrong[a, b]]
