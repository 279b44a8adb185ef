"""Probe of robustness: accuracy on disturbed sound and with faults of the hardware."""

from __future__ import annotations

from typing import Any

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.clusters import recordings_of
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.robustness.conditions import SOUND, Condition
from spikesound.evaluation.robustness.evaluate import run_model, summary
from spikesound.evaluation.robustness.plan import Clips, Plan
from spikesound.evaluation.robustness.scoring import SCORING
from spikesound.experiments.row import Row


def robustness(row: Row, folds: Folds) -> list[dict[str, Any]]:
    """Return the accuracy of a row's networks under each condition, clean sound first.

    Returns
    -------
    list
        of ``condition``, ``level`` and ``unit`` as in robustness.csv, and ``accuracy`` with its
        interval over recordings. Faults that are not defined for the network are left out.
    """
    wanted, params, data = row.probes.robustness, row.params, row.data()
    assert wanted is not None
    scoring, conditions = SCORING[row.model.task], conditions_of(row)
    plan = Plan(
        [each for each in conditions if each.name in SOUND],
        [each for each in conditions if each.name not in SOUND],
        wanted.draws,
        params.evaluate.batch_clips,
        params.seed,
    )
    clips = Clips(data.features, data.disturbed, None, list(data.names))
    table = summary(
        row.name,
        run_model(folds.folders, clips, plan, name=row.name),
        recordings_of(schema.read_table(data.clips / "clips.parquet", schema.CLIPS)),
        scoring,
        generator=numpy_generator(params.seed, "bootstrap"),
        resamples=params.evaluate.resamples,
        confidence=params.evaluate.confidence,
    )
    shares = [f"{scoring.headline}{end}" for end in ("", "_low", "_high")]
    rows = table[["condition", "level", "unit", *shares]].to_dict("records")
    return [{str(name): each for name, each in of.items()} for of in rows]


def conditions_of(row: Row) -> list[Condition]:
    """Return the conditions under which a row's networks are tested."""
    assert row.probes.robustness is not None
    levels = row.probes.robustness.levels
    return [Condition(name, level) for name, values in levels.items() for level in values]


def check_robustness(row: Row) -> None:
    """Check that the disturbed clips are there, before anything is trained.

    Raises
    ------
    SpikesoundError
        If a condition of the sound was not prepared by the stage ``disturb``, or the task is
        detection.
    """
    where = f"{row.name}: probes.robustness"
    if row.model.task != "classification":
        raise SpikesoundError(f"{where}: expected a model of classification")
    folder = row.data().disturbed
    for each in conditions_of(row):
        if each.name in SOUND and not (folder / each.file).is_file():
            raise SpikesoundError(
                f"{where}: {folder / each.file}: no such file; expected a level that the stage "
                "disturb prepares (robustness.sound), of the pipeline's own data"
            )
