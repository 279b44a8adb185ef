"""Fit and test the logistic regression that every network must beat."""

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, scikit-learn is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core import schema
    from spikesound.core.labels import read_labels
    from spikesound.evaluation.baseline import MODEL, logistic_baseline
    from spikesound.evaluation.clusters import recordings_of
    from spikesound.evaluation.write import write_evaluation
    from spikesound.features.shards import Shards

    labels = read_labels(paths.CLIPS / "labels.json")
    shards = Shards(paths.FEATURES)
    predictions = logistic_baseline(shards.load(), shards.index, list(labels), params.folds)
    metrics = write_evaluation(
        MODEL,
        predictions,
        schema.read_table(paths.AUDIO / "status.parquet", schema.STATUS),
        {},
        {},
        labels,
        params.evaluate,
        params.seed,
        recordings=recordings_of(schema.read_table(paths.CLIPS / "clips.parquet", schema.CLIPS)),
        predictions_folder=paths.PREDICTIONS,
        metrics_folder=paths.METRICS,
    )
    print(f"{MODEL}: accuracy {metrics['accuracy']:.3f}: {paths.METRICS / 'models'}")


run(main)
