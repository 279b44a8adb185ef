"""The tables of all models: what each is worth, what it costs, and its measured times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikesound.evaluation import columns
from spikesound.evaluation.measures import CLASSIFICATION, MULTILABEL, Measure
from spikesound.evaluation.summary import Metrics
from spikesound.evaluation.table import table_rows
from spikesound.report.numbers import (
    as_float,
    bounds_of,
    heading,
    number,
    share,
    true_minus,
    value_of,
)
from spikesound.report.plot import Table
from spikesound.report.results import Results

_RATIO = "ratio_to_"


def models_table(summary: Mapping[str, Metrics], results: Results, measure: Measure) -> Table:
    """Return classification's table; a column of which no model has a figure is left out."""
    confidence = float(summary["dataset"]["confidence"])
    others = [CLASSIFICATION[2]] if measure is CLASSIFICATION[0] else list(MULTILABEL[1:])
    heads = [
        "Model",
        f"{heading(measure)} [{confidence * 100:g} % interval]",
        *(heading(other) for other in others),
        "Energy, operations only, nJ",
        "Energy with memory, nJ",
        "Memory, kB",
        "Spike rate",
        f"Time, × {_reference(results).replace('_', '-')}",
        "Area in noise",
    ]
    rows = [
        _row(model, figures, results, measure, others)
        for model, figures in summary.items()
        if model != "dataset"
    ]
    kept = [i for i in range(len(heads)) if any(row[i] != number(None) for row in rows)]
    return Table([heads[i] for i in kept], [[row[i] for i in kept] for row in rows])


def _row(
    model: str, figures: Metrics, results: Results, measure: Measure, others: list[Measure]
) -> list[str]:
    bounds = bounds_of(measure, *(figures.get(f"{measure.key}_{end}") for end in ("low", "high")))
    latency = (results.latency or {}).get(model, {})
    areas = (results.areas or {}).get(model, {})
    time = as_float(latency.get(_RATIO + _reference(results)))
    area = as_float(areas.get("noise_area"))
    return [
        model,
        f"{value_of(measure, figures[measure.key])} [{bounds}]",
        *(_three(figures.get(other.key)) for other in others),
        number(figures.get("energy_operations_nj")),
        number(figures.get("energy_nj")),
        number(figures.get("memory_kb")),
        share(figures.get("spike_rate")),
        number(time),
        number(None) if area is None else f"{area:.3f}",
    ]


def detectors_table(summary: Mapping[str, Metrics]) -> Table:
    """Return detection's table of results, its columns those of the run's own table."""
    models = {name: figures for name, figures in summary.items() if name != "dataset"}
    heads, rows = table_rows(models, columns.detection())
    return Table(heads, [[name, *map(true_minus, cells)] for name, *cells in rows])


LATENCY = {
    "frame_ms": "A frame, ms",
    "p50_ms": "Median, ms",
    "p95_ms": "95 %, ms",
    "real_time_factor": "Real-time factor",
    "peak_mb": "Peak memory, MB",
    "cpu_energy_mj": "CPU energy a clip, mJ",
}
"""Figures of latency.json after the time of a clip, and their heads; shown as far as there are."""


def latency_table(results: Results) -> Table | None:
    """Return the measured times of each model, or None where there are none."""
    if results.latency is None:
        return None
    models = {name: times for name, times in results.latency.items() if name != "machine"}
    reference = _reference(results)
    heads = ["Model", "A clip, ms [interval]", "A frame, ms", f"× {reference.replace('_', '-')}"]
    keys = [key for key in LATENCY if key != "frame_ms"]
    heads += [LATENCY[key] for key in keys]
    rows = [
        [
            model,
            _interval(times),
            number(times.get("frame_ms")),
            number(times.get(_RATIO + reference)),
            *(_cell(times.get(key)) for key in keys),
        ]
        for model, times in models.items()
    ]
    kept = [i for i in range(len(heads)) if any(row[i] != number(None) for row in rows)]
    return Table([heads[i] for i in kept], [[row[i] for i in kept] for row in rows])


def _interval(times: Mapping[str, Any]) -> str:
    if as_float(times.get("clip_ms")) is None:
        return number(None)
    value, low, high = (times.get(f"clip_ms{end}") for end in ("", "_low", "_high"))
    bounds = "" if low is None else f" [{number(low)}–{number(high)}]"
    return f"{number(value)}{bounds}"


def _reference(results: Results) -> str:
    """Return the model to whose time the others' are ratios, as it stands in the keys."""
    for figures in (results.latency or {}).values():
        for key in figures:
            if key.startswith(_RATIO):
                return key.removeprefix(_RATIO)
    return "ann_cnn"


def _cell(value: object) -> str:
    return value if isinstance(value, str) else number(value)


def _three(value: object) -> str:
    x = as_float(value)
    return number(None) if x is None else f"{x:.3f}"
