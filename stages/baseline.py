"""Fit and test the baseline of a task: logistic regression, which every network must beat."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, scikit-learn is imported: seconds that a wrong parameter need not wait for.

    from places import places
    from spikesound.core import schema
    from spikesound.evaluation import baseline_classification, baseline_detection
    from spikesound.evaluation.classification import write_predictions
    from spikesound.evaluation.detection import write_scores
    from spikesound.evaluation.measures import headline
    from spikesound.features.background import read_background
    from spikesound.features.front_end import read_front_end
    from spikesound.features.shards import Shards

    section = params.task_params(task)
    if task == "classification":
        name = baseline_classification.MODEL
        own, shards = places(name, task), Shards(paths.of_task("features", task))
        metrics = write_predictions(
            baseline_classification.logistic_baseline(
                shards.load(), shards.index, list(own.names), section.folds
            ),
            {},
            own,
            params.evaluate,
            seed=params.seed,
            multilabel=params.tasks.classification.labels == "multiple",
        )
    else:
        name = baseline_detection.MODEL
        own = places(name, task)
        events = schema.read_table(own.events, schema.EVENTS)
        scored = [
            baseline_detection.score_fold(
                paths.of_task("features", task),
                fold,
                events,
                list(own.names),
                read_background(paths.of_task("features", task), fold),
                params.tasks.detection,
                params.seed,
            )
            for fold in section.folds
        ]
        metrics = write_scores(
            scored,
            read_front_end(paths.of_task("features", task), section.folds[0]),
            own,
            resamples=params.tasks.detection.resamples,
            confidence=params.evaluate.confidence,
            seed=params.seed,
        )
    print(f"{name}: {headline(task, metrics)}: {own.metrics}")


run(main, *sys.argv[1:])
