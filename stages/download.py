"""Obtain every clip: fetch, decode, cut to the sample, check, pack."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str) -> None:
    params = Params.load(paths.PARAMS).of_task(task)
    # What may be missing from an environment is imported here, where it is an error of one line.
    from spikesound.core import schema
    from spikesound.data.download import download
    from spikesound.data.ontology import Ontology
    from spikesound.data.sources import SOURCES, SpikeTrains
    from spikesound.data.spike_status import write_spike_status
    from spikesound.data.store import Store

    clips = schema.read_table(paths.of_task("clips", task) / "clips.parquet", schema.CLIPS)
    store = Store(params.store)
    # Where a recording lies has nothing to do with labels.
    no_labels = Ontology({}, {})
    source = SOURCES[params.source](params.source_params, no_labels, store.root / "sources")
    out = paths.of_task("audio", task)
    if isinstance(source, SpikeTrains):
        status = write_spike_status(clips, out)
    else:
        status = download(
            clips,
            source.locate,
            params.download,
            store,
            out,
            scheduler=params.scheduler,
            seed=params.seed,
        )
    counts = ", ".join(
        f"{count} {state}" for state, count in status["state"].value_counts().items()
    )
    print(f"{len(clips)} clips requested: {counts}: {out / 'status.parquet'}")


run(main, *sys.argv[1:])
