"""Test a trained model on each fold it has not seen; write predictions, metrics and plots."""

import sys

import paths
from spikesound.errors import run
from spikesound.params import Params


def main(model: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound import schema
    from spikesound.evaluation.model import evaluate_model
    from spikesound.evaluation.write import write_evaluation
    from spikesound.labels import read_labels
    from spikesound.training.data import Clips, load_features, load_spikes

    labels = read_labels(paths.CLIPS / "labels.json")

    def load_clips(fold: str) -> Clips:
        if model.startswith("snn-"):
            return load_spikes(paths.spikes(fold), list(labels))[0]
        return load_features(paths.FEATURES, list(labels), fold)

    predictions, extras, histories = evaluate_model(
        {fold: paths.model(model, fold) for fold in params.folds},
        load_clips,
        list(labels),
        params.evaluate.batch_clips,
    )
    metrics = write_evaluation(
        model,
        predictions,
        schema.read_table(paths.AUDIO / "status.parquet", schema.STATUS),
        extras,
        histories,
        labels,
        params.evaluate,
        params.seed,
        predictions_folder=paths.PREDICTIONS,
        metrics_folder=paths.METRICS,
    )
    print(
        f"{model}: accuracy {metrics['accuracy']:.3f}: {paths.METRICS / 'models' / f'{model}.json'}"
    )


run(main, *sys.argv[1:])
