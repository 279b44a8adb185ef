"""Test a trained model on disturbed sound and with faults of the hardware."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(name: str) -> None:
    params = Params.load(paths.PARAMS)
    model = params.model(name)
    from spikesound.core import schema
    from spikesound.core.labels import read_labels
    from spikesound.core.seeds import numpy_generator
    from spikesound.evaluation.clusters import recordings_of
    from spikesound.evaluation.robustness.conditions import fault_conditions, sound_conditions
    from spikesound.evaluation.robustness.evaluate import run_model, summary
    from spikesound.evaluation.robustness.plan import Clips, Plan
    from spikesound.evaluation.robustness.scoring import SCORING

    clips = Clips(
        paths.of_task("features", model.task),
        paths.of_task("disturbed", model.task),
        paths.of_task("clips", model.task) / "events.parquet" if model.labels else None,
        list(read_labels(paths.of_task("clips", model.task) / "labels.json")),
    )
    faults = params.robustness.faults
    plan = Plan(
        sound_conditions(params.robustness.sound, params.features.rate_hz),
        fault_conditions(faults),
        faults.draws,
        params.evaluate.batch_clips,
        params.seed,
    )
    folders = {fold: paths.network(model, fold) for fold in params.task_params(model.task).folds}
    results = run_model(folders, clips, plan, name=name)
    scoring, out = SCORING[model.task], paths.of_model("robustness", model)
    schema.write_table(results, scoring.schema, out / "results.parquet")
    table = summary(
        name,
        results,
        recordings_of(schema.read_table(clips.disturbed / "index.parquet", schema.FEATURE_INDEX)),
        scoring,
        generator=numpy_generator(params.seed, "bootstrap"),
        resamples=params.evaluate.resamples,
        confidence=params.evaluate.confidence,
    )
    table.to_csv(out / "table.csv", index=False)
    print(f"{name}: {len(table)} conditions: {out}")


if __name__ == "__main__":  # the processes of the pieces import this file
    run(main, *sys.argv[1:])
