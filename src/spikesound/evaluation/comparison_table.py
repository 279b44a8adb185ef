"""Tables of paired comparisons, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from spikesound.evaluation.summary import Metrics
from spikesound.evaluation.table import aligned, percent
from spikesound.evaluation.wording import NOT_SHOWN, TITLES, bounds, differs, points
from spikesound.tasks.classification.metrics import METRICS


def comparison_table(content: Mapping[str, Metrics], confidence: float) -> str:
    """Return one row a pair and metric: difference in points, interval, p, and what it shows.

    Parameters
    ----------
    content
        As in comparisons.json, differences being first minus second.
    confidence
        Of the intervals.
    """
    heads = ["Pair", "Metric", *_difference_heads(confidence)]
    rows = [
        [pair if name == METRICS[0] else "", TITLES[name], *_difference(figures, name, confidence)]
        for pair, figures in content.items()
        for name in METRICS
    ]
    return aligned(heads, rows, left=2)


def change_table(content: Mapping[str, Metrics], before: str, after: str, confidence: float) -> str:
    """Return one row a model and metric: the two revisions' figures, and their difference.

    Parameters
    ----------
    content
        Of :class:`spikesound.evaluation.changes.Changes`.
    before, after
        The revisions' names.
    confidence
        Of the intervals.
    """
    heads = ["Model", "Metric", before, after, *_difference_heads(confidence)]
    rows = [
        [
            model if name == METRICS[0] else "",
            TITLES[name],
            percent(figures[f"{name}_before"]),
            percent(figures[f"{name}_after"]),
            *_difference(figures, name, confidence),
        ]
        for model, figures in content.items()
        for name in METRICS
    ]
    return aligned(heads, rows, left=2)


def _difference_heads(confidence: float) -> list[str]:
    return ["Points", f"{confidence * 100:g} % interval", "p", "p corrected", "Shown"]


def _difference(figures: Metrics, metric: str, confidence: float) -> list[str]:
    by = points(figures[f"{metric}_difference"])
    shown = ("better" if by > 0 else "worse") if differs(figures, metric, confidence) else NOT_SHOWN
    return [
        f"{by:+.1f}",
        bounds(figures, metric),
        f"{figures[f'{metric}_p']:g}",
        f"{figures[f'{metric}_p_corrected']:g}",
        shown,
    ]
