"""Compute the features of every clip that is there."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str) -> None:
    params = Params.load(paths.PARAMS).of_task(task)
    clips, audio, out = paths.clips(task), paths.audio(task), paths.features(task)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core import schema
    from spikesound.data.store import Store
    from spikesound.features.extract import extract

    done = extract(
        audio,
        schema.read_table(clips / "clips.parquet", schema.CLIPS),
        schema.read_table(audio / "status.parquet", schema.STATUS),
        params.features,
        Store(params.store),
        out,
        params.task_params(task).folds,
        scheduler=params.scheduler,
    )
    print(
        f"{done.ok} of {done.asked} clips, {done.computed} computed now and {done.kept} from the "
        f"store: {out}"
    )
    if done.cleaning:
        counts = ", ".join(f"{count} {name}" for name, count in done.cleaning.items())
        print(f"cleaning: {counts}: {out / 'cleaning.parquet'}")


run(main, *sys.argv[1:])
