"""Encode the features of classification, once for each held-out fold, with its normalisation."""

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.features.shards import Shards
    from spikesound.features.spike_shards import encode_shards

    folds = params.tasks.classification.folds
    for fold in folds:
        encode_shards(
            Shards(paths.of_task("features", "classification")),
            fold,
            encoding=params.encodings.kind(params.encoding),
            params=params.encodings[params.encoding],
            seed=params.seed,
            out=paths.SPIKES / f"fold-{fold}",
        )
    print(f"{params.encoding} coding for {len(folds)} folds: {paths.SPIKES}")


run(main)
