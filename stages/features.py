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
        Store(params.store),
        paths.FEATURES,
        params.folds,
        scheduler=params.scheduler,
    )
    print(
        f"{done.ok} of {done.asked} clips, {done.computed} computed now and {done.kept} from the "
        f"store: {paths.FEATURES}"
    )
    if done.cleaning:
        counts = ", ".join(f"{count} {name}" for name, count in done.cleaning.items())
        print(f"cleaning: {counts}: {paths.FEATURES / 'cleaning.parquet'}")


run(main)
