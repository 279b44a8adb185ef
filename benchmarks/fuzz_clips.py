"""Damaged sound files through ``source: folder`` and the cut: right samples or a reason.

Run: ``python benchmarks/fuzz_clips.py 1000``. Each file is the start of a real recording in one of
FORMATS, damaged by one of sound_damage.py. It is listed by ``source: folder`` and then goes through
the download stage, as training data does. An outcome is

- ``refused``: rejected with a reason, when listed or when cut;
- ``right``: ok, as long as the clip of the undamaged file, and alike in each window of 50 ms;
- ``unknown``: ok and otherwise, and neither ffmpeg, run once more by itself, nor the container's
  own checks report anything (a flipped bit of plain PCM);
- ``wrong``: ok and otherwise, though one of them does;
- ``crashed``, ``hung``: an error, or no end after LIMIT_S for each file.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "benchmarks"), str(ROOT / "tests/support")]

import sound_damage
from fetch_all import SOUNDS, steady
from machine import machine

from spikesound.audio.ffmpeg import ffmpeg_binary
from spikesound.core.json_files import write_json
from spikesound.core.seeds import numpy_generator
from spikesound.data.audio_shards import read_audio
from spikesound.data.download import download
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES
from spikesound.data.store import Store
from spikesound.params import DownloadParams, FolderParams

FORMATS = (*sound_damage.FORMATS, "mkv", "aac", "w64", "caf", "wv")
OUTCOMES = ("refused", "right", "unknown", "wrong", "crashed", "hung")
RATE_HZ = 22050
LIMIT_S = 5.0
BATCH = 40
WINDOW = RATE_HZ // 20
ALIKE = 0.1
"""Largest difference in a window, as a share of the sound's level, that is still right."""

Damage = Callable[[bytes, np.random.Generator], bytes]


def one_byte(content: bytes, generator: np.random.Generator) -> bytes:
    """Change one byte, anywhere."""
    damaged = bytearray(content)
    damaged[int(generator.integers(len(content)))] ^= int(generator.integers(1, 256))
    return bytes(damaged)


DAMAGES: dict[str, Damage] = {
    **{
        name: sound_damage.DAMAGES[name]
        for name in ("cut", "flipped", "head", "hole", "zeros", "wave", "not_numbers", "whole")
    },
    "one_byte": one_byte,
}


@dataclass(frozen=True)
class Outcome:
    """The outcome of one file."""

    damage: str
    name: str
    outcome: str
    words: str
    path: str = ""


def fuzz(count: int, folder: Path, seed: int = 1, recordings: int = 4) -> list[Outcome]:
    """Return the outcomes of ``count`` files, which are made in the folder batch by batch."""
    originals = [SOUNDS / f"{name}.ogg" for name in steady(recordings)]
    good = {
        f"{path.stem}.{suffix}": sound_damage.encoded(Path(shutil.copy(path, folder)), suffix)
        for path in originals
        for suffix in FORMATS
    }
    outcomes: list[Outcome] = []
    for first in range(0, count, BATCH):
        batch = folder / f"batch-{first}"
        made = _made(range(first, min(first + BATCH, count)), good, batch / "own/sound", seed)
        outcomes += _processed(made, good, batch)
        wrong = {o.path for o in outcomes if o.outcome in ("wrong", "unknown", "crashed", "hung")}
        for path in (batch / "own/sound").iterdir():
            if str(path) not in wrong:
                path.unlink()
    return outcomes


def _made(
    numbers: range, good: dict[str, bytes], folder: Path, seed: int
) -> dict[Path, tuple[str, str]]:
    """Write files; return the damage and the undamaged file's name of each."""
    folder.mkdir(parents=True)
    names, damages = sorted(good), list(DAMAGES)
    made = {}
    for number in numbers:
        generator = numpy_generator(seed, "fuzz", number)
        name, damage = str(generator.choice(names)), damages[number % len(damages)]
        path = folder / f"{number}.{name.split('.')[-1]}"
        path.write_bytes(DAMAGES[damage](good[name], generator))
        made[path] = damage, name
    return made


def _processed(
    made: dict[Path, tuple[str, str]], good: dict[str, bytes], folder: Path
) -> list[Outcome]:
    def late(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S * len(made))
    try:
        reasons, sounds = _listed_and_cut(folder)
    except TimeoutError:
        return [Outcome(*what, "hung", "", str(path)) for path, what in made.items()]
    except BaseException as error:  # what must not come
        return [Outcome(*what, "crashed", repr(error), str(path)) for path, what in made.items()]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    outcomes = []
    for path, (damage, name) in made.items():
        outcome, words = "refused", reasons.get(path.name, "")
        if path.name in sounds:
            foreign = damage in ("wave", "not_numbers")  # of no undamaged file
            words = difference(sounds[path.name], None if foreign else good[name], path)
            complaint = checks_say(path)
            outcome = ("wrong" if complaint else "unknown") if words else "right"
            words = f"{words}; {complaint}" if words else ""
        elif not words:
            outcome, words = "crashed", "neither a clip nor a reason"
        outcomes.append(Outcome(damage, name, outcome, words, str(path)))
    return outcomes


