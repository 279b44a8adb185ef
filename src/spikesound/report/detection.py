"""The sections of a detection run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spikesound.evaluation.measures import DETECTION
from spikesound.report import clips, intervals, power, timeline
from spikesound.report import shared_sections as shared
from spikesound.report.comparison import comparison_table, ordered_pairs, sentence
from spikesound.report.detection_verdict import PSDS
from spikesound.report.families import family
from spikesound.report.inputs import Clip, ReportInputs
from spikesound.report.models_table import detectors_table
from spikesound.report.results import MADE_BY
from spikesound.report.section import Section
from spikesound.report.theme import Look


def sections(
    inputs: ReportInputs, look: Mapping[str, Look], shown: Sequence[str]
) -> list[Section | None]:
    """Return the sections in their order; None where the run has nothing to show."""
    return [
        _metrics(inputs, look),
        _power(inputs, look, shown),
        shared.over_accounts(inputs, look),
        _results(inputs),
        shared.classes(inputs, shown),
        _examples(inputs),
        shared.robust(inputs, look),
        shared.curves(inputs, look, shown[0]) if inputs.curves else None,
        Section("counted", "Definitions", template="counted_detection"),
        shared.provenance(inputs),
    ]


def _metrics(inputs: ReportInputs, look: Mapping[str, Look]) -> Section | None:
    title = "PSDS and F1 with intervals"
    plot = intervals.interval_plot(inputs.summary, look, DETECTION, title)
    if plot is None:
        return None
    return Section("metrics", title, {"plot": plot}, [plot])


def _power(inputs: ReportInputs, look: Mapping[str, Look], shown: Sequence[str]) -> Section:
    head = ("power", "PSDS 1 against power")
    table, plot = inputs.results.power, None
    if table is not None:
        plot = power.power_plot(table, inputs.summary, look, PSDS, twins=shown)
    if table is None or plot is None:
        return Section(*head, missing=("Power was", MADE_BY["detection"]["power"]))
    return Section(*head, {"plot": plot, "rates": power.rates_table(table, look)}, [plot])


def _results(inputs: ReportInputs) -> Section:
    pairs = ordered_pairs(inputs.summary, inputs.table, PSDS)
    return shared.results(
        inputs,
        detectors_table(inputs.summary),
        comparison_table(inputs.results, DETECTION, inputs.confidence),
        others=[sentence(inputs.summary, inputs.results, pair, DETECTION) for pair in pairs],
    )


def _examples(inputs: ReportInputs) -> Section | None:
    if not inputs.clips:
        return None
    values = {"clips": [_clip(clip, inputs) for clip in inputs.clips]}
    return Section("examples", "Example clips", values)


def _clip(clip: Clip, inputs: ReportInputs) -> dict[str, Any]:
    labels, names = list(inputs.names), dict(inputs.names)
    sounding = list(dict.fromkeys(event.label for event in clip.events))
    title = " · ".join(names[label] for label in sounding) or "No sound event"
    return clips.card(clip, title) | {
        "truth": timeline.event_list(clip.events, names),
        "timelines": [
            {
                "model": model,
                "picture": Markup(
                    timeline.timeline(
                        clip, model, labels, list(names.values()), family(model, inputs.table)
                    )
                ),
                "predicted": timeline.event_list(clip.detections[model].events, names),
            }
            for model in clip.detections
        ],
    }
