"""Disturb the sound of a task's held-out clips, and compute its features."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str) -> None:
    params = Params.load(paths.PARAMS)
    folds = params.task_params(task).folds
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from pathlib import Path

    from spikesound.audio.recordings import read_recordings
    from spikesound.core import schema
    from spikesound.evaluation.robustness.conditions import sound_conditions
    from spikesound.evaluation.robustness.disturb import Setup, disturb
    from spikesound.evaluation.robustness.inputs import tested_clips
    from spikesound.evaluation.robustness.noises import Recordings
    from spikesound.features.extract import fitted

    noises, sound = params.robustness.noises, params.robustness.sound
    rate_hz = params.features.rate_hz
    conditions = sound_conditions(sound, rate_hz)
    recordings = Recordings(
        read_recordings(Path(noises.babble), rate_hz),
        read_recordings(Path(noises.background), rate_hz),
        sound.talkers,
    )
    status = schema.read_table(paths.of_task("audio", task) / "status.parquet", schema.STATUS)
    index = schema.read_table(
        paths.of_task("features", task) / "index.parquet", schema.FEATURE_INDEX
    )
    at_most = params.robustness.detection_clips if task == "detection" else None
    clips = tested_clips(index, folds, at_most)
    setup = Setup(conditions, recordings, fitted(params.features, status), params.seed)
    silent = disturb(
        paths.of_task("audio", task), clips, status, setup, paths.of_task("disturbed", task)
    )
    print(
        f"{len(clips)} clips under {len(conditions)} conditions: {paths.of_task('disturbed', task)}"
    )
    if silent:
        print(f"silent, and so without noise: {', '.join(silent)}")


run(main, *sys.argv[1:])
