"""Export of a model as a folder of C99: header, module, and check program, which is run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np

from spikesound.core.errors import SpikesoundError
from spikesound.models.export.c.choice import Chosen, chosen
from spikesound.models.export.c.clip_choice import ChosenClip, chosen_clip
from spikesound.models.export.c.clip_source import clip_sources
from spikesound.models.export.c.source import sources
from spikesound.models.export.c.text import identifier
from spikesound.models.export.exported import Exported
from spikesound.models.loading import TrainedModel

FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2"]
COMPILERS = ("cc", "gcc", "clang")
LIMIT_S = 120


def to_c(model: TrainedModel, out: Path) -> Exported:
    """Write a folder of C99, compile it, and compare its scores with the integer reference.

    They must be equal to the bit (:mod:`spikesound.models.export.c.reference`). Where there is no
    C compiler nothing is compared, and a note says so.

    Raises
    ------
    SpikesoundError
        If the model cannot be expressed, the code does not compile, or a score differs.
    """
    prefix = identifier(model.name)
    found: Chosen | ChosenClip
    if model.detects:
        found = chosen(model)
        texts = sources(model, found, prefix)
    else:
        found = chosen_clip(model)
        texts = clip_sources(model, found, prefix)
    out.mkdir()
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    notes = [
        f"from the float network: probabilities {found.mean_difference:.2g} on average, "
        f"{found.difference:.2g} at most, on the check sound"
    ]
    compiler = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if compiler is None:
        notes.append(f"not compiled: no C compiler found (one of {', '.join(COMPILERS)})")
        return Exported(out, 0.0, 0, notes=notes)
    check(compiler, out, prefix)
    return Exported(out, 0.0, int(np.prod(found.scored.probabilities.shape)), notes=notes)


def is_module(folder: Path) -> bool:
    """Return whether a folder holds an export in C and nothing else."""
    if not folder.is_dir():
        return False
    names = sorted(path.name for path in folder.iterdir())
    prefix = names[0].removesuffix(".c") if names else ""
    return names == [f"{prefix}{end}" for end in (".c", ".h", "_check.c")]


def check(compiler: str, folder: Path, prefix: str) -> None:
    """Compile the check program of a folder outside it, and run it.

    Raises
    ------
    SpikesoundError
        If the compiler warns, or a score differs.
    """
    program = folder.parent / f"{prefix}-check"
    parts = [str(folder / f"{prefix}{end}") for end in (".c", "_check.c")]
    _run([compiler, *FLAGS, "-o", str(program), *parts], "does not compile")
    try:
        _run([str(program)], "compiled, its scores differ")
    finally:
        program.unlink()


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise SpikesoundError(f"{command[-1]}: {what}: {lines[0][:200] if lines else ''}")
