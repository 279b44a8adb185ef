"""The downloader on a slow and faulty mirror: sixteen workers, one, and a plain loop; and kills.

    python benchmarks/download.py [--clips 400] [--loop-clips 100] [--kills 10] [--out FILE]

The mirror is tests/mirror.py, a process of its own on this machine, with the recordings of ESC-10:
200 kB/s a connection, 0.3 s before each answer; by plan, 10 % of the recordings are answered 429 at
first, 5 % of the first transfers are reset and 2 % end early, 1 % come a byte at a time, and 5 %
of the recordings are gone. The plain loop asks for one recording after another, the whole file by
yt-dlp, which tries again by itself, and then has ffmpeg cut it.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yt_dlp
from machine import machine, versions

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))

from fetch_all import SOUNDS, Clip, Killed, fetch_all, name_of, parameters, whole
from mirror import Plan

from spikesound.audio.ffmpeg import ffmpeg_binary
from spikesound.core.schema import STATUS, read_table
from spikesound.data.lists.audioset import read_segments

SEED = 1


@dataclass(frozen=True)
class Served:
    """A mirror that runs: its address, and the file that its requests are written to."""

    address: str
    log: Path

    def requests(self) -> list[tuple[float, str]]:
        """Return the time and the recording of each request so far."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        entries = [json.loads(line) for line in lines]
        return [(entry["t_s"], name_of(entry["path"])) for entry in entries]


@contextmanager
def served_from(folder: Path) -> Iterator[Served]:
    """Serve the recordings, faults and all, from a process of its own."""
    folder.mkdir()
    port, log = folder / "port", folder / "requests.jsonl"
    process = subprocess.Popen(
        [
            *(sys.executable, ROOT / "tests/support/mirror.py", "--folder", SOUNDS),
            *("--port-file", port, "--log", log, "--seed", str(SEED)),
        ]
    )
    try:
        while not port.exists():
            time.sleep(0.05)
        yield Served(f"http://127.0.0.1:{port.read_text()}/{{media_id}}.ogg", log)
    finally:
        process.kill()
        process.wait()


def states_of(status: pd.DataFrame, clips: list[Clip], plan: Plan) -> tuple[Counter[str], int]:
    """Count the states, and the clips whose state is not the one that the plan foresees."""
    expected = [plan.expected(f"{name}.ogg") for name, _, _ in clips]
    wrong = sum(found != due for found, due in zip(status["state"], expected, strict=True))
    return Counter(status["state"]), wrong


def ours(clips: list[Clip], workers: int, folder: Path, plan: Plan) -> float:
    """Download with so many workers; return clips a second."""
    with served_from(folder) as served:
        began = time.perf_counter()
        status = fetch_all(
            clips, served.address, parameters(workers=workers), folder / "store", folder / "out"
        )
        rate = len(clips) / (time.perf_counter() - began)
    states, wrong = states_of(status, clips, plan)
    right = whole(folder / "out", clips)
    print(
        f"{workers:2d} workers: {rate:.2f} clips/s; {dict(states)}; {wrong} in a wrong state; "
        f"{len(right)} clips compared with their recordings, sample by sample, all equal",
        flush=True,
    )
    return rate


def plain_loop(clips: list[Clip], folder: Path, plan: Plan) -> float:
    """Fetch one recording after another whole by yt-dlp, cut it by ffmpeg; clips a second."""
    options = {
        "quiet": True,
        "noprogress": True,
        "no_warnings": True,
        "ignoreerrors": True,
        "format": "bestaudio/best",
        "socket_timeout": 5,
        "outtmpl": str(folder / "%(id)s.%(ext)s"),
    }
    got = 0
    with served_from(folder) as served:
        began = time.perf_counter()
        for name, start_s, end_s in clips:
            with yt_dlp.YoutubeDL(options) as ydl:
                ydl.download([served.address.format(media_id=name)])
            there = folder / f"{name}.ogg"
            if there.exists():
                span = ["-ss", str(start_s), "-t", str(end_s - start_s)]
                cut = [ffmpeg_binary(), "-v", "error", "-y", "-i", there, *span]
                done = subprocess.run([*cut, folder / f"{name}.wav"], check=False)
                got += done.returncode == 0
        rate = len(clips) / (time.perf_counter() - began)
    there = sum(plan.expected(f"{name}.ogg") == "ok" for name, _, _ in clips)
    print(f"plain loop: {rate:.2f} clips/s; {got} came of {there} that were to be had", flush=True)
    return rate


