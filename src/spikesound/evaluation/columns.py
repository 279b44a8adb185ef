"""The columns of each task's table of results."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from spikesound.evaluation.table import (
    NONE,
    Column,
    Figures,
    aligned,
    markdown,
    number,
    percent,
    ranged,
    table_rows,
)

_COSTS = {
    "energy_nj": "Energy, nJ/clip",
    "energy_own_nj": "at own precision",
    "energy_operations_nj": "MAC and AC only, nJ/clip",
    "memory_kb": "Memory, kB",
    "memory_own_kb": "at own precision, kB",
}
"""Columns of classification that stand only where some model has the figure."""

_MULTILABEL = {"map": "mAP", "auc": "AUC", "d_prime": "d′", "lwlrap": "lwlrap"}

_DETECTION = {
    "psds1": "PSDS 1",
    "psds2": "PSDS 2",
    "event_f1": "Event F1",
    "segment_f1": "Segment F1",
    "map": "mAP",
}

_POWER = {
    "events_uw": "Power in sound, µW",
    "background_uw": "background",
    "silence_uw": "silence",
}


def classification(summary: Mapping[str, Figures], *, reference: str = "ann-cnn") -> list[Column]:
    """Return the columns of classification.

    Parameters
    ----------
    summary
        Content of metrics/summary.json.
    reference
        Model whose training time an epoch is the unit of the last column.
    """
    models = [figures for name, figures in summary.items() if name != "dataset"]
    unit = summary.get(reference, {}).get("train_s_per_epoch")
    columns = _scores(models, float(summary["dataset"]["confidence"]))
    columns += [Column("Spike rate", _spike_rate), Column("Parameters", _parameters)]
    for key, head in _COSTS.items():
        if any(key in figures for figures in models):
            columns.append(Column(head, partial(_whole, key=key)))
    columns.append(Column("Training, s/epoch", partial(_seconds, unit=1.0)))
    return [*columns, Column(f"Training, × {reference}", partial(_seconds, unit=unit))]


def detection() -> list[Column]:
    """Return the columns of detection, of the entries of metrics/detection/summary.json."""
    return [
        *(Column(head, partial(ranged, key=key)) for key, head in _DETECTION.items()),
        Column("Delay, s (median, 95 %)", _delay),
        Column("Missed", partial(_number, key="missed_share", digits=2)),
        Column("False alarms/h", partial(_number, key="false_alarms_per_hour", digits=0)),
        *(Column(head, partial(_number, key=key, digits=2)) for key, head in _POWER.items()),
    ]


def markdown_table(summary: Mapping[str, Figures], *, reference: str = "ann-cnn") -> str:
    """Return classification's table of results in Markdown; see :func:`classification`."""
    return markdown(*table_rows(_models(summary), classification(summary, reference=reference)))


def text_table(summary: Mapping[str, Figures], *, reference: str = "ann-cnn") -> str:
    """Return classification's table of results in aligned columns, for a terminal."""
    return aligned(*table_rows(_models(summary), classification(summary, reference=reference)))


def detection_table(summary: Mapping[str, Figures]) -> str:
    """Return detection's table of results in Markdown; see :func:`detection`."""
    return markdown(*table_rows(summary, detection()))


def _models(summary: Mapping[str, Figures]) -> dict[str, Figures]:
    return {name: figures for name, figures in summary.items() if name != "dataset"}


def _scores(models: list[Figures], confidence: float) -> list[Column]:
    interval = f"[{confidence * 100:g} % interval]"
    if all("accuracy" in figures for figures in models):
        return [
            Column(f"Accuracy {interval}", _accuracy),
            Column("Macro F1", partial(_number, key="macro_f1", digits=3)),
            Column("mAP", partial(_number, key="map", digits=3)),
        ]
    first, *others = _MULTILABEL.items()
    return [
        Column(f"{first[1]} {interval}", partial(ranged, key=first[0])),
        *(Column(head, partial(_number, key=key, digits=3)) for key, head in others),
    ]


def _accuracy(figures: Figures) -> str:
    low, high = percent(figures["accuracy_low"]), percent(figures["accuracy_high"])
    return f"{percent(figures['accuracy'])} % [{low}–{high}]"


def _number(figures: Figures, key: str, digits: int) -> str:
    return number(figures.get(key), digits)


def _whole(figures: Figures, key: str) -> str:
    return f"{figures[key]:,.0f}" if key in figures else NONE


def _spike_rate(figures: Figures) -> str:
    rate = figures.get("spike_rate")
    return NONE if rate is None else f"{percent(rate)} %"


def _parameters(figures: Figures) -> str:
    parameters = figures.get("parameters")
    return NONE if parameters is None else f"{parameters:,}"


def _seconds(figures: Figures, unit: float | None) -> str:
    """Return the training time of an epoch in seconds, or relative to that of a model."""
    seconds = figures.get("train_s_per_epoch")
    return number(float(seconds) / float(unit), 2) if seconds is not None and unit else NONE


def _delay(figures: Figures) -> str:
    return f"{number(figures['delay_median_s'], 2)}, {number(figures['delay_95_s'], 2)}"
