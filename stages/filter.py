"""Choose the clips and labels that take part."""

import sys

import pyarrow as pa
import pyarrow.compute as pc

import paths
from spikesound.core import schema
from spikesound.core.errors import SpikesoundError, run, unknown
from spikesound.core.json_files import write_json
from spikesound.data.filtering.choose import filter_clips
from spikesound.data.filtering.report import report_table
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES
from spikesound.data.store import Store
from spikesound.params import Params


def main(task: str) -> None:
    params = Params.load(paths.PARAMS).of_task(task)
    section, clips = params.task_params(task), paths.of_task("clips", task)
    cache = Store(params.store).root / "sources"
    source = SOURCES[params.source](params.source_params, Ontology.load(paths.ONTOLOGY), cache)
    listing = source.listing()
    pa.default_memory_pool().release_unused()  # millions of rows: what reading took is given back
    chosen = filter_clips(listing, source.ontology, params.filter, params.seed)
    unlabelled = pc.equal(pc.list_value_length(chosen.clips["labels"]), 0)
    single = getattr(section, "labels", None) == "single"
    if single and pc.any(unlabelled).as_py():
        raise SpikesoundError(
            f"source {params.source}: some clips have no label, which single labels have no use "
            "for; set tasks.classification.labels to multiple (scenes: or empty_share to 0)"
        )
    if task == "detection" and not len(chosen.events):
        raise SpikesoundError(
            f"source {params.source}: no strong labels (onsets and offsets of sound events), which "
            "detection needs: take a list that has them, or tasks.detection.source: scenes"
        )
    present = chosen.clips["fold"].unique().to_pylist()
    for fold in section.folds:
        if fold not in present:
            raise unknown(f"fold (source {params.source})", fold, present)

    schema.write_table(chosen.clips, schema.CLIPS, clips / "clips.parquet")
    schema.write_table(chosen.events, schema.EVENTS, clips / "events.parquet")
    schema.write_table(listing.rejected, schema.REJECTED, clips / "rejected.parquet")
    write_json(clips / "labels.json", chosen.labels)
    write_json(clips / "report.json", chosen.report)
    print(report_table(chosen.report))
    print(
        f"{len(chosen.clips)} clips of {len(chosen.labels)} labels kept, "
        f"{len(listing.rejected)} rows rejected: {clips}"
    )


run(main, *sys.argv[1:])
