"""Probes: what is measured of a row's trained networks besides their accuracy and energy.

A probe maps a row and its networks to a list of figures, which stands in the row's results under
the probe's name. A setting names those that it wants, with their parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spikesound.evaluation.folds import Folds
from spikesound.experiments.probes.best_test_epoch import (
    best_test_epoch,
    check_best_test_epoch,
)
from spikesound.experiments.probes.exits import exits
from spikesound.experiments.probes.new_sounds import new_sounds
from spikesound.experiments.probes.robustness import check_robustness, robustness
from spikesound.experiments.probes.ties import ties
from spikesound.experiments.probes.times import times
from spikesound.experiments.probes.validation import validation
from spikesound.experiments.row import Row

PROBES: dict[str, Callable[[Row, Folds], list[dict[str, Any]]]] = {
    "times": times,
    "exits": exits,
    "new_sounds": new_sounds,
    "validation": validation,
    "best_test_epoch": best_test_epoch,
    "ties": ties,
    "robustness": robustness,
}
"""The probes by name."""

CHECKS: dict[str, Callable[[Row], None]] = {
    "best_test_epoch": check_best_test_epoch,
    "robustness": check_robustness,
}
"""For probes that not every row can have what raises SpikesoundError before it is trained."""
