"""Compute the features of every clip that is there."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params, Task


def main(task: Task = "classification") -> None:
    params = Params.load(paths.PARAMS).of_task(task)
    place = paths.SHARED[task]
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core import schema
    from spikesound.data.store import Store
    from spikesound.features.extract import extract

    done = extract(
        place.audio,
        schema.read_table(place.clips / "clips.parquet", schema.CLIPS),
        schema.read_table(place.audio / "status.parquet", schema.STATUS),
        params.features,
        Store(params.store),
        place.features,
        params.folds,
        scheduler=params.scheduler,
    )
    print(
        f"{done.ok} of {done.asked} clips, {done.computed} computed now and {done.kept} from the "
        f"store: {place.features}"
    )
    if done.cleaning:
        counts = ", ".join(f"{count} {name}" for name, count in done.cleaning.items())
        print(f"cleaning: {counts}: {place.features / 'cleaning.parquet'}")


run(main, *sys.argv[1:])
