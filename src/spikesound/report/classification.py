"""The sections of a classification run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.curves import confusion_counts
from spikesound.evaluation.manifest import manifest_hash
from spikesound.evaluation.measures import CLASSIFICATION
from spikesound.evaluation.predictions import to_matrix
from spikesound.report import anytime, break_even, clips, energy, pictures, study
from spikesound.report import shared_sections as shared
from spikesound.report import verdict as words
from spikesound.report.comparison import comparison_table, ordered_pairs
from spikesound.report.confusion import most_confused
from spikesound.report.families import family
from spikesound.report.front_plot import ACCURACY
from spikesound.report.inputs import Clip, ReportInputs
from spikesound.report.models_table import models_table
from spikesound.report.numbers import heading
from spikesound.report.plot import Plot
from spikesound.report.results import MADE_BY
from spikesound.report.section import Section
from spikesound.report.theme import Look
from spikesound.tasks.classification.scores import ScoreMatrix

Matrices = Mapping[str, ScoreMatrix]
_MADE_BY = MADE_BY["classification"]


def sections(
    inputs: ReportInputs, look: Mapping[str, Look], shown: Sequence[str]
) -> list[Section | None]:
    """Return the sections in their order; None where the run has nothing to show.

    Raises
    ------
    SpikesoundError
        If the inputs do not belong together.
    """
    matrices = score_matrices(inputs)
    return [
        _energy(inputs, look, shown),
        shared.over_accounts(inputs, look),
        _results(inputs),
        shared.classes(inputs, shown),
        _break_even(inputs, look),
        shared.robust(inputs, look),
        _anytime(inputs, look),
        _study(inputs),
        _confusion(inputs, matrices, shown),
        _misclassified(inputs, matrices, shown),
        shared.curves(inputs, look, shown[0]),
        Section("counted", "Definitions", template="counted_classification"),
        shared.provenance(inputs),
    ]


def score_matrices(inputs: ReportInputs) -> dict[str, ScoreMatrix]:
    """Return each model's scores, checked to be those that the summary was made from."""
    labels = list(inputs.names)
    multilabel = inputs.headline is not ACCURACY
    matrices = {
        name: to_matrix(inputs.predictions[name], labels, multilabel=multilabel)
        for name in inputs.models
    }
    wanted = inputs.summary["dataset"]["manifest"]
    for name, matrix in matrices.items():
        manifest = manifest_hash(matrix.clip_ids, inputs.status)
        if manifest != wanted:
            raise SpikesoundError(
                f"predictions of {name} and the status table have manifest {manifest}, the summary "
                f"has {wanted}: they are of different runs (dvc repro)"
            )
    return matrices


def _energy(inputs: ReportInputs, look: Mapping[str, Look], shown: Sequence[str]) -> Section:
    results, measure = inputs.results, inputs.headline
    twins = {twin for _, twin in ordered_pairs(inputs.summary, inputs.table, measure)}
    plot = None
    if results.energy is not None:
        plot = energy.energy_plot(
            results.energy, inputs.summary, look, twins=twins, measure=measure
        )
    layers = {
        model: energy.operations_table(model, results.operations[model])
        for model in shown
        if model in results.operations
    }
    title = f"{heading(measure)} against energy"
    values = {"plot": plot, "operations": layers}
    return _plotted("energy", title, plot, "Energy was", values)


def _results(inputs: ReportInputs) -> Section:
    pairs = ordered_pairs(inputs.summary, inputs.table, inputs.headline)
    measures = inputs.measures
    if measures is CLASSIFICATION:
        measures = (CLASSIFICATION[0], CLASSIFICATION[2])
    return shared.results(
        inputs,
        models_table(inputs.summary, inputs.results, inputs.headline),
        comparison_table(inputs.results, measures, inputs.confidence),
        others=[
            words.on_metric(inputs.summary, inputs.results, pair, inputs.headline)
            for pair in pairs[1:]
        ],
    )


def _break_even(inputs: ReportInputs, look: Mapping[str, Look]) -> Section:
    results = inputs.results
    pairs = ordered_pairs(inputs.summary, inputs.table, inputs.headline)
    plot = None
    if results.break_even is not None and pairs:
        setting = None
        if results.energy is not None:
            setting = energy.default_setting(results.energy, inputs.summary)
        plot = break_even.break_even_plot(
            results.break_even, inputs.summary, look, pairs[0], setting
        )
    return _plotted("break-even", "Break-even spike rate", plot, "The break-even rate was")


def _anytime(inputs: ReportInputs, look: Mapping[str, Look]) -> Section:
    table = inputs.results.anytime
    plots = [] if table is None else anytime.plots(table, look)
    head = ("anytime", "Anytime accuracy")
    if not plots:
        return Section(*head, missing=("Anytime accuracy was", _MADE_BY["anytime"]))
    return Section(*head, {"plots": plots}, plots)


def _study(inputs: ReportInputs) -> Section:
    rows = inputs.results.study
    plot = None if rows is None else study.plot(rows)
    sentence = "" if rows is None else study.sentence(rows)
    return _plotted(
        "study",
        "Settings and seeds",
        plot,
        "Other settings and seeds were",
        {"plot": plot, "sentence": sentence},
    )


def _plotted(
    name: str,
    title: str,
    plot: Plot | None,
    what: str,
    values: Mapping[str, Any] | None = None,
) -> Section:
    """Return a section around one plot, or one that reports that it was not measured."""
    if plot is None:
        made_by = _MADE_BY[name.replace("-", "_")]
        return Section(name, title, missing=(what, made_by))
    return Section(name, title, values or {"plot": plot}, [plot])


def _confusion(inputs: ReportInputs, matrices: Matrices, shown: Sequence[str]) -> Section:
    names = list(inputs.names.values())
    each = []
    for model in [*shown, *(name for name in inputs.models if name not in shown)]:
        counts = confusion_counts(matrices[model])
        picture = pictures.confusion(model, counts, names, family(model, inputs.table))
        each.append(
            {
                "model": model,
                "picture": Markup(picture),
                "pairs": most_confused(counts, names),
            }
        )
    values = {"matrices": each}
    return Section("confusion", "Confusion matrix", values)


def _misclassified(inputs: ReportInputs, matrices: Matrices, shown: Sequence[str]) -> Section:
    each = [_clip(clip, matrices, shown, inputs) for clip in inputs.clips]
    return Section("misclassified", "Misclassified clips", {"clips": each})


def _clip(
    clip: Clip, matrices: Matrices, shown: Sequence[str], inputs: ReportInputs
) -> dict[str, Any]:
    names = list(inputs.names.values())
    title = clips.true_name(matrices[shown[0]], clip.clip_id, names)
    return clips.card(clip, title) | {
        "scores": [
            {
                "model": model,
                "right": clips.is_right(matrices[model], clip.clip_id),
                "bars": clips.scores(matrices[model], clip.clip_id, names),
            }
            for model in shown
        ],
    }
