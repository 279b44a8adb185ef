"""The table of all models: what each is worth, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping

from spikesound.evaluation.summary import Metrics
from spikesound.report.numbers import as_float, interval, number, share
from spikesound.report.plot import Table
from spikesound.report.results import Results


def models_table(summary: Mapping[str, Metrics], results: Results) -> Table:
    """Return the table of results; a column of which no model has a figure is left out."""
    confidence = float(summary["dataset"]["confidence"])
    heads = [
        "Model",
        f"Accuracy [{confidence * 100:g} % interval]",
        "mAP",
        "Energy, operations only, nJ",
        "Energy with memory, nJ",
        "Memory, kB",
        "Spike rate",
        "Time, × twin",
        "Area in noise",
    ]
    rows = [
        _row(model, figures, results) for model, figures in summary.items() if model != "dataset"
    ]
    kept = [i for i in range(len(heads)) if any(row[i] != number(None) for row in rows)]
    return Table([heads[i] for i in kept], [[row[i] for i in kept] for row in rows])


def _row(model: str, figures: Metrics, results: Results) -> list[str]:
    bounds = interval(figures.get("accuracy_low"), figures.get("accuracy_high"))
    latency = (results.latency or {}).get(model, {})
    areas = (results.areas or {}).get(model, {})
    time = as_float(latency.get("ratio_to_twin"))
    area = as_float(areas.get("noise_area"))
    return [
        model,
        f"{share(figures['accuracy'])} [{bounds}]",
        f"{float(figures['map']):.3f}",
        number(figures.get("energy_operations_nj")),
        number(figures.get("energy_nj")),
        number(figures.get("memory_kb")),
        share(figures.get("spike_rate")),
        number(time),
        number(None) if area is None else f"{area:.3f}",
    ]


LATENCY_HEADS = (
    "Model",
    "A clip, ms [interval]",
    "A frame, ms",
    "× twin",
    "Peak memory, MB",
    "CPU energy a clip, mJ",
)


def latency_table(results: Results) -> Table | None:
    """Return the measured times of each model, or None where there are none."""
    if results.latency is None:
        return None
    rows = []
    for model, times in results.latency.items():
        if model == "machine":
            continue
        energy = times.get("cpu_energy_mj")
        rows.append(
            [
                model,
                f"{number(times.get('clip_ms'))} "
                f"[{number(times.get('clip_ms_low'))}–{number(times.get('clip_ms_high'))}]",
                number(times.get("frame_ms")),
                number(times.get("ratio_to_twin")),
                number(times.get("peak_mb")),
                energy if isinstance(energy, str) else number(energy),
            ]
        )
    return Table(LATENCY_HEADS, rows)
