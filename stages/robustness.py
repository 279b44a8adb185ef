"""Test a trained model on disturbed sound and with faults of the hardware."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(model: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core import schema
    from spikesound.core.labels import read_labels
    from spikesound.core.seeds import numpy_generator
    from spikesound.evaluation.robustness.areas import ROBUSTNESS
    from spikesound.evaluation.robustness.conditions import fault_conditions, sound_conditions
    from spikesound.evaluation.robustness.evaluate import Plan, run_model, summary
    from spikesound.evaluation.robustness.inputs import PLAIN, Inputs

    classes = list(read_labels(paths.CLIPS / "labels.json"))
    encoding = params.encoding if model.startswith("snn-") else PLAIN
    section = getattr(params.encodings, encoding, None)
    inputs = Inputs(paths.FEATURES, paths.DISTURBED, classes, encoding, section, params.seed)
    faults = params.robustness.faults
    plan = Plan(
        sound_conditions(params.robustness.sound, params.features.rate_hz),
        fault_conditions(faults),
        faults.draws,
        params.evaluate.batch_clips,
        params.seed,
    )
    folders = {fold: paths.model(model, fold) for fold in params.folds}
    results = run_model(folders, inputs, classes, plan)
    schema.write_table(results, ROBUSTNESS, paths.ROBUSTNESS / f"{model}.parquet")
    table = summary(
        model,
        results,
        dict(zip(inputs.index["clip_id"], inputs.index["recording"], strict=True)),
        generator=numpy_generator(params.seed, "robustness"),
        resamples=params.evaluate.resamples,
        confidence=params.evaluate.confidence,
    )
    path = paths.ROBUSTNESS / f"{model}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    print(f"{model}: {len(table)} conditions: {path}")


run(main, *sys.argv[1:])
