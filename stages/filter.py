"""Choose the clips and labels that take part."""

import paths
from spikesound import schema
from spikesound.data.filtering import filter_clips
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES
from spikesound.errors import run, unknown
from spikesound.jsonfile import write_json
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    ontology = Ontology.load(paths.ONTOLOGY)
    clips, rejected = SOURCES[params.source](params.source_params).clips(ontology)
    chosen = filter_clips(clips, ontology, params.filter, params.seed, rejected=rejected)
    present = set(chosen.clips["fold"])
    for fold in params.folds:
        if fold not in present:
            raise unknown(f"fold (source {params.source})", fold, present)

    schema.write_table(chosen.clips, schema.CLIPS, paths.CLIPS / "clips.parquet")
    schema.write_table(rejected, schema.REJECTED, paths.CLIPS / "rejected.parquet")
    write_json(paths.CLIPS / "labels.json", chosen.labels)
    write_json(paths.CLIPS / "report.json", chosen.report)
    print(
        f"{len(chosen.clips)} clips of {len(chosen.labels)} labels kept, "
        f"{len(rejected)} rows rejected: {paths.CLIPS}"
    )


run(main)
