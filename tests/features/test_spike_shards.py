"""Spike shards: what encoding writes is what training reads."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikesound.features import normalisation
from spikesound.features.shards import Shards, write_shards
from spikesound.features.spike_shards import encode_shards
from spikesound.params import Params
from spikesound.snn.encoding import ENCODINGS
from spikesound.training.dataset import load_features, load_spikes

CLASSES = ["/m/a", "/m/b"]


@pytest.fixture
def features(tmp_path: Path) -> Path:
    count = 6
    rows = pd.DataFrame(
        {
            "clip_id": [f"clip{i}" for i in range(count)],
            "fold": [str(i % 2 + 1) for i in range(count)],
            "media_id": [f"media{i}" for i in range(count)],
            "recording": [f"recording{i // 2}" for i in range(count)],
            "labels": [["/m/a"], ["/m/b"], ["/m/a", "/m/b"], ["/m/a"], ["/m/b"], ["/m/a"]],
        }
    )
    values = np.random.default_rng(0).normal(-40, 15, (count, 5, 11)).astype(np.float16)
    folder = tmp_path / "features"
    write_shards(folder, rows, values, 4)
    figures = normalisation.fit(Shards(folder), ["1", "2"], [normalisation.Group(11, True)], 60.0)
    normalisation.save(figures, folder / "normalisation.json")
    return folder


def encode(features: Path, name: str, params: Params, out: Path, fold: str = "1") -> Path:
    encode_shards(
        Shards(features),
        fold,
        encoding=name,
        params=params.encodings[name],
        seed=0,
        out=out,
        shard_clips=4,
    )
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODINGS)
def test_spikes_come_back_as_encoded(
    name: str, features: Path, params: Params, tmp_path: Path
) -> None:
    out = encode(features, name, params, tmp_path / "spikes")
    clips, spec = load_spikes(out, CLASSES)
    section = params.encodings[name]
    width = {"delta": 2, "population": 6}.get(name, 1)  # by params.yaml
    bins = 11 * width
    assert spec == {
        "encoding": name,
        "params": section.model_dump(),
        "steps": section.steps,
        "bins": bins,
        "neurons_per_bin": width,
        "step_values": ENCODINGS[name].step_values(section).tolist(),
        "fold": "1",
    }
    assert clips.bins == bins
    assert clips.spikes == (name != "direct")
    batch = clips.batch(np.array([3, 0]))
    assert batch.shape == (2, 1 if name == "direct" else spec["steps"], 5, bins)
    if name == "direct":
        values = load_features(features, CLASSES, "1").batch(np.array([3, 0]))
        assert np.allclose(batch, values, atol=1e-3)
    else:
        assert np.isin(batch, [0, 1]).all()
        assert clips.inputs.nbytes == 6 * spec["steps"] * 5 * math.ceil(bins / 8)
    assert clips.present.tolist() == [[1, 0], [0, 1], [1, 1], [1, 0], [0, 1], [1, 0]]
    assert clips.groups[:3] == ["recording0", "recording0", "recording1"]
    assert clips.without("1").ids == ["clip1", "clip3", "clip5"] == clips.only("2").ids


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODINGS)
def test_equal_seeds_give_equal_bytes(
    name: str, features: Path, params: Params, tmp_path: Path
) -> None:
    a, b = (encode(features, name, params, tmp_path / part) for part in "ab")
    assert any(a.glob("shard-*"))
    for path in sorted(a.iterdir()):
        assert path.read_bytes() == (b / path.name).read_bytes(), path.name


def test_each_fold_is_encoded_by_its_own_range(
    features: Path, params: Params, tmp_path: Path
) -> None:
    first, second = (
        load_spikes(encode(features, "direct", params, tmp_path / fold, fold), CLASSES)[0]
        for fold in "12"
    )
    assert (first.inputs != second.inputs).any()
