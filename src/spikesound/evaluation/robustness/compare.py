"""All models of a task under disturbance, side by side: one table, areas, tests of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from spikesound.core.json_files import write_json
from spikesound.core.schema import read_table
from spikesound.evaluation.pairs import Names
from spikesound.evaluation.robustness.areas import join
from spikesound.evaluation.robustness.paired import compare_areas
from spikesound.evaluation.robustness.scoring import SCORING
from spikesound.evaluation.settings import Settings

RESULTS, TABLE = "results.parquet", "table.csv"
"""Files of a model in its folder: the rows of its clips, and its figures by condition."""


def compare_robustness(
    task: str,
    models: Sequence[str],
    pairs: Sequence[Names],
    recordings: Mapping[str, str],
    settings: Settings,
    *,
    robustness: Path,
    out: Path,
    plots: Path,
) -> dict[str, dict[str, float]]:
    """Write robustness.csv, robustness.json and noise_comparisons.json; return each model's areas.

    Where none of the noises was tested a model has no areas, and no pair is compared.

    Parameters
    ----------
    models : of the task, in the order of the table
    pairs : models that are compared, the first with the second
    recordings : the recording of each clip
    settings : of the comparisons
    robustness : folder of the models' robustness, one folder each
    out, plots : folders for the comparisons, and for the table
    """
    scoring = SCORING[task]
    tables = {
        name: pd.read_csv(robustness / name / TABLE, keep_default_na=False) for name in models
    }
    table, areas = join(tables, scoring.headline)
    plots.mkdir(parents=True, exist_ok=True)
    table.to_csv(plots / "robustness.csv", index=False)
    write_json(out / "robustness.json", areas)
    compared: dict[str, dict[str, float]] = {}
    if all(areas.values()):
        results = {
            name: read_table(robustness / name / RESULTS, scoring.schema)
            for name in dict.fromkeys(name for pair in pairs for name in pair)
        }
        compared = compare_areas(results, pairs, recordings, settings, scoring)
    write_json(out / "noise_comparisons.json", compared)
    return areas
