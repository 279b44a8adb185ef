"""Features to train in noise on: each clip as it is, and once more in a noise drawn for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from spikesound.audio.recordings import read_recordings
from spikesound.core import schema
from spikesound.core.seeds import derive, numpy_generator
from spikesound.core.source import code_digest
from spikesound.data.store import digest
from spikesound.evaluation.robustness.conditions import Condition
from spikesound.evaluation.robustness.disturb import Setup, disturb
from spikesound.evaluation.robustness.noises import Recordings
from spikesound.experiments.digests import folder_digest
from spikesound.features.extract import CARRIED, fitted
from spikesound.features.shards import Array, Shards, write_shards
from spikesound.params import Params
from spikesound.params.experiments import TrainingNoise

SHARD_CLIPS = 100


def noisy_features(
    noise: TrainingNoise, params: Params, audio: Path, features: Path, work: Path
) -> Path:
    """Return the folder of features with each clip twice; the ranges are those of clean sound.

    The second has another id, but the fold and the recording of the first, so that no split divides
    them. Its draws are other ones than those of the tests in noise.

    Parameters
    ----------
    audio, features : folders of the clips' sound and features
    work : gets the folder, under the digest of all that it depends on
    """
    conditions = [Condition(name, level) for name in noise.noises for level in noise.snr_db]
    key = digest(
        "noisy",
        folder_digest(features),
        noise.model_dump_json(),
        params.features.model_dump_json(),
        params.robustness.noises.model_dump_json(),
        params.robustness.sound.talkers,
        params.seed,
        code_digest([disturb]),
    )
    out = work / f"noisy-{key[:16]}"
    if not (out / "index.parquet").is_file():
        _disturb(conditions, params, audio, features, out / "disturbed")
        for name in ("normalisation.json", "spec.json"):
            shutil.copyfile(features / name, out / name)
        _write(conditions, params, features, out)
    return out


def _disturb(
    conditions: list[Condition], params: Params, audio: Path, features: Path, out: Path
) -> None:
    rate_hz, noises = params.features.rate_hz, params.robustness.noises
    recordings = Recordings(
        read_recordings(Path(noises.babble), rate_hz),
        read_recordings(Path(noises.background), rate_hz),
        params.robustness.sound.talkers,
    )
    status = schema.read_table(audio / "status.parquet", schema.STATUS)
    seed = derive(params.seed, "training")
    setup = Setup(conditions, recordings, fitted(params.features, status), seed)
    disturb(audio, Shards(features).index, status, setup, out)


def _write(conditions: list[Condition], params: Params, features: Path, out: Path) -> None:
    """Write the clips, and then each under one of the conditions."""
    shards = Shards(features)
    index = shards.index
    drawn = numpy_generator(params.seed, "noisy training").integers(
        len(conditions), size=len(index)
    )
    tables = [np.load(out / "disturbed" / each.file, mmap_mode="r") for each in conditions]

    def disturbed() -> Iterator[Array]:
        for row, which in enumerate(drawn):
            yield np.array(tables[which][row])

    rows = index[list(CARRIED)]
    again = rows.assign(clip_id=[f"{clip}+noise" for clip in rows["clip_id"]])
    clean = (values for _, part in shards.parts() for values in part)
    write_shards(out, pd.concat([rows, again]), chain(clean, disturbed()), SHARD_CLIPS)
