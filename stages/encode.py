"""Encode the features into spikes, once for each held-out fold, with that fold's normalisation."""

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.features.shards import Shards
    from spikesound.features.spike_shards import encode_shards
    from spikesound.snn.encoding import ENCODERS

    for fold in params.folds:
        encode_shards(
            Shards(paths.FEATURES),
            fold,
            name=params.encoding,
            encoder=ENCODERS[params.encoding],
            params=getattr(params.encodings, params.encoding),
            seed=params.seed,
            out=paths.spikes(fold),
        )
    print(f"{params.encoding} coding for {len(params.folds)} folds: {paths.SPIKES}")


run(main)
