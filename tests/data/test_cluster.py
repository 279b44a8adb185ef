"""Features on a Dask cluster of real processes, one of them killed in mid-run: as those here."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from dask_cluster import Cluster
from sounds import RATE_HZ, Sounds, content, small

from spikesound.data.store import Store
from spikesound.params import CleaningParams, FeatureParams, Params

pytestmark = pytest.mark.slow

CLIPS = 60


def cleaned(params: Params) -> FeatureParams:
    """All that can be computed of a clip, so that all of it comes from the workers."""
    changes = {"remove_dc": True, "loudness_lufs": -23.0, "duplicates": "report"}
    section = CleaningParams.model_validate(params.features.cleaning.model_dump() | changes)
    return small(params.features).model_copy(update={"cleaning": section, "clip_s": 8.0})


def test_a_cluster_that_loses_a_worker_gives_the_bytes_of_one_process(
    tmp_path: Path, params: Params
) -> None:
    features = cleaned(params)
    # Long clips, one or two to a shard: work that lasts, so that a kill comes in the midst of it.
    generator = np.random.default_rng(0)
    made = {
        f"clip-{n}": generator.uniform(-9000, 9000, 8 * RATE_HZ).astype(np.int16)
        for n in range(CLIPS)
    }
    sounds = Sounds(tmp_path, 0, instead=made, shard_clips=2)
    sounds.extract(features, tmp_path / "here", workers=2)

    with Cluster(tmp_path / "cluster", 3) as cluster:
        cluster.wait()
        victim = Murder(cluster, 1, Store(tmp_path / "there" / "store"), after=9)
        victim.start()
        outcome = sounds.extract(features, tmp_path / "there", scheduler=cluster.address)
        victim.join()
        assert 9 <= victim.files_at_death < 3 * CLIPS, "killed too early or too late to tell"
        assert [worker.poll() for worker in cluster.workers] == [None, -9, None]
        assert (outcome.computed, outcome.kept) == (CLIPS, 0)
        assert content(tmp_path / "there" / "features") == content(tmp_path / "here" / "features")

        # What was computed there is found here, and the other way round.
        again = sounds.extract(features, tmp_path / "there")
        assert (again.computed, again.kept) == (0, CLIPS)
        more = sounds.extract(
            features.model_copy(update={"mels": 10}), tmp_path / "there", scheduler=cluster.address
        )
        assert more.computed == CLIPS
    sounds.extract(features.model_copy(update={"mels": 10}), tmp_path / "here")
    assert content(tmp_path / "there" / "features") == content(tmp_path / "here" / "features")


class Murder(threading.Thread):
    """Kills a worker as soon as there are so many files in the store."""

    def __init__(self, cluster: Cluster, number: int, store: Store, after: int) -> None:
        super().__init__(daemon=True)
        self.cluster, self.number, self.store, self.after = cluster, number, store, after
        self.files_at_death = -1

    def run(self) -> None:
        while self._files() < self.after:
            time.sleep(0.005)
        self.cluster.kill(self.number)
        self.files_at_death = self._files()

    def _files(self) -> int:
        return sum(path.is_file() for path in self.store.root.rglob("*"))
