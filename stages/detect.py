"""Test a trained detector on the fold that it has not heard, and on background alone."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(name: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    import numpy as np
    from spikesound.training.detection_data import load_scenes

    from spikesound.core import schema
    from spikesound.evaluation.detection import judge
    from spikesound.models import detector_file

    place, section = paths.SHARED["detection"], params.detection
    spec, network = detector_file.load(paths.detector(name))
    events = schema.read_table(place.clips / "events.parquet", schema.EVENTS)
    scenes = load_scenes(
        place.features, events, spec.classes, section.test_fold, spec.front_end.hop_s
    )
    test = scenes.select(scenes.of_fold(section.test_fold))
    background = np.load(paths.BACKGROUND)["x"]
    judged = judge(spec, network, test, events, background, params)
    judged.write(name, paths.DETECTED, paths.DETECTION_METRICS)
    print(f"{name}: {judged.line()}: {paths.DETECTION_METRICS / 'models' / f'{name}.json'}")


run(main, *sys.argv[1:])
