"""Tables of all models: metrics, costs and measured times."""

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


def models_table(summary: Mapping[str, Metrics], results: Results, measure: Measure) -> Table:
    """Return classification's table; a column of which no model has a figure is left out."""
    confidence = float(summary["dataset"]["confidence"])
    others = [CLASSIFICATION[2]] if measure is CLASSIFICATION[0] else list(MULTILABEL[1:])
    heads = [
        "Model",
        f"{heading(measure)} [{confidence * 100:g} % interval]",
        *(heading(other) for other in others),
        "Energy, operations only, µJ",
        "Energy with memory, µJ",
        "Memory, kB",
        "Spike rate",
        "Time, × twin",
        "Area in noise",
    ]
    rows = [
        _row(model, figures, results, measure, others)
        for model, figures in summary.items()
        if model != "dataset"
    ]
    columns = [i for i in range(len(heads)) if any(row[i] != number(None) for row in rows)]
    return Table([heads[i] for i in columns], [[row[i] for i in columns] for row in rows])


def _row(
    model: str, figures: Metrics, results: Results, measure: Measure, others: list[Measure]
) -> list[str]:
    bounds = bounds_of(measure, *(figures.get(f"{measure.key}_{end}") for end in ("low", "high")))
    latency = (results.latency or {}).get(model, {})
    areas = (results.areas or {}).get(model, {})
    time = as_float(latency.get("ratio_to_twin"))
    area = as_float(areas.get("noise_area"))
    return [
        model,
        f"{value_of(measure, figures[measure.key])} [{bounds}]",
        *(_three(figures.get(other.key)) for other in others),
        _micro(figures.get("energy_operations_nj")),
        _micro(figures.get("energy_nj")),
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


def latency_table(results: Results, unit: str) -> Table | None:
    """Return the measured times of each model, or None where there are none.

    Parameters
    ----------
    unit : what the energy is of, and what models are compared by: clip, or frame
    """
    if results.latency is None:
        return None
    kinds = {
        "A clip, ms [interval]": "clip_ms",
        "A frame, ms" + (" [interval]" if unit == "frame" else ""): "frame_ms",
        "× twin": "ratio_to_twin",
        "Real-time factor": "real_time_factor",
        "Peak memory, MB": "peak_mb",
        f"CPU energy a {unit}, mJ": "cpu_energy_mj",
    }
    rows = [
        [model, *(_measured(times, key) for key in kinds.values())]
        for model, times in results.latency.items()
        if model != "machine"
    ]
    heads = ["Model", *kinds]
    columns = [i for i in range(len(heads)) if any(row[i] != number(None) for row in rows)]
    return Table([heads[i] for i in columns], [[row[i] for i in columns] for row in rows])


def _measured(times: Mapping[str, Any], key: str) -> str:
    value, low, high = (times.get(f"{key}{end}") for end in ("", "_low", "_high"))
    if isinstance(value, str):
        return value
    bounds = "" if low is None or high is None else f" [{number(low)}–{number(high)}]"
    return f"{number(value)}{bounds}"


def _micro(nanojoules: object) -> str:
    x = as_float(nanojoules)
    return number(None if x is None else x / 1000)


def _three(value: object) -> str:
    x = as_float(value)
    return number(None) if x is None else f"{x:.3f}"
