"""From audio shards to feature shards: order, resuming after a kill, and what is left out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sounds import FOLDS, Sounds, content, small

from spikesound.audio.flac import from_flac
from spikesound.audio.resampling import fit_length, resample
from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import CLEANING, STATUS, read_table
from spikesound.data import audio_shards
from spikesound.data.audio_shards import STATUS_FILE, write_audio
from spikesound.data.cleaning.clean import clean
from spikesound.data.store import Store, digest
from spikesound.features import bin_names, clip_samples, compute, stored
from spikesound.features.extract import Extraction, range_groups
from spikesound.features.normalisation import Group
from spikesound.features.plan import feature_key
from spikesound.features.shards import Shards
from spikesound.params import CleaningParams, FeatureParams, Params


@pytest.fixture
def features(params: Params) -> FeatureParams:
    return small(params.features)


@pytest.mark.slow
def test_clips_lie_in_the_lists_order_with_the_values_of_one_alone(
    tmp_path: Path, features: FeatureParams
) -> None:
    sounds = Sounds(tmp_path, 10)
    outcome = sounds.extract(features, tmp_path)
    assert outcome == Extraction(asked=10, ok=10, computed=10, kept=0)
    shards = Shards(tmp_path / "features")
    assert shards.index["clip_id"].tolist() == sounds.clips["clip_id"].tolist()
    assert shards.index["fold"].tolist() == sounds.clips["fold"].tolist()
    loaded = shards.load()
    assert loaded.dtype == np.float16
    for clip_id, value in zip(sounds.flacs, loaded, strict=True):
        samples, rate_hz = from_flac(sounds.flacs[clip_id])
        wave = fit_length(resample(samples, rate_hz, 8000), clip_samples(features))
        assert np.array_equal(stored(compute(torch.from_numpy(wave)[None], features))[0], value)


def test_the_spec_tells_bins_frames_and_parameters(tmp_path: Path, features: FeatureParams) -> None:
    Sounds(tmp_path, 4).extract(features, tmp_path)
    spec = json.loads((tmp_path / "features" / "spec.json").read_text())
    assert spec["bins"] == bin_names(features)
    assert spec["frame_rate_hz"] == 62.5
    assert spec["frames"] == 32
    assert spec["params"]["kinds"] == ["mel", "rms"]
    figures = json.loads((tmp_path / "features" / "normalisation.json").read_text())
    assert list(figures) == FOLDS
    assert len(figures["1"]["low"]) == len(figures["1"]["high"]) == 21


def test_only_clips_that_are_ok_get_in(tmp_path: Path, features: FeatureParams) -> None:
    sounds = Sounds(tmp_path, 6)
    sounds.status.loc[[1, 4], "state"] = ["silent", "unavailable"]
    outcome = sounds.extract(features, tmp_path)
    assert (outcome.asked, outcome.ok, outcome.computed) == (6, 4, 4)
    ids = Shards(tmp_path / "features").index["clip_id"].tolist()
    assert ids == ["clip-0", "clip-2", "clip-3", "clip-5"]


def test_a_second_run_computes_nothing_and_gives_the_same_bytes(
    tmp_path: Path, features: FeatureParams
) -> None:
    sounds = Sounds(tmp_path, 7)
    sounds.extract(features, tmp_path)
    before = content(tmp_path / "features")
    outcome = sounds.extract(features, tmp_path)
    assert (outcome.computed, outcome.kept) == (0, 7)
    assert content(tmp_path / "features") == before


@pytest.mark.slow
def test_added_clips_cost_only_themselves(tmp_path: Path, features: FeatureParams) -> None:
    sounds = Sounds(tmp_path, 8)
    sounds.extract(features, tmp_path, sounds.without("clip-2", "clip-7"))
    outcome = sounds.extract(features, tmp_path)
    assert (outcome.computed, outcome.kept) == (2, 6)
    Sounds(tmp_path / "other", 8).extract(features, tmp_path / "other")
    assert content(tmp_path / "features") == content(tmp_path / "other" / "features")


def test_without_a_length_clips_are_as_long_as_the_longest(
    tmp_path: Path, features: FeatureParams
) -> None:
    sounds = Sounds(tmp_path, 5)
    sounds.status["seconds"] = [0.5, 0.5625, 0.625, 0.6875, 0.75]
    sounds.extract(features.model_copy(update={"clip_s": None}), tmp_path / "a")
    sounds.extract(features.model_copy(update={"clip_s": 0.75}), tmp_path / "b")
    assert content(tmp_path / "a" / "features") == content(tmp_path / "b" / "features")
    sounds.status.loc[4, "state"] = "silent"
    sounds.extract(features.model_copy(update={"clip_s": None}), tmp_path / "a")
    spec = json.loads((tmp_path / "a" / "features" / "spec.json").read_text())
    assert spec["params"]["clip_s"] == 0.688


@pytest.mark.parametrize("batch_clips", [1, 2, 64])
def test_the_batch_size_changes_no_byte(
    tmp_path: Path, features: FeatureParams, batch_clips: int
) -> None:
    sounds = Sounds(tmp_path, 7)
    sounds.extract(features, tmp_path)
    other = features.model_copy(update={"batch_clips": batch_clips})
    sounds.extract(other, tmp_path / "other")
    assert content(tmp_path / "features") == content(tmp_path / "other" / "features")


KILLED = """
import os, signal, sys, threading
from pathlib import Path
from spikesound.core.schema import CLIPS, STATUS, read_table
from spikesound.data.store import Store
from spikesound.features.extract import extract
from spikesound.params import FeatureParams

