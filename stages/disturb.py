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
    from spikesound.evaluation.robustness.disturb import Setup, disturb, select_clips
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
    audio, features, out = (
        paths.of_task(kind, task) for kind in ("audio", "features", "disturbed")
    )
    status = schema.read_table(audio / "status.parquet", schema.STATUS)
    index = schema.read_table(features / "index.parquet", schema.FEATURE_INDEX)
    at_most = params.robustness.detection_clips if task == "detection" else None
    clips = select_clips(index, folds, at_most)
    setup = Setup(conditions, recordings, fitted(params.features, status), params.seed)
    silent = disturb(audio, clips, status, setup, out)
    print(f"{len(clips)} clips under {len(conditions)} conditions: {out}")
    if silent:
        print(f"silent, and so without noise: {', '.join(silent)}")


run(main, *sys.argv[1:])
