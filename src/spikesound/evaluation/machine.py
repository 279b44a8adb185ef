"""The machine on which something was measured, in words."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch


def machine() -> dict[str, str]:
    """Return the processor, its threads, those in use, the load of the last minute, versions."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text(encoding="utf-8").splitlines() if names.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    load = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "processor": models[0] if models else platform.processor() or "unknown",
        "hardware_threads": str(os.cpu_count()),
        "threads_used": str(torch.get_num_threads()),
        "load_before": load,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "numba": version("numba"),
    }
