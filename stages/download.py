"""Obtain every clip: decode, cut to the sample, check, pack."""

import paths
from spikesound import schema
from spikesound.data.download import download
from spikesound.data.sources import SOURCES
from spikesound.data.store import Store
from spikesound.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    clips = schema.read_table(paths.CLIPS / "clips.parquet", schema.CLIPS)
    source = SOURCES[params.source](params.source_params)
    status = download(clips, source.locate, params.download, Store(paths.STORE), paths.AUDIO)
    counts = ", ".join(
        f"{count} {state}" for state, count in status["state"].value_counts().items()
    )
    print(f"{len(clips)} clips asked for: {counts}: {paths.AUDIO / 'status.parquet'}")


run(main)
