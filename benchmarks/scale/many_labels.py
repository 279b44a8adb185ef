"""Metrics, intervals and predictions of the evaluated clips with so many labels; scores made up.

    python many_labels.py LABELS

Run in a workspace of the benchmark, whose own list has ten labels: the bootstrap over recordings
and the table of predictions grow with clips times labels, which is the larger part of an evaluation
with all of AudioSet's.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "stages"))

import paths
from places import places
from spikesound.core import schema
from spikesound.core.errors import run
from spikesound.evaluation.classification import write_predictions
from spikesound.evaluation.predictions import to_frame
from spikesound.params import Params

LABELS_A_CLIP = 2
OUT = paths.DATA / "many_labels"


def main(count: str) -> None:
    params = Params.load(paths.PARAMS)
    folder = paths.of_task("clips", "classification")
    clips = schema.read_table(folder / "clips.parquet", schema.CLIPS)
    clips = clips[clips["fold"].isin(params.tasks.classification.folds)]
    names = [f"label-{number:03}" for number in range(int(count))]
    generator = np.random.default_rng(params.seed)
    scores = generator.random((len(clips), len(names)))
    targets = np.zeros(scores.shape, bool)
    for row in targets:
        row[generator.choice(len(names), LABELS_A_CLIP, replace=False)] = True
    metrics = write_predictions(
        to_frame(list(clips["clip_id"]), list(clips["fold"]), names, scores, targets),
        {},
        replace(
            places("many-labels", "classification"),
            names={name: name for name in names},
            predictions=OUT,
            metrics=OUT / "metrics.json",
            confusion=OUT / "confusion.csv",
            classes=OUT / "classes.csv",
        ),
        params.evaluate,
        seed=params.seed,
        multilabel=True,
    )
    print(f"{len(clips)} clips of {len(names)} labels: {len(metrics)} figures: {OUT}")


if __name__ == "__main__":
    run(main, *sys.argv[1:])
