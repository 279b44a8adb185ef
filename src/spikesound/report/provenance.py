"""What figures were made with: versions and machine, without importing what they are of."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("spikesound", "torch", "numpy", "scikit-learn", "dvc")


def collect(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of the packages, and the machine, for ReportInputs."""
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
        "machine": machine(),
    }


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
