"""Obtain every clip: fetch, decode, cut to the sample, check, pack."""

import paths
from spikesound import schema
from spikesound.data.download import download
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES
from spikesound.data.store import Store
from spikesound.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    clips = schema.read_table(paths.CLIPS / "clips.parquet", schema.CLIPS)
    store = Store(params.store)
    # Where a recording lies has nothing to do with labels.
    no_labels = Ontology({}, {})
    source = SOURCES[params.source](params.source_params, no_labels, store.root / "sources")
    status = download(
        clips,
        source.locate,
        params.download,
        store,
        paths.AUDIO,
        scheduler=params.scheduler,
        seed=params.seed,
    )
    counts = ", ".join(
        f"{count} {state}" for state, count in status["state"].value_counts().items()
    )
    print(f"{len(clips)} clips asked for: {counts}: {paths.AUDIO / 'status.parquet'}")


run(main)
