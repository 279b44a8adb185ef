"""Compute the features of every clip that is there."""

import paths
from spikesound.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound import schema
    from spikesound.data.features.extract import extract
    from spikesound.data.store import Store

    done = extract(
        paths.AUDIO,
        schema.read_table(paths.CLIPS / "clips.parquet", schema.CLIPS),
        schema.read_table(paths.AUDIO / "status.parquet", schema.STATUS),
        params.features,
        Store(paths.STORE),
        paths.FEATURES,
        params.folds,
    )
    print(
        f"{done.ok} of {done.asked} clips, {done.computed} computed now and {done.kept} from the "
        f"store: {paths.FEATURES}"
    )


run(main)