root = Path(sys.argv[1])

class Dying(Store):
    left = 4
    lock = threading.Lock()  # or another thread would die in the middle of what it has counted
    def put(self, key, content):
        with self.lock:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().put(key, content)

extract(
    root / "audio",
    read_table(root / "clips.parquet", CLIPS),
    read_table(root / "audio" / "status.parquet", STATUS),
    FeatureParams.model_validate_json((root / "params.json").read_text()),
    Dying(root / "store"),
    root / "features",
    ["1", "2"],
)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, features: FeatureParams) -> None:
    sounds = Sounds(tmp_path, 9)
    (tmp_path / "params.json").write_text(features.model_dump_json())
    run = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()
    assert not (tmp_path / "features").exists()
    outcome = sounds.extract(features, tmp_path)
    assert (outcome.computed, outcome.kept) == (5, 4)
    Sounds(tmp_path / "whole", 9).extract(features, tmp_path / "whole")
    assert content(tmp_path / "features") == content(tmp_path / "whole" / "features")


def test_a_damaged_result_in_the_store_is_computed_anew(
    tmp_path: Path, features: FeatureParams
) -> None:
    sounds = Sounds(tmp_path, 5)
    sounds.extract(features, tmp_path)
    before = content(tmp_path / "features")
    path = Store(tmp_path / "store").get(feature_key(sounds.status["sha256"][3], features))
    assert path is not None
    path.write_bytes(path.read_bytes()[:-2])
    assert sounds.extract(features, tmp_path).computed == 1
    assert content(tmp_path / "features") == before


def test_a_test_clip_changes_no_figure_of_its_fold(tmp_path: Path, features: FeatureParams) -> None:
    figures = []
    for name, louder in (("plain", None), ("loud", "clip-2")):
        Sounds(tmp_path / name, 8, louder).extract(features, tmp_path / name)
        path = tmp_path / name / "features" / "normalisation.json"
        figures.append(json.loads(path.read_text()))
    assert figures[0]["1"] == figures[1]["1"]  # clip-2 is of fold 1
    assert figures[0]["2"] != figures[1]["2"]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"batch_clips": 9, "shard_clips": 9, "range_db": 40.0}, True),
        ({"split_hz": 900.0, "mfccs": 5}, True),  # of kinds that are not computed
        ({"mels": 16}, False),
        ({"hop": 64}, False),
        ({"clip_s": 0.25}, False),
        ({"kinds": ["rms", "mel"]}, False),
        ({"kinds": ["mel"]}, False),
    ],
)
def test_only_parameters_that_change_the_values_change_the_key(
    features: FeatureParams, changes: dict[str, object], same: bool
) -> None:
    other = features.model_copy(update=changes)
    assert (feature_key("ab", features) == feature_key("ab", other)) == same
    assert feature_key("ab", features) != feature_key("cd", features)


