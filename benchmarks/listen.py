"""A detector on a long stream: growth of memory, real-time factor, equality with `detect`.

    python benchmarks/listen.py --model FILE [--seconds 3600] [--rate 44100] [--out FILE]

ESC-10's recordings, in an order of their own each time round, with quiet noise between them, go
through what ``spikesound listen`` runs, in blocks of 50 ms, as fast as they are computed, on one
core. The resident memory is read at the start (after half a minute of sound: all is loaded by
then), in the middle and at the end. Then the whole sound goes through ``detect`` at once, and the
events are compared. A line of progress goes to stderr each minute of sound, the result to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from machine import machine, versions

from spikesound.apps import api
from spikesound.apps.live.listen import State, listen
from spikesound.apps.live.traced import TracedStream
from spikesound.audio.reading import blocks
from spikesound.core.errors import run
from spikesound.core.seeds import numpy_generator
from spikesound.models import loading
from spikesound.tasks.detection.decision import Event

ROOT = Path(__file__).resolve().parents[1]
RECORDINGS = 40
WARM_S = 30.0
Floats = npt.NDArray[np.float32]


class Recordings:
    """Real sound without end, the same each time for the same seed: a source."""

    def __init__(self, rate_hz: int, seconds: float, seed: int) -> None:
        self.rate_hz, self.seconds, self.seed = rate_hz, seconds, seed
        self.dropped = 0
        self.warnings: list[str] = []
        paths = sorted((ROOT / "data/esc10/audio").iterdir())[::10][:RECORDINGS]
        self._sounds = [np.concatenate(list(blocks(path, rate_hz))) for path in paths]

    def blocks(self) -> Iterator[Floats]:
        """Yield blocks of 50 ms."""
        size, left = self.rate_hz // 20, round(self.seconds * self.rate_hz)
        generator = numpy_generator(self.seed, "listen")
        waiting = np.zeros(0, np.float32)
        while left > 0:
            pause = generator.normal(0, 1e-4, generator.integers(1, 3 * self.rate_hz))
            sound = self._sounds[generator.integers(len(self._sounds))]
            both = np.concatenate([waiting, pause.astype(np.float32), sound])
            waiting = np.clip(both, -1, 1)  # as every source of samples gives them
            while len(waiting) >= size and left > 0:
                piece, waiting = waiting[: min(size, left)], waiting[size:]
                left -= len(piece)
                yield piece


class Watch:
    """Gathers the events, and reads the memory on the way."""

    def __init__(self, seconds: float) -> None:
        self.events: list[Event] = []
        self.rss_mb: list[float] = []
        self._seconds, self._next_s = seconds, 60.0
        self._at_s = [min(WARM_S, seconds / 4), seconds / 2]

    def show(self, state: State, ended: list[Event]) -> None:
        """Take what one block gave."""
        self.events += ended
        if len(self.rss_mb) < 2 and state.sound_s >= self._at_s[len(self.rss_mb)]:
            self.rss_mb.append(rss_mb())
        if state.sound_s >= self._next_s:
            factor = state.real_time_factor
            line = f"{self._next_s:.0f} of {self._seconds:.0f} s; {rss_mb():.1f} MB; {factor:.3f}"
            print(line, file=sys.stderr, flush=True)
            self._next_s += 60


def rss_mb() -> float:
    """Return the resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmRSS: this needs Linux")


def offline(model: api.Model, source: Recordings) -> list[Event]:
    """Return the events that ``detect`` gives for the whole sound."""
    whole = np.concatenate(list(source.blocks()))
    return model.detect(whole, source.rate_hz)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", type=Path, required=True, help="file of a detector")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rate", type=int, default=44_100, help="of the sound, in Hz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    loaded = loading.load(options.model)
    if not loaded.detects:
        parser.error(f"{options.model}: expected a detector, got a classifier")
    source = Recordings(options.rate, options.seconds, options.seed)
    watch = Watch(options.seconds)
    state = listen(source, TracedStream(loaded, options.rate), watch.show)
    watch.rss_mb.append(rss_mb())
    whole = offline(api.Model(loaded), source)
    result = {
        "bench": "listen",
        "model": loaded.name,
        "seconds": options.seconds,
        "real_time_factor": round(state.real_time_factor, 4),
        "spike_rate": round(state.mean_rate, 5),
        "events": len(watch.events),
        "events_equal_offline": sorted(watch.events) == sorted(whole),
        "rss_mb": dict(zip(("start", "middle", "end"), watch.rss_mb, strict=True)),
        "machine": machine(),
        "versions": versions("torch", "soxr"),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
