"""Make an hour of real background in which nothing happens, by which false alarms are counted."""

from pathlib import Path

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS).of_task("detection")
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    import numpy as np

    from spikesound.core.progress import track
    from spikesound.core.seeds import numpy_generator
    from spikesound.data.ontology import Ontology
    from spikesound.data.scenes.background import background_scenes
    from spikesound.data.sources.scenes import Scenes
    from spikesound.data.store import Store
    from spikesound.evaluation.robustness.noises import read_recordings
    from spikesound.features.front_end import read_front_end

    place, section, mixed = paths.SHARED["detection"], params.detection, params.sources.scenes
    front_end = read_front_end(place.features, section.test_fold)
    if section.source == "scenes":
        ontology = Ontology.load(paths.ONTOLOGY)
        at_rate = mixed.model_copy(update={"rate_hz": front_end.rate_hz})
        source = Scenes(at_rate, ontology, Store(params.store).root / "sources")
        waves = source.background_waves(section.test_fold)
    else:
        waves = read_recordings(Path(params.robustness.noises.background), front_end.rate_hz)
    assert front_end.features.clip_s is not None
    made = background_scenes(
        waves,
        count=section.evaluate.background_clips,
        length_s=front_end.features.clip_s,
        rate_hz=front_end.rate_hz,
        dbfs=(mixed.background_dbfs[0], mixed.background_dbfs[1]),
        active_db=mixed.active_db,
        generator=numpy_generator(params.seed, "background"),
    )
    total = section.evaluate.background_clips
    clips = [front_end.whole(wave) for wave in track(made, total=total, what="background")]
    np.savez_compressed(paths.BACKGROUND, x=np.stack(clips).astype(np.float16))
    print(f"{total} clips without events of {len(waves)} recordings: {paths.BACKGROUND}")


run(main)
