"""Disturb the sound of every clip in every way, and compute its features."""

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from pathlib import Path

    from spikesound.audio.recordings import read_recordings
    from spikesound.core import schema
    from spikesound.evaluation.robustness.conditions import sound_conditions
    from spikesound.evaluation.robustness.disturb import Setup, disturb
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
    status = schema.read_table(paths.AUDIO / "status.parquet", schema.STATUS)
    index = schema.read_table(paths.FEATURES / "index.parquet", schema.FEATURE_INDEX)
    setup = Setup(conditions, recordings, fitted(params.features, status), params.seed)
    silent = disturb(paths.AUDIO, index, status, setup, paths.DISTURBED)
    print(f"{len(index)} clips under {len(conditions)} conditions: {paths.DISTURBED}")
    if silent:
        print(f"silent, and so without noise: {', '.join(silent)}")


run(main)
