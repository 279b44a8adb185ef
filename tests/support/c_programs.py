"""Exported C: compiled by gcc, and run on samples of 16 bits."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from spikesound.models.export import export
from spikesound.models.export.c.module import FLAGS
from spikesound.models.export.c.text import identifier
from spikesound.models.loading import TrainedModel

GCC = shutil.which("gcc") or ""
compiled = pytest.mark.skipif(not GCC, reason="no gcc")


def swelling(seed: int, samples: int) -> np.ndarray:
    """Return samples of 16 bits: noise that swells and clips, a tone, and digital silence."""
    at = np.arange(samples)
    noise = np.random.default_rng(seed).normal(0, 1, samples) * 10 ** (-4 + 5 * at / samples)
    wave = noise + 0.3 * np.sin(at / 7) * (at % 9000 < 3000)
    wave[samples // 3 : samples // 2] = 0
    return np.clip(np.rint(wave * 32768), -32768, 32767).astype(np.int16)


def built(folder: Path, found: TrainedModel) -> tuple[Path, int]:
    """Export a model, compile its check program by gcc; return it, and the values compared."""
    compared = export(found, "c", folder / "m").compared
    prefix = identifier(found.name)
    names = [str(folder / "m" / f"{prefix}{end}") for end in (".c", "_check.c")]
    program = folder / "check"
    done = subprocess.run([GCC, *FLAGS, "-o", program, *names], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return program, compared


def given(program: Path, samples: np.ndarray) -> np.ndarray:
    """Return the numbers that a check program prints for samples, a row a line."""
    done = subprocess.run([program, "-"], input=samples.tobytes(), capture_output=True, check=True)
    return np.array([line.split() for line in done.stdout.splitlines()]).astype(np.int64)


def bytes_of_tables(module: str) -> int:
    """Return the bytes of all constant arrays of numbers in the text of a module."""
    arrays = re.findall(r"^static const u?int(\d+)_t \w+((?:\[\d+\])+) = \{", module, re.M)
    return sum(
        int(bits) // 8 * math.prod(map(int, re.findall(r"\d+", sizes))) for bits, sizes in arrays
    )