def test_levels_share_a_range_and_coefficients_do_not(features: FeatureParams) -> None:
    chosen = features.model_copy(update={"kinds": ["rms", "mel", "mfcc"], "mfccs": 3})
    assert range_groups(chosen) == [
        Group(1, levels=False),
        Group(20, levels=True),
        *[Group(1, levels=False)] * 3,
    ]


def test_a_clip_without_status_is_named(tmp_path: Path, features: FeatureParams) -> None:
    sounds = Sounds(tmp_path, 4)
    sounds.status = sounds.status.drop(index=2)
    with pytest.raises(SpikesoundError, match=r"status\.parquet: no row for clip 'clip-2'"):
        sounds.extract(features, tmp_path)


def test_an_ok_clip_that_is_in_no_shard_is_named(tmp_path: Path, features: FeatureParams) -> None:
    sounds = Sounds(tmp_path, 4)
    write_audio(sounds.audio, [(k, v) for k, v in sounds.flacs.items() if k != "clip-3"], 5)
    with pytest.raises(SpikesoundError, match=r"clip 'clip-3' is ok .* not in this shard \(1 such"):
        sounds.extract(features, tmp_path)


def test_no_ok_clips_are_refused(tmp_path: Path, features: FeatureParams) -> None:
    sounds = Sounds(tmp_path, 4)
    sounds.status["state"] = "failed"
    with pytest.raises(SpikesoundError, match="none of the 4 clips is ok"):
        sounds.extract(features, tmp_path)


def test_a_damaged_flac_is_named(tmp_path: Path, features: FeatureParams) -> None:
    sounds = Sounds(tmp_path, 4)
    write_audio(sounds.audio, [(k, v[:30]) for k, v in sounds.flacs.items()], 5)
    with pytest.raises(SpikesoundError, match=r"shard-00000\.parquet, clip clip-0"):
        sounds.extract(features, tmp_path)
    assert read_table(sounds.audio / STATUS_FILE, STATUS).shape[0] == 4


