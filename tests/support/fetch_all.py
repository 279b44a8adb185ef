"""A download from a mirror as a program of its own, so that it can be killed.

``python tests/fetch_all.py JOB.json``; a job has clips, address, parameters, and two folders.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from project import ROOT

from spikesound.audio.cutting import decode, span
from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import CLIPS
from spikesound.data.audio_shards import read_audio
from spikesound.data.download import download
from spikesound.data.fetch.recording import Clip as Stretch
from spikesound.data.fetch.recording import Recording
from spikesound.data.fetch.survey import Survey, survey
from spikesound.data.store import Store
from spikesound.params import DownloadParams, Params

SOUNDS = ROOT / "data/esc10/audio"
RATE_HZ = 44100

Clip = tuple[str, float, float]
"""Media id, start and end in seconds."""

QUICK: Mapping[str, object] = {
    "rate_hz": RATE_HZ,
    "requests_per_s": None,
    "pause_s": [0.0, 0.0],
    "backoff_s": 0.5,
    "timeout_s": 5.0,
    "attempts": 6,
    "max_failures": 0.5,
}
"""Parameters for a mirror of one's own, which does not mind being asked."""


def steady(number: int) -> list[str]:
    """Return recordings of rain, sea, helicopter, chainsaw: five seconds, no silence in them."""
    listed = pd.read_csv(
        ROOT / "data/esc10/segments.csv", comment="#", header=None, skipinitialspace=True
    )
    steady = listed[3].isin(["/m/06mb1", "/m/034srq", "/m/09ct_", "/m/01j4z9"])
    full = sorted(listed.loc[steady & (listed[2] == 5.0), 0])
    return full[:: len(full) // number][:number]


def parameters(**changes: object) -> DownloadParams:
    """Return the project's parameters, made for a mirror of one's own, with changes."""
    own = Params.load(ROOT / "params.yaml").download
    return own.model_copy(update={**QUICK, **changes})


def clips_of(clips: Sequence[Clip]) -> pd.DataFrame:
    """Return a table CLIPS of so many clips, all of one label and fold."""
    return pd.DataFrame(
        [(f"{m}_{round(a * 1000)}", m, m, a, b, ["/m/a"], "1") for m, a, b in clips],
        columns=CLIPS.names,
    )


def fetch_all(
    clips: Sequence[Clip], address: str, params: DownloadParams, store: Path, out: Path
) -> pd.DataFrame:
    """Download the clips from an address with ``{media_id}`` in it; return the table STATUS."""
    return download(
        clips_of(clips),
        lambda media_id: address.format(media_id=media_id),
        params,
        Store(store),
        out,
    )


def whole(folder: Path, clips: Sequence[Clip]) -> list[str]:
    """Return the ids of the clips in the shards, each one being, sample for sample, what the
    recording itself gives; of another one AssertionError tells."""
    times = clips_of(clips).set_index("clip_id")
    found = []
    for clip_id, samples, rate_hz in read_audio(folder):
        row = times.loc[clip_id]
        expected = decode(SOUNDS / f"{row.media_id}.ogg", rate_hz, row.start_s, row.end_s)
        assert len(samples) == span(rate_hz, row.start_s, row.end_s)[1], clip_id
        assert np.array_equal(samples[: len(expected)] * 32768, expected), clip_id
        assert not samples[len(expected) :].any(), clip_id
        found.append(clip_id)
    return found


def lag(whole: np.ndarray, section: np.ndarray) -> int:
    """Return by how many samples the section begins too early, where the two agree best."""
    middle = whole[4000:24000].astype(float)
    apart = [
        np.abs(middle - section[4000 + shift : 24000 + shift]).mean()
        for shift in range(-1500, 1501)
    ]
    return int(np.argmin(apart)) - 1500


def name_of(path: str) -> str:
    """Return the media id in the path of a request."""
    return path.removeprefix("/").removesuffix(".ogg")


class Killed:
    """A download in a process of its own, which can be killed and started again."""

    def __init__(
        self, folder: Path, clips: Sequence[Clip], address: str, **changes: object
    ) -> None:
        self.store = folder / "store"
        self.out = folder / "out"
        self.params = parameters(**{"workers": 8, **changes})
        self._recordings = [
            Recording(
                name,
                address.format(media_id=name),
                (Stretch(f"{name}_{round(start * 1000)}", start, end),),
            )
            for name, start, end in clips
        ]
        job = {
            "clips": list(clips),
            "address": address,
            "params": self.params.model_dump(),
            "store": str(self.store),
            "out": str(self.out),
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        self._command = [sys.executable, __file__, str(folder / "job.json")]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stderr=subprocess.DEVNULL)

    def kept(self) -> int:
        """Return the number of files in the store: clips, and verdicts on those that are gone."""
        return sum(len(path.name) == 64 for path in self.store.glob("??/??/*"))

    def kill_after(self, more: int) -> None:
        """Start it, and kill it when there are so many files more in the store."""
        goal = self.kept() + more
        process = self.start()
        while process.poll() is None and self.kept() < goal:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def complete(self) -> set[str]:
        """Return the recordings whose clip is in the store, or whose absence is known there."""
        return {one.media_id for one in self._recordings if self._survey(one).wanted is None}

    def _survey(self, recording: Recording) -> Survey:
        scratch = self.store / "recordings"
        return survey(recording, self.params, Store(self.store), scratch)


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    params = DownloadParams.model_validate_json(json.dumps(job["params"]))
    clips = [(str(name), float(start), float(end)) for name, start, end in job["clips"]]
    try:
        fetch_all(clips, job["address"], params, Path(job["store"]), Path(job["out"]))
    except SpikesoundError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
