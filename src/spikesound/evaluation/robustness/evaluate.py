"""A model under every condition of the sound, and with every fault of the hardware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from spikesound.core.processes import cores, in_parallel
from spikesound.evaluation.bootstrap import column_percentiles, draw
from spikesound.evaluation.robustness.plan import Clips, Piece, Plan
from spikesound.evaluation.robustness.scoring import Scoring, clip_counts

PIECES = 4
"""Pieces of work for each core: they do not take equally long."""

_BLOCK_NUMBERS = 4_000_000


def run_model(
    folders: Mapping[str, Path], clips: Clips, plan: Plan, *, name: str = "model"
) -> pd.DataFrame:
    """Test each fold's network on its held-out clips, on all cores.

    Parameters
    ----------
    folders : for each held-out fold the folder of its trained network
    clips : of the networks' task
    plan : conditions of the sound, faults, draws
    name : of the model, for the progress bar

    Returns
    -------
    DataFrame
        Of the task's schema (:data:`spikesound.evaluation.robustness.scoring.SCORING`). Faults that
        are not defined for the network are left out.

    Raises
    ------
    SpikesoundError
        If a model was trained on other classes, or holds out another fold.
    """
    parts = 1 if cores() == 1 else -(-PIECES * cores() // len(folders))
    pieces = [
        Piece(folder, fold, clips, plan, part, parts)
        for fold, folder in folders.items()
        for part in range(parts)
    ]
    done = in_parallel(
        run_piece, pieces, what=f"robustness {name}", pieces=-(-len(plan.runs()) // parts),
        unit="run",
    )  # fmt: skip
    tables: list[pd.DataFrame] = []
    for first in range(0, len(done), parts):  # the pieces of one fold
        runs = [run for piece in done[first : first + parts] for run in piece]
        tables += [table for _, table in sorted(runs, key=lambda run: run[0])]
    return pd.concat(tables, ignore_index=True)


def run_piece(piece: Piece, report: Callable[[], None]) -> list[tuple[int, pd.DataFrame]]:
    """Return the number of each run of a piece, and its rows."""
    # torch is imported by the processes that do the work, and not by the one that waits for them.
    from spikesound.evaluation.robustness.runs import scored_runs

    return list(scored_runs(piece, report))


def summary(
    model: str,
    results: pd.DataFrame,
    recordings: Mapping[str, str],
    scoring: Scoring,
    *,
    generator: np.random.Generator,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return a model's rows of robustness.csv, in the order of its conditions.

    The intervals are percentiles of each measure over resampled recordings: all clips of a
    recording are drawn together, and the same recordings for all conditions. Draws of a fault are
    averaged; the interval is of the clips, not of the draws.

    Parameters
    ----------
    results
        Of the model, from :func:`run_model`.
    recordings
        The recording of each clip.
    scoring
        Of the task.

    Returns
    -------
    DataFrame
        model, condition, level, unit, clips, and each measure with the bounds of its interval,
        ``_low`` and ``_high``.

    References
    ----------
    Field and Welsh 2007, "Bootstrapping clustered data": resampling of whole clusters.
    """
    counts = clip_counts(results, scoring)
    names, groups = np.unique([recordings[clip] for clip in counts.clips], return_inverse=True)
    sums = counts.of_groups(groups)
    sizes = np.bincount(groups).astype(np.float64)
    whole = scoring.figures(sums.sum(-1), np.full(len(counts.conditions), sizes.sum()))

    by_group = sums.reshape(-1, len(names)).T
    block = max(1, _BLOCK_NUMBERS // max(by_group.shape))
    parts = []
    for start in range(0, resamples, block):
        weights = draw(np.arange(len(names)), min(block, resamples - start), generator)
        drawn = (weights @ by_group).reshape(len(weights), *sums.shape[:-1])
        parts.append(scoring.figures(drawn, (weights @ sizes)[:, None]))
    low, high = column_percentiles(np.concatenate(parts), confidence)
    table = pd.DataFrame(
        {
            "model": model,
            "condition": [condition.name for condition in counts.conditions],
            "level": [condition.level for condition in counts.conditions],
            "unit": [condition.unit for condition in counts.conditions],
            "clips": len(counts.clips),
        }
    )
    for number, measure in enumerate(scoring.measures):
        for suffix, values in (("", whole), ("_low", low), ("_high", high)):
            table[f"{measure}{suffix}"] = values[:, number].round(4)
    return table
