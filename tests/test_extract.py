"""From audio shards to feature shards: order, resuming after a kill, and what is left out."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from spikesound.data.audio_shards import STATUS_FILE, write_audio
from spikesound.data.features import bin_names, clip_samples, compute, stored
from spikesound.data.features.extract import Extraction, extract, feature_key, range_groups
from spikesound.data.features.resample import fit_length, resample
from spikesound.data.media import from_flac, to_flac
from spikesound.data.normalise import Group
from spikesound.data.shards import Shards
from spikesound.data.store import Store
from spikesound.errors import SpikesoundError
from spikesound.params import FeatureParams, Params
from spikesound.schema import CLIPS, STATUS, read_table, write_table

RATE_HZ = 16000
FOLDS = ["1", "2"]


@pytest.fixture
def features(params: Params) -> FeatureParams:
    """Small features of short clips, in batches that do not divide their number."""
    changes = {"rate_hz": 8000, "high_hz": 4000.0, "clip_s": 0.5, "window": 256, "hop": 128}
    sizes = {"mels": 20, "mfccs": 8, "batch_clips": 3, "shard_clips": 4, "kinds": ["mel", "rms"]}
    return FeatureParams.model_validate(params.features.model_dump() | changes | sizes)


class Sounds:
    """A folder of audio shards, with its tables, of made-up clips of several lengths."""

    def __init__(self, root: Path, count: int, louder: str | None = None) -> None:
        self.audio = root / "audio"
        self.flacs = {f"clip-{n}": self._sound(n, louder) for n in range(count)}
        # The shards' order is not the list's: clips come back in the list's order all the same.
        homes = write_audio(self.audio, sorted(self.flacs.items(), reverse=True), 5)
        names = list(self.flacs)
        self.clips = pd.DataFrame(
            {
                "clip_id": names,
                "media_id": [f"media-{name}" for name in names],
                "recording": [f"recording-{name}" for name in names],
                "start_s": 0.0,
                "end_s": 1.0,
                "labels": [["/m/a"]] * count,
                "fold": [str(1 + n % 2) for n in range(count)],
            }
        )
        self.status = pd.DataFrame(
            {
                "clip_id": names,
                "state": "ok",
                "reason": "",
                "attempts": 1,
                "seconds": 1.0,
                "bytes": [len(flac) for flac in self.flacs.values()],
                "sha256": [hashlib.sha256(flac).hexdigest() for flac in self.flacs.values()],
                "path": [homes[name] for name in names],
            }
        )
        write_table(self.status, STATUS, self.audio / STATUS_FILE)
        write_table(self.clips, CLIPS, root / "clips.parquet")

    @staticmethod
    def _sound(number: int, louder: str | None) -> bytes:
        generator = np.random.default_rng(number)
        length = 4000 + 1000 * (number % 9)  # shorter and longer than clip_s
        amplitude = 20000 if louder == f"clip-{number}" else 500 + 50 * number
        samples = generator.uniform(-amplitude, amplitude, length).astype(np.int16)
        return to_flac(samples, RATE_HZ)

    def without(self, *clip_ids: str) -> pd.DataFrame:
        return self.clips[~self.clips["clip_id"].isin(clip_ids)]

    def extract(
        self, params: FeatureParams, root: Path, clips: pd.DataFrame | None = None
    ) -> Extraction:
        clips = self.clips if clips is None else clips
        store = Store(root / "store")
        return extract(self.audio, clips, self.status, params, store, root / "features", FOLDS)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


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


def test_added_clips_cost_only_themselves(tmp_path: Path, features: FeatureParams) -> None:
    sounds = Sounds(tmp_path, 8)
    sounds.extract(features, tmp_path, sounds.without("clip-2", "clip-7"))
    outcome = sounds.extract(features, tmp_path)
    assert (outcome.computed, outcome.kept) == (2, 6)
    Sounds(tmp_path / "other", 8).extract(features, tmp_path / "other")
    assert content(tmp_path / "features") == content(tmp_path / "other" / "features")


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
import os, signal, sys
from pathlib import Path
from spikesound.data.features.extract import extract
from spikesound.data.store import Store
from spikesound.params import FeatureParams
from spikesound.schema import CLIPS, STATUS, read_table

root = Path(sys.argv[1])

class Dying(Store):
    left = 4
    def put(self, key, content):
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
    with pytest.raises(SpikesoundError, match=r"clip 'clip-3' is ok .* in no shard \(1 such"):
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
