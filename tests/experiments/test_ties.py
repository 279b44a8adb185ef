"""Both scores of ties, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spikesound.experiments.probes import ties as probe


def test_ties_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right; tied with the first class wrong; silent; tied, the first class right; wrong."""
    scores = np.array(
        [[3, 1, 0], [2, 2, 1], [0, 0, 0], [2, 2, 0], [0, 1, 0]],
        np.float32,
    )
    present = np.eye(3)[[0, 1, 2, 0, 0]]
    module: Any = __import__(probe.__module__, fromlist=["ties"])
    monkeypatch.setattr(module, "clip_scores", lambda network, clips, size: scores)
    row: Any = SimpleNamespace(params=SimpleNamespace(evaluate=SimpleNamespace(batch_clips=5)))
    folds: Any = [("1", None, None, SimpleNamespace(present=present))]
    assert probe(row, folds) == [
        {"accuracy": 0.4, "accuracy_ties_right": 0.8, "tied": 0.6, "tied_all": 0.2}
    ]
