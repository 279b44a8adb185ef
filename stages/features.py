"""Compute the features of every clip of a task; for detection, of background without events too."""

import sys
from pathlib import Path

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str) -> None:
    params = Params.load(paths.PARAMS).of_task(task)
    clips, audio, out = (
        paths.of_task("clips", task),
        paths.of_task("audio", task),
        paths.of_task("features", task),
    )
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core import schema
    from spikesound.data.store import Store
    from spikesound.features.extract import extract

    if params.source_params.spikes:
        count(params, clips, out)
        return
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
    if task == "detection":
        from spikesound.features.background import write_backgrounds

        section = params.tasks.detection
        written = write_backgrounds(
            section,
            params.sources.scenes,
            Path(params.robustness.noises.background),
            Store(params.store),
            paths.ONTOLOGY,
            out,
            params.seed,
        )
        for path in written:
            print(f"{section.background_clips} clips without events: {path}")


def count(params: Params, clips: Path, out: Path) -> None:
    """Write the spike counts of a source of spike trains."""
    from spikesound.core import schema
    from spikesound.data.ontology import Ontology
    from spikesound.data.sources import SOURCES, SpikeTrains
    from spikesound.data.store import Store
    from spikesound.features.spike_counts import count_spikes

    cache = Store(params.store).root / "sources"
    source = SOURCES[params.source](params.source_params, Ontology({}, {}), cache)
    assert isinstance(source, SpikeTrains)
    table = schema.read_table(clips / "clips.parquet", schema.CLIPS)
    folds = params.tasks.classification.folds
    beyond = count_spikes(source, table, params.features, out, folds)
    print(f"{len(table)} clips, {beyond} spikes beyond their end left out: {out}")


run(main, *sys.argv[1:])
