"""Test a trained model on each fold that was held out from its training."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(name: str) -> None:
    params = Params.load(paths.PARAMS)
    model = params.model(name)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.

    from places import folds, places
    from spikesound.core import schema
    from spikesound.evaluation.classification import evaluate_classifier
    from spikesound.evaluation.detection import evaluate_detector
    from spikesound.evaluation.events import folds_with_events
    from spikesound.evaluation.measures import headline
    from spikesound.features.background import read_background

    own, task = places(name, model.task), params.tasks
    if model.task == "classification":
        metrics = evaluate_classifier(
            folds(model, params),
            own,
            params.evaluate,
            frame_rate_hz=params.features.rate_hz / params.features.hop,
            seed=params.seed,
        )
    else:
        events = schema.read_table(own.events, schema.EVENTS)
        metrics = evaluate_detector(
            folds_with_events(folds(model, params), events),
            lambda fold: read_background(paths.of_task("features", model.task), fold),
            own,
            batch_clips=model.recipe.batch_clips,
            resamples=task.detection.resamples,
            confidence=params.evaluate.confidence,
            seed=params.seed,
        )
    print(f"{name}: {headline(model.task, metrics)}: {own.metrics}")


run(main, *sys.argv[1:])