def _listed_and_cut(folder: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Return by a file's name why it is refused, and the samples of its clip."""
    where = str(folder / "own")
    own = FolderParams(folder=where, table=None, folds=2, events=None, cut_s=None)
    source = SOURCES["folder"](own, Ontology({}, {}), folder / "cache")
    listing = source.listing()
    clips, rejected = listing.clips.to_pandas(), listing.rejected.to_pandas()
    reasons = dict(zip(rejected["row"], rejected["reason"], strict=True))
    params = DownloadParams(
        **{**_download_defaults(), "rate_hz": RATE_HZ, "max_failures": 1.0, "silence_db": -200.0}
    )
    status = download(clips, source.locate, params, Store(folder / "store"), folder / "audio")
    names = {
        clip_id: Path(source.locate(media_id)).name
        for clip_id, media_id in zip(clips["clip_id"], clips["media_id"], strict=True)
    }
    lost = status[status["state"] != "ok"]
    for clip_id, state, reason in zip(lost["clip_id"], lost["state"], lost["reason"], strict=True):
        reasons[names[clip_id]] = f"{state}: {reason}"
    sounds = {names[clip_id]: samples for clip_id, samples, _ in read_audio(folder / "audio")}
    return reasons, sounds


def difference(samples: np.ndarray, undamaged: bytes | None, path: Path) -> str:
    """Return how a clip differs from the undamaged file; empty if it is right."""
    if undamaged is None:
        clean = _by_another_decoder(path)
    else:
        with tempfile.NamedTemporaryFile(suffix=path.suffix) as file:
            file.write(undamaged)
            file.flush()
            clean = _by_ffmpeg(Path(file.name))
    if abs(len(samples) - len(clean)) > RATE_HZ // 20:
        return f"{len(samples) / RATE_HZ:.3f} s, not {len(clean) / RATE_HZ:.3f} s"
    # By one sample more or less silence may stand before sound that begins late.
    worst = min((_apart(samples, np.roll(clean, by)) for by in (0, -1, 1)), key=lambda one: one[0])
    return "" if worst[0] <= ALIKE else f"{worst[0]:.2f} of its level apart at {worst[1]:.2f} s"


def _apart(samples: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    """Return the largest difference in a window, as a share of the level, and where that is."""
    size = min(len(samples), len(clean)) // WINDOW * WINDOW
    if not size:
        return 0.0, 0.0
    level = max(float(np.sqrt(np.mean(clean**2))), 1e-4)
    windows = (samples[:size] - clean[:size]).reshape(-1, WINDOW)
    worst = np.sqrt(np.mean(windows**2, axis=1)) / level
    return float(worst.max()), int(worst.argmax()) * WINDOW / RATE_HZ


def checks_say(path: Path) -> str:
    """Return what ffmpeg, run by itself with all its checks, or the container reports."""
    command = [ffmpeg_binary(), "-nostdin", "-v", "level+warning", "-err_detect", "crccheck"]
    command += ["-i", f"file:{path}", "-map", "0:a:0", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    complaint = done.stderr.decode("utf-8", "replace").strip()
    harmless = "Guessed Channel Layout|Estimating duration|maximum wav data size|misdetection"
    complaint = "\n".join(line for line in complaint.splitlines() if not re.search(harmless, line))
    return complaint.split("\n")[0] or (f"ended with {done.returncode}" if done.returncode else "")


def _by_ffmpeg(path: Path) -> np.ndarray:
    command = [ffmpeg_binary(), "-i", f"file:{path}", "-map", "0:a:0", "-af", "ashowinfo"]
    command += ["-ac", "1", "-ar", str(RATE_HZ), "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    begins = re.search(rb"pts_time:([\d.]+)", done.stderr)
    silence = round(float(begins[1]) * RATE_HZ) if begins else 0
    return np.pad(np.frombuffer(done.stdout, "<f4"), (silence, 0))


def _by_another_decoder(path: Path) -> np.ndarray:
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return np.zeros(0, np.float32)
    mono = samples.mean(axis=1)
    return mono if rate_hz == RATE_HZ else np.zeros(len(mono) * RATE_HZ // rate_hz, np.float32)


def _download_defaults() -> dict[str, Any]:
    import yaml

    return dict(yaml.safe_load((ROOT / "params.yaml").read_text())["download"])


def main(count: int) -> None:
    """Print how many files of each damage were refused, right, and so on."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = fuzz(count, Path(folder))
    table = pd.crosstab(
        pd.Series([o.damage for o in outcomes], name="damage"),
        pd.Series([o.outcome for o in outcomes], name="outcome"),
    )
    print(table.reindex(columns=OUTCOMES, fill_value=0).to_string())
    bad = [o for o in outcomes if o.outcome not in ("refused", "right")]
    bad += [o for o in outcomes if (o.damage, o.outcome) == ("whole", "refused")]
    for o in bad:
        print(o.outcome, o.damage, o.name, o.words)
    counts = Counter(o.outcome for o in outcomes)
    result = {
        "bench": "fuzz_clips",
        "files": len(outcomes),
        **{outcome: counts[outcome] for outcome in OUTCOMES},
        "whole_refused": sum((o.damage, o.outcome) == ("whole", "refused") for o in outcomes),
        "seconds": round(time.monotonic() - began, 1),
        "machine": machine(),
    }
    write_json(Path(__file__).parent / "results/fuzz_clips.json", result)
    if any(o.outcome != "unknown" for o in bad):
        sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
