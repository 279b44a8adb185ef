"""Damaged and hostile model files: each is refused in one line, or is the original.

    python benchmarks/fuzz_models.py [N [MODEL...]]

Makes N (1,000) files from the models' (those of a run, by default), in the ways of
benchmarks/hostile.py in turn, and loads each. A table and benchmarks/results/fuzz_models.json.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hostile import BOMB_RAN, SIGNED, WAYS
from machine import machine, versions

from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.models.file import load_spec
from spikesound.models.loading import load

OUT = Path(__file__).resolve().parent / "results/fuzz_models.json"
OUTCOMES = ("refused", "same", "another")


@dataclass(frozen=True)
class Outcome:
    """``refused``, ``same`` (the bytes were the original's), ``another`` (signed, and sound)."""

    way: str
    kind: str
    seconds: float
    said: str


def main(count: str = "1000", *models: str) -> None:
    paths = [Path(model) for model in models] or sorted(
        Path("data/models").glob("*/*/fold-*/model.safetensors")
    )
    if not paths:
        raise SpikesoundError("no models: name some, or train some (dvc repro)")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = fuzz([path.read_bytes() for path in paths], int(count))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    table = Counter((outcome.way, outcome.kind) for outcome in outcomes)
    for way in WAYS:
        figures = ", ".join(f"{table[way.__name__, kind]} {kind}" for kind in OUTCOMES)
        print(f"{way.__name__:20} {figures}")
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    print(f"slowest {slowest.seconds:.3f} s ({slowest.way}); memory grew by {grown:.0f} MB")
    totals = {kind: sum(n for (_, k), n in table.items() if k == kind) for kind in OUTCOMES}
    figures = {
        "bench": "fuzz_models",
        "files": len(outcomes),
        **totals,
        "slowest_s": round(slowest.seconds, 3),
        "peak_growth_mb": round(grown),
        "models": [load_spec(path).model for path in paths],
        "machine": machine(),
        "versions": versions("torch", "safetensors", "pydantic"),
    }
    write_json(OUT, figures)
    print(f"{totals}: {OUT}")


def fuzz(originals: list[bytes], count: int, seed: int = 0) -> list[Outcome]:
    """Load ``count`` files, and return the outcome of each.

    Raises
    ------
    AssertionError
        If one is loaded that should not be, or a message is not one line with the file's name.
    """
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        path, home = Path(folder) / "model.safetensors", Path.cwd()
        os.chdir(folder)
        try:
            for number in track(range(count), total=count, what="fuzz", unit="file"):
                outcomes.append(_one(path, originals[number % len(originals)], number, seed))
                assert not Path(BOMB_RAN).exists(), f"file {number}: a pickle was opened"
        finally:
            os.chdir(home)
    return outcomes


def _one(path: Path, original: bytes, number: int, seed: int) -> Outcome:
    way = WAYS[number % len(WAYS)]
    content = way(original, random.Random(f"{seed}, {number}"))
    path.write_bytes(content)
    started = time.perf_counter()
    said = ""
    try:
        load(path)
        same = content == original
        assert same or way in SIGNED, f"file {number} ({way.__name__}) was loaded"
        kind = "same" if same else "another"
    except SpikesoundError as error:
        kind, said = "refused", str(error)
        assert said.startswith(str(path)), f"file {number}: {said}"
        assert said.isprintable(), f"file {number}: {said!r}"
        assert len(said) < 1000, f"file {number}: {len(said)} letters"
    return Outcome(way.__name__, kind, time.perf_counter() - started, said)


if __name__ == "__main__":
    run(main, *sys.argv[1:])
