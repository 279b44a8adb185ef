"""By how much a call raises the process's memory at its peak."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path


def peak_mb(run: Callable[[], object]) -> float | None:
    """Measure by how much a call raises the resident memory at its peak (glibc; else None).

    The call must have been made before: what is loaded and cached once is not counted.
    """
    status = Path("/proc/self/status")
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)  # or the call would be served from what lies freed
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
        before = _kb(status, "VmRSS")
        run()
        return round((_kb(status, "VmHWM") - before) / 1024, 1)
    except (OSError, AttributeError):
        return None


def _kb(status: Path, field: str) -> int:
    return next(int(line.split()[1]) for line in status.open() if line.startswith(field + ":"))
