"""The metrics of each class, model by model."""

from __future__ import annotations

import pandas as pd

from spikesound.report.numbers import as_float, number
from spikesound.report.plot import Table

COLUMNS = {
    "clips": ("Clips", 0),
    "events": ("Events", 0),
    "true_s": ("Seconds", 0),
    "predicted": ("Predicted events", 0),
    "psds1": ("PSDS 1", 3),
    "psds2": ("PSDS 2", 3),
    "event_f1": ("Event F1", 3),
    "segment_f1": ("Segment F1", 3),
    "average_precision": ("Average precision", 3),
    "auc": ("AUC", 3),
    "threshold": ("Threshold", 2),
    "median_s": ("Median filter, s", 2),
    "delay_median_s": ("Delay, s", 2),
    "missed_share": ("Missed", 2),
    "false_alarms_per_hour": ("False alarms/h", 0),
}
"""Columns of metrics/<task>/classes that are shown, as far as a table has them, and decimals."""


def class_table(classes: pd.DataFrame) -> Table:
    """Return a row for each class, with its display name."""
    columns = [key for key in COLUMNS if key in classes.columns]
    rows = [
        [str(row["name"]), *(_cell(row[key], COLUMNS[key][1]) for key in columns)]
        for _, row in classes.iterrows()
    ]
    return Table(["Class", *(COLUMNS[key][0] for key in columns)], rows)


def _cell(value: object, decimals: int) -> str:
    x = as_float(value)
    return number(None) if x is None else f"{x:,.{decimals}f}"