def killed(clips: list[Clip], kills: int, folder: Path, plan: Plan) -> dict[str, int]:
    """Kill the download so many times, let it end, and count what was lost or repeated."""
    rng = random.Random(SEED)
    with served_from(folder) as served:
        run = Killed(folder, clips, served.address, workers=16)
        seen: list[tuple[float, set[str]]] = []
        for _ in range(kills):
            run.kill_after(rng.randint(1, max(1, len(clips) // (kills + 2))))
            seen.append((time.time(), run.complete()))
        assert run.start().wait() == 0, "the last run did not end well"
        requests = served.requests()
    status = read_table(run.out / "status.parquet", STATUS)
    states, wrong = states_of(status, clips, plan)
    again = set()
    for when, there in seen:
        again |= {name for at, name in requests if at > when and name in there}
    right = whole(run.out, clips)
    print(
        f"killed {kills} times, with {[len(there) for _, there in seen]} clips decided by then: "
        f"{dict(states)}; {wrong} in a wrong state; {len(again)} asked for again that were there; "
        f"{len(right)} clips equal to their recordings, sample by sample",
        flush=True,
    )
    return {"kills": kills, "wrong_state": wrong, "asked_again": len(again), "equal": len(right)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--loop-clips", type=int, default=100, help="of the plain loop")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument(
        "--only", choices=["rates", "kills"], help="the other rows stay as they are"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/download.json")
    given = parser.parse_args()
    segments, _ = read_segments(ROOT / "data/esc10/segments.csv")
    rows = segments.select(["media_id", "start_s", "end_s"]).to_pylist()
    clips: list[Clip] = [tuple(row.values()) for row in rows][: given.clips]
    plan = Plan([path.name for path in sorted(SOUNDS.iterdir())], SEED)
    about = {"bench": "download", "workload": f"throttled mirror, {len(clips)} clips"}
    about |= {"machine": machine(), "versions": versions("yt-dlp", "pandas", "numpy")}
    rows = []
    with tempfile.TemporaryDirectory() as name:
        if given.only != "kills":
            rows += rates(clips, given.loop_clips, Path(name), plan)
        if given.only != "rates":
            counts = killed(clips, given.kills, Path(name) / "killed", plan)
            rows.append({"library": "spikesound", **counts})
    told = {row["library"] for row in rows}
    before = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else []
    kept = [row for row in before if row["library"] not in told]
    result = [*kept, *({**about, **row} for row in rows)]
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"figures: {given.out}")


def rates(clips: list[Clip], loop_clips: int, folder: Path, plan: Plan) -> list[dict[str, object]]:
    """Measure clips a second of sixteen workers, of one, and of the plain loop."""
    many = ours(clips, 16, folder / "many", plan)
    one = ours(clips, 1, folder / "one", plan)
    loop = plain_loop(clips[:: max(1, len(clips) // loop_clips)], folder / "loop", plan)
    print(f"16 workers are {many / one:.1f} times one, and {many / loop:.1f} times the plain loop")
    found = {
        "spikesound, 16 workers": many,
        "spikesound, 1 worker": one,
        "plain loop of yt-dlp and ffmpeg": loop,
    }
    return [{"library": name, "clips_per_s": round(rate, 3)} for name, rate in found.items()]


if __name__ == "__main__":
    main()
