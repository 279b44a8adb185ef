"""Test a trained model on each fold that was held out from its training."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(name: str) -> None:
    params = Params.load(paths.PARAMS)
    model, section = params.model(name), params.tasks
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from places import folds, places
    from spikesound.core import schema
    from spikesound.core.source import code_digest
    from spikesound.data.results import files_digest, restore_or_compute
    from spikesound.data.store import digest
    from spikesound.evaluation.classification import evaluate_classifier
    from spikesound.evaluation.detection import evaluate_detector
    from spikesound.evaluation.events import folds_with_events
    from spikesound.evaluation.measures import headline
    from spikesound.evaluation.summary import read_metrics
    from spikesound.features.background import read_background
    from spikesound.models.build import parts_of
    from spikesound.models.file import WEIGHTS, load_spec

    own, tested = places(name, model.task), folds(model, params)
    features = paths.of_task("features", model.task)
    rate_hz = params.features.rate_hz / params.features.hop

    def compute() -> None:
        if model.task == "classification":
            evaluate_classifier(
                tested, own, params.evaluate, frame_rate_hz=rate_hz, seed=params.seed
            )
            return
        evaluate_detector(
            folds_with_events(tested, schema.read_table(own.events, schema.EVENTS)),
            lambda fold: read_background(features, fold),
            own,
            batch_clips=model.recipe.batch_clips,
            resamples=section.detection.resamples,
            confidence=params.evaluate.confidence,
            seed=params.seed,
        )

    specs = [load_spec(folder / WEIGHTS) for folder in tested.folders.values()]
    parts = [part for spec in specs for part in parts_of(spec)]
    inputs = {paths.inputs(model, fold) for fold in tested.folders} | {features}
    key = digest(
        name,
        files_digest([*tested.folders.values(), *sorted(inputs), *own.tables]),
        code_digest([evaluate_classifier, evaluate_detector, *parts]),
        params.evaluate.model_dump_json(),
        section.detection.resamples,
        model.recipe.batch_clips,
        rate_hz,
        params.seed,
    )
    known = restore_or_compute(paths.STORE / "evaluations", key, own.outputs, compute)
    metrics = read_metrics(own.metrics)
    print(f"{name}: {headline(model.task, metrics)}{' (stored)' * known}: {own.metrics}")


run(main, *sys.argv[1:])
