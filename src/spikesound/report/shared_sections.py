"""Sections that the pages of both tasks have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikesound.core.states import STATES
from spikesound.evaluation.manifest import clip_counts
from spikesound.report import accounts, class_tables, learning, robustness
from spikesound.report.comparison import ordered_pairs
from spikesound.report.energy import profile_name
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
    return Section("results", "All models", values)


def over_accounts(inputs: ReportInputs, look: Mapping[str, Look]) -> Section:
    """Return the range of energies, or of powers, over all accounts."""
    head = ("accounts", "Energy over all accounts")
    known, measure = inputs.results, inputs.headline
    pairs = ordered_pairs(inputs.summary, inputs.table, measure)
    plot = None
    if known.shares is not None and known.parts is not None and known.bounds is not None:
        unit = "uw" if inputs.task == "detection" else "nj"
        tables = accounts.Tables(known.shares, known.parts, known.bounds, unit)
        plot = accounts.bounds_plot(tables, inputs.summary, look, measure)
    if plot is None or not pairs:
        return Section(*head, missing=("Accounts were", MADE_BY[inputs.task]["accounts"]))
    spiking = {name: model.spiking for name, model in inputs.table.items()}
    ours = pairs[0][0]
    values = {
        "plot": plot,
        "sentence": accounts.sentence(tables, pairs[0]),
        "cheapest": accounts.cheapest_table(tables, inputs.summary, spiking, measure),
        "shares": accounts.shares_table(tables.shares[tables.shares["model"] == ours]),
        "parts": {
            profile_name(str(profile)): accounts.parts_table(tables, ours, str(profile))
            for profile in dict.fromkeys(tables.parts["profile"])
        },
    }
    return Section(*head, values, [plot])


def classes(inputs: ReportInputs, shown: Sequence[str]) -> Section | None:
    """Return the metrics of each class: of the models shown, and folded away of the others."""
    tables = {
        model: class_tables.class_table(inputs.results.classes[model])
        for model in [*shown, *(name for name in inputs.models if name not in shown)]
        if model in inputs.results.classes
    }
    if not tables:
        return None
    return Section("classes", "Metrics by class", {"tables": tables})


def robust(inputs: ReportInputs, look: Mapping[str, Look]) -> Section | None:
    """Return the curves over noise, other changes of the sound and faults."""
    head = ("robustness", "Robustness")
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
    return Section("curves", "Learning curves", {"plot": plot}, plots)


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
    return Section("provenance", "Provenance", values)
