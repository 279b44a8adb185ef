"""Sources of spike trains: SHD and SSC from files in their layout, binned to frames."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from spike_files import spike_file

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.data.filtering.choose import filter_clips
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES, SpikeTrains
from spikesound.data.spike_status import write_spike_status
from spikesound.features import normalisation
from spikesound.features.front_end import read_front_end
from spikesound.features.shards import Shards
from spikesound.features.spike_counts import count_spikes, spike_counts
from spikesound.params import FeatureParams, Params, RemoteFile, SpikeTrainsParams

PARTS = {"shd": ["train", "test"], "ssc": ["train", "valid", "test"]}


def source(name: str, folder: Path, files: dict[str, RemoteFile] | None = None) -> SpikeTrains:
    params = SpikeTrainsParams(files=files or {}, folder=str(folder))
    made = SOURCES[name](params, Ontology({}, {}), folder.parent / "cache")
    assert isinstance(made, SpikeTrains)
    return made


def copies(name: str, folder: Path) -> Path:
    for number, part in enumerate(PARTS[name]):
        spike_file(folder / f"{name}_{part}.h5", 30 - 12 * number, seed=number)
    return folder


def binned(params: Params, **changes: object) -> FeatureParams:
    values = {
        "kinds": ["spike_counts"], "rate_hz": 8000, "hop": 80, "window": 80, "mels": 140,
        "clip_s": 1.0, "high_hz": 4000.0,
    }  # fmt: skip
    return FeatureParams.model_validate(params.features.model_dump() | values | changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_words_have_their_labels_and_the_official_parts(name: str, tmp_path: Path) -> None:
    made = source(name, copies(name, tmp_path / name))
    clips = made.listing().clips.to_pandas()
    folds = clips["fold"].value_counts().to_dict()
    expected = (
        {"train": 30, "test": 18} if name == "shd" else {"train": 30, "validation": 18, "test": 6}
    )
    assert folds == expected
    assert list(made.ontology) == ["fünf", "one", "zero"]
    row = clips.set_index("clip_id").loc[f"{name}_train_000004_0"]
    assert (list(row["labels"]), row["recording"]) == (["one"], "train-0")
    assert 0.5 < row["end_s"] < 0.96
    assert clips.groupby("recording")["fold"].nunique().max() == 1
    assert made.locate(f"{name}_train_000004") == str(tmp_path / name / f"{name}_train.h5")


def test_spikes_are_those_of_the_file(tmp_path: Path) -> None:
    made = source("shd", copies("shd", tmp_path / "shd"))
    (times, units), (other, _) = made.trains(["shd_test_000003", "shd_train_000000"])
    with h5py.File(tmp_path / "shd/shd_test.h5") as file:
        assert np.array_equal(times, file["spikes/times"][3].astype(float))
        assert np.array_equal(units, file["spikes/units"][3])
    assert len(other) != len(times)
    for wrong in ("shd_train_99", "shd_valid_000001", "ssc_train_000001", "shd_train_x", "../x"):
        with pytest.raises(SpikesoundError, match=r"not a media id|no word 99"):
            list(made.trains([wrong]))


def test_counts_by_hand() -> None:
    times = np.array([0.0, 0.0099, 0.01, 0.031, 0.2])
    units = np.array([0, 4, 5, 699, 3])
    counts, beyond = spike_counts(times, units, (4, 140), 0.01, 5)
    assert beyond == 1
    assert counts[0, 0] == 2
    assert counts[1, 1] == 1
    assert counts[3, 139] == 1
    assert counts.sum() == 4


@pytest.mark.slow
def test_features_are_the_counts_in_the_order_of_the_clips(tmp_path: Path, params: Params) -> None:
    made = source("shd", copies("shd", tmp_path / "shd"))
    chosen = filter_clips(made.listing(), made.ontology, params.filter, 1)
    chosen.write(tmp_path / "clips")
    clips = schema.read_table(tmp_path / "clips/clips.parquet", schema.CLIPS)
    status = write_spike_status(clips, tmp_path / "audio")
    assert set(status["state"]) == {"ok"}
    section = binned(params)
    beyond = count_spikes(made, clips, section, tmp_path / "features", ["test"])
    assert beyond == 0
    shards = Shards(tmp_path / "features")
    values = shards.load()
    assert values.shape == (48, 100, 140)
    assert shards.index["clip_id"].tolist() == clips["clip_id"].tolist()
    totals = [len(times) for times, _ in made.trains(clips["media_id"].tolist())]
    assert values.sum((1, 2)).tolist() == totals
    low, high = normalisation.load(tmp_path / "features/normalisation.json", "test")
    training = values[(clips["fold"] == "train").to_numpy()]
    assert (low == 0).all()
    assert (high == training.max()).all(), "one range, of the other folds"
    front_end = read_front_end(tmp_path / "features", "test")
    assert front_end.hop_s == 0.01
    with pytest.raises(SpikesoundError, match="'spike_counts' is of a source of spike trains"):
        front_end.whole(np.zeros(8000, np.float32))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mels": 130}, "features.mels 130: 700 units do not divide"),
        ({"clip_s": None}, "features.clip_s: spike trains need a length"),
        ({"kinds": ["mel"]}, r"features.kinds \['mel'\]: a source of spike trains has one"),
    ],
)
def test_features_that_do_not_fit_are_named(
    changes: dict[str, object], message: str, tmp_path: Path, params: Params
) -> None:
    made = source("shd", copies("shd", tmp_path / "shd"))
    clips = made.listing().clips.to_pandas()
    with pytest.raises(SpikesoundError, match=message):
        count_spikes(made, clips, binned(params, **changes), tmp_path / "features", ["test"])


def test_spikes_beyond_the_end_are_counted_and_left_out(tmp_path: Path, params: Params) -> None:
    made = source("shd", copies("shd", tmp_path / "shd"))
    clips = made.listing().clips.to_pandas()
    short = binned(params, clip_s=0.5)
    beyond = count_spikes(made, clips, short, tmp_path / "features", ["test"])
    every = sum(len(times) for times, _ in made.trains(clips["media_id"].tolist()))
    kept = Shards(tmp_path / "features").load().sum(dtype=np.float64)
    assert beyond + kept == every
    assert beyond > 0


def test_a_packed_file_is_fetched_and_unpacked_once(tmp_path: Path) -> None:
    content = spike_file(tmp_path / "made.h5", 6).read_bytes()
    (tmp_path / "packed.h5.gz").write_bytes(gzip.compress(content))
    files = dict.fromkeys(
        ("train", "test"), RemoteFile(url=str(tmp_path / "packed.h5.gz"), hash=None)
    )
    made = source("shd", tmp_path / "none", files)
    assert made.path("train").read_bytes() == content
    (tmp_path / "packed.h5.gz").write_bytes(gzip.compress(content)[:-30])
    cut = source("ssc", tmp_path / "none", files)
    with pytest.raises(SpikesoundError, match=r"packed\.h5\.gz: not a whole gzip file"):
        cut.path("train")


def without(path: Path, name: str) -> None:
    with h5py.File(path, "a") as file:
        del file[name]


def relabelled(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["labels"][2] = 7


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])


def fewer_labels(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["labels"]
        file["labels"] = np.zeros(3, np.uint16)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: without(path, "spikes/units"), "no dataset 'spikes/units'"),
        (lambda path: without(path, "extra/keys"), "no dataset 'extra/keys'"),
        (relabelled, "word 2: label 7, but there are 3 keys"),
        (truncated, "not a whole HDF5 file"),
        (fewer_labels, "times, units and labels differ in number"),
    ],
)
def test_a_damaged_file_is_one_line_with_its_name(
    damage: object, message: str, tmp_path: Path
) -> None:
    folder = copies("shd", tmp_path / "shd")
    assert callable(damage)
    damage(folder / "shd_test.h5")
    with pytest.raises(SpikesoundError, match=rf"shd_test\.h5.*{message}"):
        source("shd", folder).listing()


def test_words_that_cannot_be_used_are_rejected(tmp_path: Path) -> None:
    folder = copies("shd", tmp_path / "shd")
    with h5py.File(folder / "shd_test.h5", "a") as file:
        file["spikes/times"][0] = np.array([], np.float16)
        file["spikes/units"][0] = np.array([], np.uint16)
        file["spikes/units"][1] = np.full(len(file["spikes/times"][1]), 700, np.uint16)
        file["spikes/times"][2] = np.array([0.1], np.float16)
        file["spikes/times"][3] = np.full(len(file["spikes/units"][3]), np.nan, np.float16)
        file["spikes/times"][4] = -file["spikes/times"][4]
    rejected = source("shd", folder).listing().rejected.to_pandas()
    assert rejected["line"].tolist() == [1, 2, 3, 4, 5]
    reasons = rejected["reason"].tolist()
    assert reasons[0] == "no spikes"
    assert reasons[1] == "unit 700, where there are 700"
    assert reasons[2].startswith("1 times for ")
    assert all(reason for reason in reasons)


def test_without_speakers_each_word_is_its_own(tmp_path: Path) -> None:
    folder = copies("shd", tmp_path / "shd")
    without(folder / "shd_train.h5", "extra/speaker")
    clips = source("shd", folder).listing().clips.to_pandas()
    assert clips.loc[clips["fold"] == "train", "recording"].is_unique


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = source("shd", copies("shd", tmp_path / "shd"))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(SpikesoundError, match=r"pip install 'spikesound\[spikes\]'"):
        made.listing()


def test_status_is_a_table_without_shards(tmp_path: Path) -> None:
    clips = pd.DataFrame({"clip_id": ["a", "b"], "start_s": [0.0, 0.0], "end_s": [0.5, 0.7]})
    write_spike_status(clips, tmp_path)
    status = schema.read_table(tmp_path / "status.parquet", schema.STATUS)
    assert status["seconds"].tolist() == [0.5, 0.7]
    assert status["path"].tolist() == ["", ""]
