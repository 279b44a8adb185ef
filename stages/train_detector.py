"""Train a detector on scenes of all folds but the test's, and choose its thresholds."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import LabelKind, Params


def main(model: str, labels: LabelKind) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core import schema
    from spikesound.core.labels import read_labels
    from spikesound.features.front_end import read_front_end
    from spikesound.training.detection_data import load_scenes
    from spikesound.training.detection_run import detector_spec, run_training
    from spikesound.training.detection_split import split_scenes

    place, section = paths.SHARED["detection"], params.detection
    names = read_labels(place.clips / "labels.json")
    front_end = read_front_end(place.features, section.test_fold)
    events = schema.read_table(place.clips / "events.parquet", schema.EVENTS)
    scenes = load_scenes(place.features, events, list(names), section.test_fold, front_end.hop_s)
    rows = split_scenes(scenes, section, params.seed)
    spec = detector_spec(params, model, labels, names, front_end)
    assert front_end.features.clip_s is not None
    result = run_training(
        spec,
        scenes.select(rows.training),
        scenes.select(rows.validation),
        events,
        params,
        seconds=front_end.features.clip_s,
        out=paths.DETECTORS / spec.model,
        finished=paths.STORE / "detectors",
    )
    print(
        f"{spec.model}: {len(rows.training)} clips, best epoch {result['best_epoch']}: "
        f"{paths.detector(spec.model)}"
    )


run(main, *sys.argv[1:])
