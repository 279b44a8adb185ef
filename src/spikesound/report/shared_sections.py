"""Sections that the pages of both tasks have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikesound.core.states import STATES
from spikesound.evaluation.manifest import clip_counts
from spikesound.report import class_tables, learning, robustness
from spikesound.report.inputs import ReportInputs
from spikesound.report.models_table import latency_table
from spikesound.report.plot import Plot, Table
from spikesound.report.results import MADE_BY
from spikesound.report.section import Section
from spikesound.report.theme import Look


def results(inputs: ReportInputs, table: Table, comparisons: Table | None, **more: Any) -> Section:
    """Return the table of all models, the paired comparisons and the measured times."""
    made_by = MADE_BY[inputs.task]
    values = {
        "table": table,
        "comparisons": comparisons,
        "latency": latency_table(inputs.results, "frame" if inputs.task == "detection" else "clip"),
        "machine": (inputs.results.latency or {}).get("machine", {}),
        "made_by": made_by,
        **more,
    }
    return Section("results", "All models", "All models", values)


def classes(inputs: ReportInputs, shown: Sequence[str]) -> Section | None:
    """Return the metrics of each class: of the models shown, and folded away of the others."""
    tables = {
        model: class_tables.class_table(inputs.results.classes[model])
        for model in [*shown, *(name for name in inputs.models if name not in shown)]
        if model in inputs.results.classes
    }
    if not tables:
        return None
    return Section("classes", "Classes", "Metrics by class", {"tables": tables})


def robust(inputs: ReportInputs, look: Mapping[str, Look]) -> Section | None:
    """Return the curves over noise, other changes of the sound and faults."""
    head = ("robustness", "Robustness", "Robustness")
    made_by = MADE_BY[inputs.task].get("robustness")
    groups: dict[str, list[Plot]] = {}
    measure = inputs.headline
    if inputs.results.robustness is not None:
        groups = robustness.plots(inputs.results.robustness, look)
        measure = robustness.measure_of(inputs.results.robustness)
    plots = [plot for group in groups.values() for plot in group]
    if not plots:
        return Section(*head, missing=("Robustness was", made_by)) if made_by else None
    areas = inputs.results.areas
    values = {
        "groups": groups,
        "measure": measure,
        "areas": None if areas is None else robustness.area_table(areas, inputs.models),
    }
    return Section(*head, values, plots)


def curves(inputs: ReportInputs, look: Mapping[str, Look], first: str) -> Section:
    """Return the learning curves."""
    tables = {name: inputs.curves[name] for name in inputs.models if name in inputs.curves}
    plot = learning.plot(tables, look, first)
    plots = [] if plot is None else [plot]
    return Section("curves", "Learning", "Learning curves", {"plot": plot}, plots)


def provenance(inputs: ReportInputs) -> Section:
    """Return the provenance of the figures: clips, versions, parameters."""
    values = {
        "states": [
            (state, count, STATES[state])
            for state, count in clip_counts(inputs.status).items()
            if state == "ok" or (state in STATES and count)
        ],
        "versions": inputs.provenance,
        "parameters": inputs.parameters,
    }
    return Section("provenance", "Provenance", "Provenance", values)
