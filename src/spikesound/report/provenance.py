"""Provenance of figures: versions, code and machine, without importing the packages."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import spikesound

PACKAGES = ("spikesound", "torch", "numpy", "pandas", "scikit-learn", "librosa", "dvc")


def collect(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of the packages, the code and the machine."""
    return {
        "Python": platform.python_version(),
        **{name: _version(name) for name in packages},
        "Code": code_digest(Path(spikesound.__file__).parent),
        "Machine": machine(),
    }


def code_digest(folder: Path) -> str:
    """Return 16 hexadecimal digits that stand for the Python files in a folder: names and content.

    SHA-256 over one line for each file, sorted by its path within the folder: the SHA-256 of its
    content, and the path.
    """
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*.py"))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def git_blob(content: bytes) -> str:
    """Return the name that Git gives a file of this content: it leads to the commits that hold it.

    .. math:: \\mathrm{SHA1}(\\texttt{"blob "} \\Vert n \\Vert \\texttt{"\\\\0"} \\Vert content)

    with n the number of bytes, in decimal (Git's object format with SHA-1).
    """
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def machine() -> str:
    """Return system, processor and number of cores, in one line."""
    cores = os.cpu_count() or 1
    system = f"{platform.system()} {platform.machine()}"
    return f"{system}, {_processor()}, {cores} {'core' if cores == 1 else 'cores'}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.is_file():
        for line in described.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or "unknown processor"
