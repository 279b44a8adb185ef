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
    weak = weakly_labelled(chosen.clips, chosen.events)
    if task == "detection" and len(weak):
        raise SpikesoundError(
            f"source {params.source}: {len(weak)} clips have labels but no strong labels (onsets"
            f" and offsets of sound events), which detection needs; the first is {weak[0]}"
        )
    present = chosen.clips["fold"].unique().to_pylist()
    for fold in section.folds:
        if fold not in present:
            wrong = unknown(f"fold (source {params.source})", fold, present)
            raise SpikesoundError(f"{wrong}; set tasks.{task}.folds to {sorted(present)}")

    chosen.write(clips)
    schema.write_table(listing.rejected, schema.REJECTED, clips / "rejected.parquet")
    write_json(clips / "report.json", chosen.report)
    print(report_table(chosen.report))
    print(
        f"{len(chosen.clips)} clips of {len(chosen.labels)} labels kept, "
        f"{len(listing.rejected)} rows rejected: {clips}"
    )


def weakly_labelled(clips: pa.Table, events: pa.Table) -> pa.ChunkedArray:
    """Return the ids of clips that have labels and no events."""
    labelled = clips["clip_id"].filter(pc.greater(pc.list_value_length(clips["labels"]), 0))
    return labelled.filter(pc.invert(pc.is_in(labelled, events["clip_id"].combine_chunks())))


run(main, *sys.argv[1:])
