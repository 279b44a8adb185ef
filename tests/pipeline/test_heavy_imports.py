"""Packages that take seconds to import are imported by those who use them alone."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_evaluation_imports_neither_torchs_compiler_nor_what_trains() -> None:
    """They double the start of each stage after training, and of each command."""
    heavy = ("torch._dynamo", "lightning_fabric", "scipy.stats", "sklearn", "librosa", "plotly")
    code = (
        "import sys\n"
        "import spikesound.apps.api, spikesound.evaluation.folds\n"
        "import spikesound.evaluation.classification, spikesound.evaluation.detection\n"
        f"print([name for name in {heavy!r} if name in sys.modules], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True\n"
