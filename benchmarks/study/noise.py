"""Noise that noisy models are trained in: other draws than the test's, and other levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from settings import NOISES, SNR_DB

import paths
from spikesound.core import schema
from spikesound.core.seeds import derive, numpy_generator
from spikesound.data.store import digest
from spikesound.evaluation.robustness.conditions import Condition
from spikesound.evaluation.robustness.disturb import Setup, disturb
from spikesound.evaluation.robustness.noises import Recordings, read_recordings
from spikesound.features import normalisation
from spikesound.features.extract import fitted
from spikesound.features.shards import Shards
from spikesound.params import Params

CONDITIONS = [Condition(name, level) for name in NOISES for level in SNR_DB]


def inputs(params: Params, fold: str, clip_ids: list[str]) -> Any:
    """Return each clip under one of the conditions, normalised for a fold, as float16 values."""
    folder = prepared(params)
    index = Shards(paths.FEATURES).index
    assert list(index["clip_id"]) == clip_ids
    drawn = numpy_generator(params.seed, "noisy training").integers(
        len(CONDITIONS), size=len(index)
    )
    tables = [np.load(folder / condition.file, mmap_mode="r") for condition in CONDITIONS]
    values = np.stack([tables[which][row] for row, which in enumerate(drawn)])
    low, high = normalisation.load(paths.FEATURES / "normalisation.json", fold)
    return normalisation.apply(values, low, high).astype(np.float16)[:, None]


def prepared(params: Params) -> Path:
    """Disturb all clips under all conditions, unless an earlier run did."""
    spec = (paths.FEATURES / "spec.json").read_text(encoding="utf-8")
    sections = (params.features, params.robustness.noises)
    names = [condition.file for condition in CONDITIONS]
    key = digest(spec, str(params.seed), *names, *(s.model_dump_json() for s in sections))
    folder = paths.STORE / "study" / f"noise-{key}"
    if not (folder / "index.parquet").is_file():
        rate_hz = params.features.rate_hz
        recordings = Recordings(
            read_recordings(Path(params.robustness.noises.babble), rate_hz),
            read_recordings(Path(params.robustness.noises.background), rate_hz),
            params.robustness.sound.talkers,
        )
        status = schema.read_table(paths.AUDIO / "status.parquet", schema.STATUS)
        index = schema.read_table(paths.FEATURES / "index.parquet", schema.FEATURE_INDEX)
        setup = Setup(
            CONDITIONS, recordings, fitted(params.features, status), derive(params.seed, "training")
        )
        disturb(paths.AUDIO, index, status, setup, folder)
    return folder
