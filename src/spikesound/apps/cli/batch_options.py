"""Options of ``detect`` and ``predict`` for folders of recordings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikesound.core.errors import SpikesoundError

if TYPE_CHECKING:
    from spikesound.apps.batch.refinement import Refinement

Thresholds = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Thresholds of classes: CSV with the columns label,threshold, or YAML.",
    ),
]
MergeGap = Annotated[
    float | None,
    typer.Option(
        metavar="S", help="Events of a label with at most S seconds between them become one."
    ),
]
MinDuration = Annotated[
    float, typer.Option(metavar="S", help="Only events that last at least S seconds.")
]
Timezone = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="Of recordings that say none, and of all times in the table: Europe/Berlin, +01:00.",
    ),
]
MergeRecorders = Annotated[
    bool,
    typer.Option(
        "--merge-recorders", help="Count an event that several recorders have at one time once."
    ),
]
Tolerance = Annotated[
    float, typer.Option(metavar="S", help="Of --merge-recorders, in seconds between events.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1, help="Processes, with --out. Default: as many as cores, for large batches."
    ),
]

TOLERANCE_S = 1.0
"""Recorders give their times in whole seconds."""


@dataclass(frozen=True)
class BatchOptions:
    """Their values.

    Attributes
    ----------
    merge_gap, min_duration, top : see :class:`spikesound.apps.batch.refinement.Refinement`
    timezone : name of a time zone; None: not given
    merge_recorders, tolerance : whether events of several recorders are merged, and within what
    jobs : processes; None: not given
    """

    merge_gap: float | None = None
    min_duration: float = 0.0
    top: int | None = None
    timezone: str | None = None
    merge_recorders: bool = False
    tolerance: float = TOLERANCE_S
    jobs: int | None = None

    def check(self, is_table: bool, timed: bool) -> None:
        """Raise SpikesoundError if an option has no effect on such an output, or is wrong."""
        for given, name in (
            (self.timezone is not None, "--timezone"),
            (self.merge_recorders, "--merge-recorders"),
        ):
            if given and not is_table:
                raise SpikesoundError(f"{name}: expected --out FILE.csv or FILE.parquet too")
        for given, name in (
            (self.merge_recorders, "--merge-recorders"),
            (self.merge_gap is not None, "--merge-gap"),
            (self.min_duration > 0, "--min-duration"),
        ):
            if given and not timed:
                raise SpikesoundError(f"{name} needs times of events: expected --window too")
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise SpikesoundError(f"--tolerance: expected at least 0 s, got {self.tolerance:g}")
        self.zone()

    def refinement(self) -> Refinement:
        """Return the rules for the events of a sound."""
        from spikesound.apps.batch.refinement import Refinement

        return Refinement(self.merge_gap, self.min_duration, self.top)

    def zone(self) -> tzinfo | None:
        """Return the time zone, or raise SpikesoundError if there is no such."""
        from spikesound.apps.batch.clock import find_zone

        return None if self.timezone is None else find_zone(self.timezone)

    @property
    def merge_recorders_s(self) -> float | None:
        """The tolerance, or None if recorders are not merged."""
        return self.tolerance if self.merge_recorders else None
