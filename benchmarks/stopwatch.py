"""What a newcomer waits for, from nothing: installation, first events, own model, new sound.

    python benchmarks/stopwatch.py --detector FILE [--python NAME] [--wheel FILE] [--keep FOLDER]

A wheel is built and installed into a new environment in an empty folder, light at first. There, as
a person types them: `spikesound --help`; `spikesound detect` on a recording of five minutes, twice,
since the first run compiles; `spikesound learn` of a new sound by six recordings (of talkers)
against twenty others; then the extra `pipeline`, and `spikesound train` on 60 recordings of ten
classes, with all its defaults, to the report. Recordings are the repository's; FILE is a detector
of the pipeline. Prints seconds, and writes benchmarks/results/stopwatch.json. Quiet and alone, or
the times mean nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from machine import machine

from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import write_json

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/stopwatch.json"
MINUTES = 5
CLIPS_OF_CLASS = 6
OTHERS = 20
RATE_HZ = 22050
TICK_S = 0.1


class Newcomer:
    """A new environment in an empty folder, and the seconds that commands take in it."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder, self.bin = folder, folder / "environment/bin"
        self.seconds: dict[str, float] = {}
        own = {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}
        self.environment = {
            key: value
            for key, value in (os.environ | own).items()
            if not key.startswith("SPIKESOUND") and key not in ("PYTHONPATH", "NUMBA_CACHE_DIR")
        }
        self.timed("environment", [python, "-m", "venv", str(folder / "environment")])

    def timed(self, what: str, command: Sequence[str], made: Path | None = None) -> str:
        """Run a command, note its seconds, and return what it printed.

        Parameters
        ----------
        made : a file; the seconds until it is there are noted, too

        Raises
        ------
        SpikesoundError
            If the command fails.
        """
        began, there = time.monotonic(), threading.Event()

        def watch() -> None:
            while not there.wait(TICK_S):
                if made is not None and next(self.folder.glob(str(made)), None):
                    self.seconds[f"{what}, first model"] = round(time.monotonic() - began, 1)
                    return

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            there.set()
            watching.join()
        if done.returncode:
            raise SpikesoundError(f"{' '.join(command)}: {(done.stdout + done.stderr)[-3000:]}")
        self.seconds[what] = round(time.monotonic() - began, 2)
        print(f"{what}: {self.seconds[what]} s", flush=True)
        return done.stdout

    def install(self, what: str, *packages: str) -> None:
        """Install packages."""
        self.timed(what, [str(self.bin / "python"), "-m", "pip", "install", "--quiet", *packages])

    def megabytes(self) -> int:
        """Return the size of what is installed."""
        place = next((self.folder / "environment/lib").glob("python*/site-packages"))
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        return round(size / 1e6)


def recordings() -> pd.DataFrame:
    """Return ESC-10's recordings: file, label, fold."""
    rows = pd.read_csv(ROOT / "data/esc10/credits.csv")
    folds = pd.read_csv(ROOT / "data/esc10/folds.csv", dtype=str).set_index("media_id")["fold"]
    files = [ROOT / f"data/esc10/audio/{name}.ogg" for name in rows["media_id"]]
    return rows.assign(file=files, label=rows["esc10_category"], fold=folds[rows["media_id"]].array)


def make_sounds(folder: Path) -> None:
    """Write the recording of five minutes, the clips to train on, and those to teach by."""
    rows = recordings()
    held_out = rows.loc[rows["fold"] == "5", "file"].tolist()
    parts = [soundfile.read(file)[0] for file in held_out]
    rate_hz = soundfile.info(held_out[0]).samplerate
    length = MINUTES * 60 * rate_hz
    soundfile.write(folder / "five minutes.flac", np.concatenate(parts)[:length], rate_hz)
    for _, clip in rows.groupby("label").head(CLIPS_OF_CLASS).iterrows():
        place = folder / "sounds" / clip["label"]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip["file"], place)
    talkers = sorted((ROOT / "data/noise/babble").glob("*.flac"))
    others = rows.loc[rows["label"].isin(["Rain", "Sea waves"]), "file"].head(OTHERS)
    for name, files in (("new sound", talkers), ("others", others)):
        (folder / name).mkdir()
        for file in files:
            shutil.copy(file, folder / name)


def built(folder: Path) -> Path:
    """Build the wheel."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", str(ROOT)]
    subprocess.run([*command, "--wheel-dir", str(folder)], check=True)
    return next(folder.glob("spikesound-*.whl"))


def measured(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Do all of it in a folder."""
    make_sounds(folder)
    wheel = arguments.wheel or built(folder)
    shutil.copy(arguments.detector, folder / "detector.safetensors")
    new = Newcomer(folder, arguments.python)
    new.install("install", str(wheel))
    light = new.megabytes()
    command = str(new.bin / "spikesound")
    detector = ["--model", "detector.safetensors"]
    new.timed("help, first", [command, "--help"])
    new.timed("help", [command, "--help"])
    detect = [command, "detect", "five minutes.flac", *detector, "--format", "csv"]
    events = new.timed("detect, first", detect)
    new.timed("detect", detect)
    learnt = new.timed(
        "learn", [command, "learn", "Speech", "new sound", "--not", "others", *detector]
    )
    new.install("install pipeline", f"{wheel}[pipeline]")
    model = Path("sounds-classification/data/models/classification/snn-*/fold-*/model.safetensors")
    trained = new.timed("train", [command, "train", "sounds"], model)
    facts = [
        str(new.bin / "python"),
        "-c",
        "import torch, sys; print(sys.version.split()[0], torch.__version__)",
    ]
    python, torch = subprocess.run(facts, capture_output=True, text=True, check=True).stdout.split()
    return {
        "bench": "stopwatch",
        "seconds": new.seconds,
        "megabytes": {"light": light, "with pipeline": new.megabytes()},
        "events": events.count("\n") - 1,
        "learnt": learnt.strip(),
        "trained": trained.strip().splitlines(),
        "machine": machine(),
        "versions": {"python": python, "torch": torch},
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--detector", type=Path, required=True, help="file of a detector")
    parser.add_argument("--python", default=sys.executable, help="of the new environment")
    parser.add_argument("--wheel", type=Path, help="instead of building one")
    parser.add_argument("--keep", type=Path, help="work in this new folder, and keep it")
    arguments = parser.parse_args()
    for name in ("detector", "wheel"):
        given = getattr(arguments, name)
        if given is not None and not given.is_file():
            raise SpikesoundError(f"--{name}: {given}: no such file")
        setattr(arguments, name, given and given.resolve())
    if arguments.keep:
        arguments.keep.mkdir(parents=True)
        result = measured(arguments.keep.resolve(), arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            result = measured(Path(folder), arguments)
    write_json(OUT, result)
    print(OUT)


if __name__ == "__main__":
    run(main)
