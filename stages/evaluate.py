"""Test a trained model on each fold it has not seen; write predictions, metrics and plots."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(model: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.training.data import Clips, load_features, load_spikes

    from spikesound.core import schema
    from spikesound.core.labels import read_labels
    from spikesound.costs.layer import write_layers
    from spikesound.evaluation import anytime_table
    from spikesound.evaluation.anytime import anytime
    from spikesound.evaluation.clusters import recordings_of
    from spikesound.evaluation.model import evaluate_model
    from spikesound.evaluation.write import write_evaluation

    labels = read_labels(paths.CLIPS / "labels.json")

    def load_clips(fold: str) -> Clips:
        if model.startswith("snn-"):
            return load_spikes(paths.spikes(fold), list(labels))[0]
        return load_features(paths.FEATURES, list(labels), fold)

    folders = {fold: paths.model(model, fold) for fold in params.folds}
    found = evaluate_model(folders, load_clips, list(labels), params.evaluate.batch_clips)
    early = anytime(
        folders,
        load_clips,
        list(labels),
        model=model,
        frame_rate_hz=params.features.rate_hz / params.features.hop,
        params=params.evaluate,
        seed=params.seed,
    )
    write_layers(found.layers, paths.EVALUATION / model / "operations.csv")
    anytime_table.write(early.curve, paths.EVALUATION / model / "anytime.csv")
    metrics = write_evaluation(
        model,
        found.predictions,
        schema.read_table(paths.AUDIO / "status.parquet", schema.STATUS),
        found.extras | early.stable,
        found.histories,
        labels,
        params.evaluate,
        params.seed,
        recordings=recordings_of(schema.read_table(paths.CLIPS / "clips.parquet", schema.CLIPS)),
        predictions_folder=paths.PREDICTIONS,
        metrics_folder=paths.METRICS,
    )
    print(
        f"{model}: accuracy {metrics['accuracy']:.3f}: {paths.METRICS / 'models' / f'{model}.json'}"
    )


run(main, *sys.argv[1:])
