"""Encode the features into spikes, with the normalisation of one held-out fold."""

import sys

import paths
from spikesound.errors import run
from spikesound.params import Params


def main(fold: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.data.shards import Shards
    from spikesound.encoding import ENCODERS
    from spikesound.spike_shards import encode_shards

    out = paths.spikes(fold)
    encode_shards(
        Shards(paths.FEATURES),
        fold,
        name=params.encoding,
        encoder=ENCODERS[params.encoding],
        params=getattr(params.encodings, params.encoding),
        seed=params.seed,
        out=out,
    )
    print(f"fold {fold}, {params.encoding} coding: {out}")


run(main, *sys.argv[1:])
