"""A folder of thousands of recordings, killed twice: one table, nothing missing, nothing twice.

    python benchmarks/folders.py --model FILE [--files 2000] [--jobs N] [--out FILE]

Crops of ESC-10's recordings, one a file, named as two recorders would name them, and three damaged
files go through ``spikesound detect --out TABLE``. It is killed by SIGKILL when a third of the
files are done, and again at two thirds; then it runs to its end. The tables are counted, the record
of outputs is searched for sounds that were computed twice, and the speed of each run is given, with
the time that it needs to start.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import soundfile
from machine import machine, versions

from spikesound.core.errors import SpikesoundError, run
from spikesound.core.processes import cores
from spikesound.core.seeds import numpy_generator
from spikesound.models.file import load_spec

ROOT = Path(__file__).resolve().parents[1]
DAMAGED = {"empty.wav": b"", "text.wav": b"no sound", "cut.flac": b"fLaC\0\0\0\x22"}
START = datetime(2024, 1, 31, tzinfo=UTC)
TICK_S = 0.01


def make_sounds(folder: Path, files: int, seconds: float) -> None:
    """Write crops of recordings, each another, and the damaged files."""
    recordings = sorted((ROOT / "data/esc10/audio").iterdir())
    of_each = -(-files // len(recordings))
    written = 0
    for recording in recordings:
        samples, rate_hz = soundfile.read(recording)
        length = round(seconds * rate_hz)
        last = len(samples) - length
        for number in range(min(of_each, files - written)):
            first = last * number // max(1, of_each - 1)
            at = START + timedelta(seconds=10 * (written // 2))
            path = folder / f"site {written % 2}/REC{written % 2}_{at:%Y%m%d_%H%M%S}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            # A little noise: where recordings are silent, their crops would be one content.
            noise = numpy_generator(1, "folders", written).normal(0, 1e-4, length)
            soundfile.write(path, samples[first : first + length] + noise, rate_hz)
            written += 1
    for name, content in DAMAGED.items():
        (folder / name).write_bytes(content)


def outputs(record: Path) -> int:
    """Return how many outputs the record of an unfinished batch has."""
    return record.read_bytes().count(b'{"sound"') if record.exists() else 0


def detect(command: list[str], record: Path, kill_at: int | None) -> dict[str, Any]:
    """Run the command, and kill it when there are so many outputs; return what it did and took."""
    before, began = outputs(record), time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    first_s = None
    while process.poll() is None and (kill_at is None or outputs(record) < kill_at):
        if first_s is None and outputs(record) > before:
            first_s = time.monotonic() - began
        time.sleep(TICK_S)
    if kill_at is not None:
        process.send_signal(signal.SIGKILL)
    _, printed = process.communicate()
    took_s, done = time.monotonic() - began, outputs(record) - before
    if kill_at is not None and process.returncode != -signal.SIGKILL:
        raise SpikesoundError(f"it ended before it could be killed: {printed[-500:]}")
    working_s = max(took_s - (first_s or 0), 1e-9)
    return {
        "exit": process.returncode,
        "outputs": done,
        "seconds": round(took_s, 1),
        "first_output_s": None if first_s is None else round(first_s, 1),
        "files_per_s": round(done / working_s, 1),
    }


def counts(table: Path, record: Path, files: int) -> dict[str, Any]:
    """Return what is in the tables, missing, or there twice."""
    events, of_files = pd.read_csv(table), pd.read_csv(table.with_name("t.files.csv"))
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    computed = Counter(line["sound"] for line in lines if "sound" in line)
    rows = events.groupby("filename").size().reindex(of_files["filename"], fill_value=0)
    failed = of_files[of_files["state"] == "failed"]
    return {
        "files": len(of_files),
        "missing": files + len(DAMAGED) - of_files["filename"].nunique(),
        "twice": int(of_files["filename"].duplicated().sum()),
        "computed_twice": sum(count - 1 for count in computed.values()),
        "failed": dict(
            zip(failed["filename"].map(lambda n: Path(n).name), failed["reason"], strict=True)
        ),
        "events": len(events),
        "events_twice": int(events.duplicated().sum()),
        "rows_as_counted": bool((rows.to_numpy() == of_files["rows"].to_numpy()).all()),
        "with_clock_time": int(of_files["start_time"].notna().sum()),
    }


def main() -> None:
    """Make the sounds, run, kill, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", type=Path, required=True, help="file of a detector")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each")
    parser.add_argument("--jobs", type=int, default=cores())
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, table = Path(place) / "sounds", Path(place) / "t.csv"
        make_sounds(folder, options.files, options.seconds)
        record = table.with_name(".t.csv.unfinished.jsonl")
        command = [str(Path(sys.executable).with_name("spikesound")), "detect", str(folder)]
        command += ["--out", str(table), "--model", str(options.model.resolve())]
        command += ["--jobs", str(options.jobs), "--timezone", "Europe/Berlin"]
        kills = (options.files // 3, 2 * options.files // 3, None)
        runs = [detect(command, record, kill_at) for kill_at in kills]
        result = {
            "bench": "folders",
            "model": load_spec(options.model).model,
            "jobs": options.jobs,
            "seconds_of_each": options.seconds,
            "runs": runs,
            **counts(table, record, options.files),
            "machine": machine(),
            "versions": versions("torch", "numba", "pandas"),
        }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
