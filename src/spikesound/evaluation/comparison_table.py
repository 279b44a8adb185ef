"""Tables of paired comparisons, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikesound.evaluation.differences import Difference, read_difference
from spikesound.evaluation.measures import CLASSIFICATION, Measure
from spikesound.evaluation.summary import Metrics
from spikesound.evaluation.table import NONE, aligned

_MORE = ["Equivalence", "Detectable"]
"""Columns on equivalence within the margin, and on the difference shown with a power of 80 %."""


def comparison_table(
    content: Mapping[str, Metrics],
    confidence: float,
    *,
    measures: Sequence[Measure] = CLASSIFICATION,
) -> str:
    """Return one row a pair and metric: difference, interval, p, and what it shows.

    Parameters
    ----------
    content
        As in a comparisons.json, differences being first minus second.
    confidence
        Of the intervals.
    measures
        The metrics, in the order of the rows.
    """
    heads = ["Pair", "Metric", *_difference_heads(confidence, measures)]
    rows = [
        [
            "" if number else pair,
            measure.title,
            *_difference(read_difference(figures, measure.key), measure, confidence),
        ]
        for pair, figures in content.items()
        for number, measure in enumerate(measures)
    ]
    return aligned(heads, rows, left=2)


def change_table(
    content: Mapping[str, Metrics],
    before: str,
    after: str,
    confidence: float,
    *,
    measures: Sequence[Measure] = CLASSIFICATION,
) -> str:
    """Return one row a model and metric: the two revisions' figures, and their difference.

    Parameters
    ----------
    content
        Of :class:`spikesound.evaluation.changes.Changes`.
    before, after
        The revisions' names.
    confidence
        Of the intervals.
    measures
        The metrics, in the order of the rows.
    """
    heads = ["Model", "Metric", before, after, *_difference_heads(confidence, measures)]
    rows = [
        [
            "" if number else model,
            measure.title,
            *(_value(figures.get(f"{measure.key}_{end}"), measure) for end in ("before", "after")),
            *_difference(read_difference(figures, measure.key), measure, confidence),
        ]
        for model, figures in content.items()
        for number, measure in enumerate(measures)
    ]
    return aligned(heads, rows, left=2)


def _difference_heads(confidence: float, measures: Sequence[Measure]) -> list[str]:
    unit = "Points" if all(measure.in_points for measure in measures) else "Difference"
    return [unit, f"{confidence * 100:g} % interval", "p", "p corrected", "Shown", *_MORE]


def _difference(difference: Difference | None, measure: Measure, confidence: float) -> list[str]:
    if difference is None:
        return [NONE] * (5 + len(_MORE))
    return [
        measure.signed(difference.value),
        difference.bounds(measure),
        *(NONE if p is None else f"{p:g}" for p in (difference.p, difference.p_corrected)),
        difference.outcome(confidence, lower_is_better=measure.lower_is_better),
        {None: NONE, True: "shown", False: "not shown"}[difference.equivalent(confidence)],
        NONE if difference.detectable is None else _value(difference.detectable, measure),
    ]


def _value(value: float | None, measure: Measure) -> str:
    return NONE if value is None else f"{value * measure.scale:.{measure.decimals}f}"
