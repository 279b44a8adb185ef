"""Make an hour of real background without events, in which false alarms are counted."""

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

    section, mixed = params.tasks.detection, params.sources.scenes
    ontology, store = Ontology.load(paths.ONTOLOGY), Store(params.store).root / "sources"
    paths.BACKGROUND.mkdir(parents=True, exist_ok=True)
    for fold in section.folds:
        front_end = read_front_end(paths.features("detection"), fold)
        if section.source == "scenes":
            at_rate = mixed.model_copy(update={"rate_hz": front_end.rate_hz})
            waves = Scenes(at_rate, ontology, store).background_waves(fold)
        else:
            waves = read_recordings(Path(params.robustness.noises.background), front_end.rate_hz)
        assert front_end.features.clip_s is not None
        made = background_scenes(
            waves,
            count=section.background_clips,
            length_s=front_end.features.clip_s,
            rate_hz=front_end.rate_hz,
            dbfs=(mixed.background_dbfs[0], mixed.background_dbfs[1]),
            active_db=mixed.active_db,
            generator=numpy_generator(params.seed, "background"),
        )
        shown = track(made, total=section.background_clips, what=f"background, fold {fold}")
        clips = np.stack([front_end.whole(wave) for wave in shown]).astype(np.float16)
        out = paths.BACKGROUND / f"fold-{fold}.npz"
        np.savez_compressed(out, x=clips)
        print(f"{len(clips)} clips without events of {len(waves)} recordings: {out}")


run(main)
