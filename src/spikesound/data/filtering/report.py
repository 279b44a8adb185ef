"""Report of the filter: counts of what it kept, dropped and rejected, with reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spikesound.data.lists.label_sets import LabelSets
from spikesound.data.ontology import Ontology
from spikesound.data.sources.source import Listing

_PAIRS = 10
_TABLE_ROWS = 20


def make_report(
    listing: Listing,
    folds: pa.ChunkedArray,
    before: LabelSets,
    after: LabelSets,
    kept: NDArray[np.int64],
    ontology: Ontology,
    dropped: dict[str, int],
) -> dict[str, Any]:
    """Count clips, labels and folds before and after the filter.

    Parameters
    ----------
    listing
        What the source has.
    folds
        Of the clips before.
    before, after
        Labels of the clips before and after.
    kept
        Which of the clips before are there after.
    ontology
        The labels' names.
    dropped
        How many of them are not, by cause.

    Returns
    -------
    report
        Can be written as JSON. ``clips``: those requested, which are the clips that the source
        lists and the rows of it that were rejected; kept + dropped + rejected is as many.
        ``labels`` and ``folds``: before and after. ``dropped`` and ``rejected``: by reason.
        ``multi_label``: how many labels the kept clips have, and which stand together most often.
    """
    return {
        "clips": {
            "asked": len(before) + len(listing.rejected),
            "kept": len(kept),
            "dropped": len(before) - len(kept),
            "rejected": len(listing.rejected),
        },
        "dropped": {cause: count for cause, count in dropped.items() if count},
        "rejected": rejected_by_reason(listing.rejected),
        "labels": _labels(before, after, ontology),
        "folds": _folds(folds, kept),
        "multi_label": _multi_label(after, ontology),
    }


def rejected_by_reason(rejected: pa.Table) -> dict[str, int]:
    """Count rejected rows by the kind of damage: their reason's text before its colon."""
    return _value_counts(pc.replace_substring_regex(rejected["reason"], r"(?s):.*", ""))


def _value_counts(column: pa.ChunkedArray) -> dict[str, int]:
    counts = column.value_counts().to_pylist()
    return dict(sorted((count["values"], count["counts"]) for count in counts))


def _labels(before: LabelSets, after: LabelSets, ontology: Ontology) -> dict[str, Any]:
    had = dict(zip(before.names, before.counts().tolist(), strict=True))
    has = dict(zip(after.names, after.counts().tolist(), strict=True))
    present = {label for label in {*had, *has} if had.get(label) or has.get(label)}
    return {
        label: {
            "name": ontology.name(label),
            "before": had.get(label, 0),
            "after": has.get(label, 0),
        }
        for label in sorted(present, key=ontology.name)
    }


def _folds(folds: pa.ChunkedArray, kept: NDArray[np.int64]) -> dict[str, Any]:
    has = _value_counts(folds.take(pa.array(kept)))
    return {
        fold: {"before": count, "after": has.get(fold, 0)}
        for fold, count in _value_counts(folds).items()
    }


def _multi_label(sets: LabelSets, ontology: Ontology) -> dict[str, Any]:
    per_clip = np.bincount(sets.sizes)
    pairs = sets.pairs()
    # Stable: of pairs that are as common, the first ids come first.
    commonest = np.argsort(-pairs, axis=None, kind="stable")[:_PAIRS]
    rows, columns = np.unravel_index(commonest, pairs.shape)
    return {
        "labels_per_clip": {
            str(number): int(count) for number, count in enumerate(per_clip) if count
        },
        "mean": len(sets.codes) / max(len(sets), 1),
        "commonest_pairs": [
            {
                "labels": [ontology.name(sets.names[label]) for label in (row, column)],
                "clips": int(pairs[row, column]),
            }
            for row, column in zip(rows, columns, strict=True)
            if pairs[row, column]
        ],
    }


def report_table(report: dict[str, Any]) -> str:
    """Return the report in short: what became of the clips, and the labels with most clips."""
    clips = report["clips"]
    lines = [f"{clips['asked']:9} clips listed"]
    for what in ("rejected", "dropped"):
        lines += [f"{count:9} {what}: {cause}" for cause, count in report[what].items()]
    lines += [f"{clips['kept']:9} kept", "", f"{'before':>9} {'after':>9}  label"]
    labels = sorted(report["labels"].values(), key=lambda row: (-row["after"], -row["before"]))
    rows = [f"{row['before']:9} {row['after']:9}  {row['name']}" for row in labels[:_TABLE_ROWS]]
    more = len(labels) - len(rows)
    return "\n".join([*lines, *rows, *([f"{'':19}  and {more} more"] if more > 0 else [])])
