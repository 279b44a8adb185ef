"""Fit and test the baseline of detection: logistic regression on the mel energies of a frame."""

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch and scikit-learn are imported: seconds that a wrong parameter need not wait for.
    import numpy as np
    from spikesound.training.detection_data import load_scenes
    from spikesound.training.detection_run import detector_spec
    from spikesound.training.detection_split import split_scenes

    from spikesound.core import schema
    from spikesound.core.labels import read_labels
    from spikesound.evaluation.detection import judge_scores
    from spikesound.evaluation.detection_baseline import MODEL, clip_scores, fit, frame_scores
    from spikesound.features.front_end import read_front_end
    from spikesound.tasks.detection.metrics.truth import true_events
    from spikesound.tasks.detection.tuning import choose_decision

    place, section = paths.SHARED["detection"], params.detection
    names = read_labels(place.clips / "labels.json")
    front_end = read_front_end(place.features, section.test_fold)
    events = schema.read_table(place.clips / "events.parquet", schema.EVENTS)
    scenes = load_scenes(place.features, events, list(names), section.test_fold, front_end.hop_s)
    rows = split_scenes(scenes, section, params.seed)
    validation, test = scenes.select(rows.validation), scenes.select(rows.test)
    fitted = fit(scenes.select(rows.training))
    lengths = dict.fromkeys(validation.ids, front_end.features.clip_s or 0.0)
    decision, _ = choose_decision(
        dict(zip(validation.ids, frame_scores(fitted, validation.inputs), strict=True)),
        true_events(events[events["clip_id"].isin(lengths)], lengths, list(names)),
        lengths,
        list(names),
        hop_s=front_end.hop_s,
        medians_s=section.decision.medians_s,
        thresholds=section.decision.thresholds,
    )
    spec = detector_spec(params, section.models[0], "strong", names, front_end)
    framewise = frame_scores(fitted, test.inputs)
    quiet = frame_scores(fitted, np.load(paths.BACKGROUND)["x"])
    spec = spec.model_copy(update={"model": MODEL, "decision": decision})
    judged = judge_scores(
        spec, test, events, framewise, clip_scores(framewise), quiet, params, None
    )
    judged.write(MODEL, paths.DETECTED, paths.DETECTION_METRICS)
    print(f"{MODEL}: {judged.line()}: {paths.DETECTION_METRICS / 'models' / f'{MODEL}.json'}")


run(main)
