"""Everything that the page's template fills in, computed from the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import STATES
from spikesound.evaluation.curves import confusion_counts
from spikesound.evaluation.manifest import clip_counts, manifest_hash
from spikesound.evaluation.predictions import to_matrix
from spikesound.evaluation.summary import Metrics
from spikesound.report import (
    anytime,
    break_even,
    clips,
    energy,
    learning,
    pictures,
    robustness,
    study,
)
from spikesound.report import verdict as words
from spikesound.report.confusion import most_confused
from spikesound.report.families import family
from spikesound.report.inputs import Clip, ReportInputs
from spikesound.report.models_table import latency_table, models_table
from spikesound.report.numbers import as_float
from spikesound.report.plot import Plot, drawn
from spikesound.report.results import MADE_BY
from spikesound.report.theme import Look, looks
from spikesound.tasks.classification.scores import ScoreMatrix

Matrices = Mapping[str, ScoreMatrix]


def context(inputs: ReportInputs) -> dict[str, Any]:
    """Return the values of the template's names.

    Raises
    ------
    SpikesoundError
        If the inputs do not belong together.
    """
    matrices = score_matrices(inputs)
    look = looks(inputs.models)
    shown = shown_models(inputs.summary)
    plots = _plots(inputs, look)
    dataset = inputs.summary["dataset"]
    return {
        "verdict": words.verdict(inputs.summary, inputs.results),
        "facts": words.facts(inputs.summary, inputs.results),
        "others": [
            words.on_accuracy(inputs.summary, inputs.results, pair)
            for pair in words.pairs(inputs.summary)[1:]
        ],
        "dataset": dataset,
        "confidence": f"{float(dataset['confidence']) * 100:g} %",
        "look": look,
        "shown": shown,
        "models_table": models_table(inputs.summary, inputs.results),
        "comparisons": words.comparison_rows(
            inputs.results, round(1 - float(inputs.summary["dataset"]["confidence"]), 9)
        ),
        "latency": latency_table(inputs.results),
        "latency_machine": (inputs.results.latency or {}).get("machine", {}),
        **plots,
        "drawn": Markup(drawn(_flat(plots))),
        "areas": None
        if inputs.results.areas is None
        else robustness.area_table(inputs.results.areas, inputs.models),
        "study_sentence": ""
        if inputs.results.study is None
        else study.sentence(inputs.results.study),
        "operations": {
            model: energy.operations_table(model, inputs.results.operations[model])
            for model in shown
            if model in inputs.results.operations
        },
        "confusions": _confusions(inputs, matrices),
        "wrong": [_clip(clip, matrices, shown, inputs) for clip in inputs.clips],
        "states": [
            (state, count, STATES[state])
            for state, count in clip_counts(inputs.status).items()
            if state == "ok" or (state in STATES and count)
        ],
        "made_by": MADE_BY,
        "provenance": inputs.provenance,
        "parameters": inputs.parameters,
        "family": family,
    }


def score_matrices(inputs: ReportInputs) -> dict[str, ScoreMatrix]:
    """Return each model's scores, checked to be those that the summary was made from."""
    labels = list(inputs.names)
    matrices = {name: to_matrix(inputs.predictions[name], labels) for name in inputs.models}
    wanted = inputs.summary["dataset"]["manifest"]
    for name, matrix in matrices.items():
        found = manifest_hash(matrix.clip_ids, inputs.status)
        if found != wanted:
            raise SpikesoundError(
                f"predictions of {name} and the status table have manifest {found}, the summary "
                f"has {wanted}: they are of different runs (dvc repro)"
            )
    return matrices


def shown_models(summary: Mapping[str, Metrics]) -> list[str]:
    """Return the models that are shown first: the verdict's pair, else the most accurate one."""
    pairs = words.pairs(summary)
    if pairs:
        return list(pairs[0])
    models = [name for name in summary if name != "dataset"]
    return [max(models, key=lambda name: float(summary[name]["accuracy"]))]


def _plots(inputs: ReportInputs, look: Mapping[str, Look]) -> dict[str, Any]:
    """Return the plots of each section; None or nothing where what they show is not there."""
    results, summary = inputs.results, inputs.summary
    pairs = words.pairs(summary)
    setting = None if results.energy is None else energy.default_setting(results.energy, summary)
    own_rate = None
    if results.break_even is not None and pairs:
        own_rate = break_even.break_even_plot(results.break_even, summary, look, pairs[0], setting)
    robust: dict[str, list[Plot]] = {group: [] for group in robustness.GROUPS}
    if results.robustness is not None:
        robust = robustness.plots(results.robustness, look)
    return {
        "energy_plot": None
        if results.energy is None
        else energy.accuracy_plot(results.energy, summary, look),
        "break_even_plot": own_rate,
        "robust": robust,
        "anytime_plots": [] if results.anytime is None else anytime.plots(results.anytime, look),
        "study_plot": None if results.study is None else study.plot(results.study),
        "learning_plot": learning.plot(
            {name: inputs.curves[name] for name in inputs.models if name in inputs.curves},
            look,
            shown_models(summary)[0],
        ),
    }


def _flat(plots: Mapping[str, Any]) -> list[Plot]:
    single = [plots[f"{name}_plot"] for name in ("energy", "break_even", "study", "learning")]
    several = [plot for group in plots["robust"].values() for plot in group]
    return [plot for plot in (*single, *several, *plots["anytime_plots"]) if plot is not None]


def _confusions(inputs: ReportInputs, matrices: Matrices) -> list[dict[str, Any]]:
    names = list(inputs.names.values())
    first = shown_models(inputs.summary)
    order = [*first, *(name for name in inputs.models if name not in first)]
    found = []
    for model in order:
        counts = confusion_counts(matrices[model])
        found.append(
            {
                "model": model,
                "picture": Markup(pictures.confusion(model, counts, names)),
                "pairs": most_confused(counts, names),
            }
        )
    return found


def _clip(clip: Clip, matrices: Matrices, shown: list[str], inputs: ReportInputs) -> dict[str, Any]:
    names = list(inputs.names.values())
    title = clips.true_name(matrices[shown[0]], clip.clip_id, names)
    firing = None if clip.spikes is None else as_float(clip.spikes.mean())
    raster = None
    if clip.spikes is not None:
        raster = Markup(pictures.raster(clip, title))
    return {
        "clip": clip,
        "title": title,
        "sound": clips.sound_uri(clip.samples, clip.rate_hz),
        "features": Markup(pictures.features(clip, title)),
        "raster": raster,
        "firing": firing,
        "scores": [
            {
                "model": model,
                "right": clips.is_right(matrices[model], clip.clip_id),
                "bars": clips.scores(matrices[model], clip.clip_id, names),
            }
            for model in shown
        ],
    }