def test_only_the_shards_that_hold_new_clips_are_read_and_only_these_decoded(
    tmp_path: Path, features: FeatureParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = Sounds(tmp_path, 20)
    added = ("clip-0", "clip-19")
    sounds.extract(features, tmp_path, sounds.without(*added))
    read, decoded = [], []
    monkeypatch.setattr(
        audio_shards,
        "read_table",
        lambda path, schema: read.append(path.name) or read_table(path, schema),
    )
    monkeypatch.setattr(
        audio_shards, "from_flac", lambda flac: decoded.append(flac) or from_flac(flac)
    )
    outcome = sounds.extract(features, tmp_path)
    assert (outcome.computed, outcome.kept) == (2, 18)
    homes = dict(zip(sounds.status["clip_id"], sounds.status["path"], strict=True))
    assert sorted(read) == sorted(homes[name] for name in added)
    assert sorted(decoded) == sorted(sounds.flacs[name] for name in added)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
def test_the_number_of_threads_changes_no_byte_and_torchs_own_stays(
    tmp_path: Path, features: FeatureParams, workers: int
) -> None:
    sounds = Sounds(tmp_path, 17)
    sounds.extract(features, tmp_path, workers=2)
    threads = torch.get_num_threads()
    sounds.extract(features, tmp_path / "other", workers=workers)
    assert content(tmp_path / "features") == content(tmp_path / "other" / "features")
    assert torch.get_num_threads() == threads


def with_cleaning(features: FeatureParams, **changes: object) -> FeatureParams:
    section = CleaningParams.model_validate(features.cleaning.model_dump() | changes)
    return features.model_copy(update={"cleaning": section})


def test_the_report_of_cleaning_is_there_and_empty_with_all_off(
    tmp_path: Path, features: FeatureParams
) -> None:
    outcome = Sounds(tmp_path, 5).extract(features, tmp_path)
    table = read_table(tmp_path / "features" / "cleaning.parquet", CLEANING)
    assert table["clip_id"].tolist() == [f"clip-{n}" for n in range(5)]
    assert table["kept"].all()
    assert table["loudness_lufs"].isna().all()
    assert outcome.cleaning == {}


def test_with_cleaning_off_the_keys_are_those_of_before_there_was_any(
    features: FeatureParams,
) -> None:
    # The key as release 0.1 made it: what it left in a store is still good.
    parts = ("rate_hz", 8000, "clip_s", 0.5, "window", 256, "hop", 128)
    used = ("high_hz", 4000.0, "low_hz", 0.0, "mels", 20)
    expected = digest("features", 1, "ab", "mel", "rms", *parts, *used)
    assert feature_key("ab", features) == expected
    looking = with_cleaning(features, clipped_share=0.1, duplicates="drop")
    assert feature_key("ab", looking) == expected
    assert feature_key("ab", with_cleaning(features, remove_dc=True)) != expected


@pytest.mark.slow
def test_cleaned_features_are_those_of_the_cleaned_sound(
    tmp_path: Path, features: FeatureParams
) -> None:
    sounds = Sounds(tmp_path, 6)
    chosen = with_cleaning(features, remove_dc=True, trim_db=-30.0, loudness_lufs=-23.0)
    outcome = sounds.extract(chosen, tmp_path)
    assert outcome.cleaning["with a gain"] == 6
    loaded = Shards(tmp_path / "features").load()
    table = read_table(tmp_path / "features" / "cleaning.parquet", CLEANING)
    for clip_id, value, row in zip(sounds.flacs, loaded, table.to_dict("records"), strict=True):
        mended, figures = clean(*from_flac(sounds.flacs[clip_id]), chosen.cleaning)
        wave = fit_length(resample(mended, 16000, 8000), clip_samples(chosen))
        assert np.array_equal(stored(compute(torch.from_numpy(wave)[None], chosen))[0], value)
        assert (row["dc"], row["gain_db"]) == (figures.dc, figures.gain_db)


def test_figures_survive_a_resumed_run_and_a_looser_limit_computes_nothing(
    tmp_path: Path, features: FeatureParams
) -> None:
    clipped = np.clip(np.random.default_rng(1).normal(0, 60000, 8000), -32768, 32767)
    sounds = Sounds(tmp_path, 6, instead={"clip-2": clipped.astype(np.int16)})
    sounds.extract(features, tmp_path)
    strict = with_cleaning(features, clipped_share=0.05)
    outcome = sounds.extract(strict, tmp_path, sounds.without("clip-5"))
    assert (outcome.computed, outcome.cleaning) == (5, {"left out": 1})
    outcome = sounds.extract(strict, tmp_path)
    assert (outcome.computed, outcome.kept) == (1, 5)
    index = Shards(tmp_path / "features").index
    assert index["clip_id"].tolist() == ["clip-0", "clip-1", "clip-3", "clip-4", "clip-5"]
    table = read_table(tmp_path / "features" / "cleaning.parquet", CLEANING)
    assert table["kept"].tolist() == [True, True, False, True, True, True]
    assert "of the samples clipped, more than 0.05" in table["reason"][2]
    outcome = sounds.extract(with_cleaning(features, clipped_share=0.9), tmp_path)
    assert (outcome.computed, outcome.cleaning) == (0, {})


@pytest.mark.parametrize(("what", "left"), [("report", 7), ("drop", 6)])
def test_a_repeated_clip_is_told_or_left_out_and_the_leak_named(
    tmp_path: Path, features: FeatureParams, what: str, left: int
) -> None:
    one = np.random.default_rng(1).normal(0, 3000, 3 * 16000)
    repeated = (0.5 * one[4321:]).astype(np.int16)
    made = {"clip-1": one.astype(np.int16), "clip-4": repeated}
    sounds = Sounds(tmp_path, 7, instead=made)
    outcome = sounds.extract(with_cleaning(features, duplicates=what), tmp_path)
    table = read_table(tmp_path / "features" / "cleaning.parquet", CLEANING)
    assert table["duplicate_of"].dropna().to_dict() == {4: "clip-1"}
    assert "in fold 2, this one in 1: a leak" in table["reason"][4]
    assert outcome.cleaning["of them of a clip in another fold"] == 1
    assert len(Shards(tmp_path / "features")) == left
