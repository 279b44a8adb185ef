"""Settings over several seeds: the standard error has a part of the recordings and of the seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scored import frame

from spikesound.evaluation.settings import Settings
from spikesound.experiments.seeds import compare_over_seeds

Flags = NDArray[np.bool_]
CLIPS = 200
RECORDINGS = {f"clip{i:04d}": f"r{i // 2}" for i in range(CLIPS)}
SETTINGS = Settings(resamples=100, permutations=100, confidence=0.95, seed=0, margin=0.02)


def predictions(hits: Flags) -> pd.DataFrame:
    targets = np.eye(2, dtype=bool)[np.arange(CLIPS) % 2]
    return frame(np.where(targets == hits[:, None], 0.9, 0.1), targets)


def compared(first: list[Flags], second: list[Flags]) -> dict[str, Any]:
    tables = [[predictions(hits) for hits in each] for each in (first, second)]
    return compare_over_seeds(tables, [[1.0] * 3, [2.0] * 3], RECORDINGS, SETTINGS)


def trained(share: float, spread: float, generator: np.random.Generator) -> list[Flags]:
    """Return hits of three seeds: each has its own share of them, right on the same clips."""
    difficulty = np.linspace(0, 1, CLIPS)
    return [difficulty < share + spread * generator.normal() for _ in range(3)]


def test_the_parts_of_the_standard_error_by_hand() -> None:
    first = [np.arange(CLIPS) < n for n in (160, 170, 180)]
    second = [np.arange(CLIPS) < n for n in (150, 150, 150)]
    found = compared(first, second)
    assert found["difference"] == pytest.approx(0.1)
    assert found["standard_error_seeds"] == pytest.approx(0.05 / np.sqrt(3), abs=1e-4)
    whole = np.hypot(found["standard_error_seeds"], found["standard_error_recordings"])
    assert found["standard_error"] == pytest.approx(whole, abs=1e-4)
    assert 2 < found["degrees"] < 101, "few seeds, few degrees of freedom"
    assert found["energy_share"] == 0.5


@pytest.mark.slow
def test_the_interval_holds_the_truth_where_seeds_differ() -> None:
    generator = np.random.default_rng(5)
    held = 0
    for _ in range(40):
        found = compared(trained(0.7, 0.03, generator), trained(0.7, 0.03, generator))
        held += found["difference_low"] <= 0 <= found["difference_high"]
    assert held >= 34, "a resampling of three seeds holds it far less often"


def test_equal_trainings_are_equivalent_and_not_different() -> None:
    hits = [np.arange(CLIPS) < 150] * 3
    found = compared(hits, hits)
    assert (found["difference"], found["p"], found["equivalence_p"]) == (0, 1, 0)
