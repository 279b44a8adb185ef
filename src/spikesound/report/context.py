"""Everything that the page's template fills in, computed from the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from spikesound.evaluation.measures import Measure
from spikesound.evaluation.summary import Metrics
from spikesound.report import classification, detection, detection_verdict
from spikesound.report import verdict as classification_verdict
from spikesound.report.comparison import ordered_pairs
from spikesound.report.families import Rows
from spikesound.report.front_plot import ACCURACY
from spikesound.report.inputs import ReportInputs
from spikesound.report.numbers import as_float
from spikesound.report.plot import drawn
from spikesound.report.theme import looks

SECTIONS = {"classification": classification.sections, "detection": detection.sections}
ANSWERS = {"classification": classification_verdict.answer, "detection": detection_verdict.answer}
"""By task."""


def context(inputs: ReportInputs) -> dict[str, Any]:
    """Return the values of the template's names.

    Raises
    ------
    SpikesoundError
        If the inputs do not belong together.
    """
    look = looks(inputs.models, inputs.table)
    shown = shown_models(inputs.summary, inputs.table, inputs.headline)
    sections = [
        section for section in SECTIONS[inputs.task](inputs, look, shown) if section is not None
    ]
    return {
        "answer": ANSWERS[inputs.task](inputs),
        "verdict": _verdict(inputs),
        "dataset": inputs.summary["dataset"],
        "confidence": f"{inputs.confidence * 100:g} %",
        "headline": inputs.headline,
        "look": look,
        "shown": shown,
        "sections": sections,
        "ids": {section.id for section in sections},
        "drawn": Markup(drawn([plot for section in sections for plot in section.plots])),
    }


def shown_models(
    summary: Mapping[str, Metrics], table: Rows, measure: Measure = ACCURACY
) -> list[str]:
    """Return the models that are shown first: the verdict's pair, else the best one."""
    pairs = ordered_pairs(summary, table, measure)
    if pairs:
        return list(pairs[0])
    models = [name for name in summary if name != "dataset"]
    return [max(models, key=lambda name: as_float(summary[name].get(measure.key)) or 0.0)]


def _verdict(inputs: ReportInputs) -> list[str]:
    known = inputs.summary, inputs.results, inputs.table
    if inputs.task == "detection":
        return detection_verdict.verdict(*known)
    return classification_verdict.verdict(*known, inputs.headline)
