"""Damaged sound files through decoding and detection: labels or one error line, nothing else.

Run: ``python benchmarks/fuzz_sound.py 1000``. A file is labelled or refused. It is a failure if
anything but a SpikesoundError comes out (``crashed``), if it takes longer than LIMIT_S (``hung``),
or if it is labelled though ffmpeg, run on it once more by other options, reports an error
(``silent``). Damage that no decoder can know of (a flipped bit of plain PCM) is labelled.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "benchmarks"), str(ROOT / "tests/support")]

import trained_models
from machine import machine
from sound_damage import DAMAGES, FORMATS, sounds

from spikesound.apps.api import Model, load
from spikesound.audio.ffmpeg import ffmpeg_binary
from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.core.seeds import numpy_generator

LIMIT_S = 20.0
OUTCOMES = ("labelled", "refused", "silent", "crashed", "hung")


@dataclass(frozen=True)
class Outcome:
    """The outcome of one file."""

    damage: str
    name: str
    outcome: str
    words: str
    seconds: float


def fuzz(count: int, folder: Path, seed: int = 1, recordings: int = 4) -> list[Outcome]:
    """Make ``count`` files in the folder, one after another, and run a detector on each."""
    originals = sorted((ROOT / "data/esc10/audio").glob("*.ogg"))[:: 400 // recordings]
    good = sounds([Path(shutil.copy(path, folder)) for path in originals])
    model = load(trained_models.detector(folder / "model" / "model.safetensors"))
    names, damages = sorted(good), list(DAMAGES)
    outcomes = []
    for number in range(count):
        generator = numpy_generator(seed, "fuzz", number)
        name, damage = str(generator.choice(names)), damages[number % len(damages)]
        content = DAMAGES[damage](good[name], generator)
        suffix = generator.choice(FORMATS) if generator.random() < 0.2 else name.split(".")[-1]
        path = folder / f"{number}.{suffix}"
        path.write_bytes(content)
        outcomes.append(processed(model, path, damage, name))
        path.unlink()
    return outcomes


def processed(model: Model, path: Path, damage: str, name: str) -> Outcome:
    """Return the outcome of a model on one file."""

    def late(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    began = time.monotonic()
    try:
        result = model.process(path)
        assert np.isfinite(list(result.probabilities.values())).all()
        outcome, words = "labelled", f"{result.seconds:.3f} s"
    except SpikesoundError as error:
        words = str(error)
        outcome = "refused" if "\n" not in words and str(path) in words else "crashed"
    except TimeoutError:
        outcome, words = "hung", ""
    except BaseException as error:  # what must not come
        outcome, words = "crashed", repr(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    seconds = time.monotonic() - began
    if outcome == "labelled" and (complaint := decoder_says(path)):
        outcome, words = "silent", complaint
    return Outcome(damage, name, outcome, words, seconds)


def decoder_says(path: Path) -> str:
    """Return what ffmpeg reports when it decodes the file by itself; empty: nothing."""
    command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-err_detect", "crccheck"]
    command += ["-i", f"file:{path}", "-map", "0:a:0", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=LIMIT_S)
    told = done.stderr.decode("utf-8", "replace").strip()
    return told or (f"ended with {done.returncode}" if done.returncode else "")


def main(count: int) -> None:
    """Print how many files of each damage were labelled, refused, and so on."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = fuzz(count, Path(folder))
    for damage in [*DAMAGES, "all"]:
        of = [o for o in outcomes if damage in (o.damage, "all")]
        told = Counter(o.outcome for o in of)
        print(f"{damage:12} {len(of):5} " + ", ".join(f"{told[o]} {o}" for o in OUTCOMES))
    print(f"longest: {max(o.seconds for o in outcomes):.2f} s")
    wrong = [
        o
        for o in outcomes
        if o.outcome not in ("labelled", "refused") or (o.damage, o.outcome) == ("whole", "refused")
    ]
    for o in wrong:
        print(o)
    result = {
        "bench": "fuzz_sound",
        "files": len(outcomes),
        **{outcome: sum(o.outcome == outcome for o in outcomes) for outcome in OUTCOMES},
        "whole_refused": sum((o.damage, o.outcome) == ("whole", "refused") for o in outcomes),
        "longest_s": round(max(o.seconds for o in outcomes), 2),
        "machine": machine(),
    }
    write_json(Path(__file__).parent / "results/fuzz_sound.json", result)
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
