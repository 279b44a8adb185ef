"""All models of a task side by side: one summary, tests of pairs, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from spikesound.core import schema
from spikesound.core.json_files import write_json
from spikesound.evaluation import anytime_table, baseline_classification, baseline_detection
from spikesound.evaluation.classification import ANYTIME, read_predictions
from spikesound.evaluation.clusters import recordings_of
from spikesound.evaluation.columns import detection_table, markdown_table, text_table
from spikesound.evaluation.comparison_table import comparison_table
from spikesound.evaluation.comparisons import compare_values, comparisons
from spikesound.evaluation.detection import read_resamples
from spikesound.evaluation.differences import write_differences
from spikesound.evaluation.measures import CLASSIFICATION, DETECTION, MULTILABEL
from spikesound.evaluation.pairs import all_pairs, in_order, pair_key, twin_pairs
from spikesound.evaluation.places import Places
from spikesound.evaluation.robustness.compare import compare_robustness
from spikesound.evaluation.settings import Settings
from spikesound.evaluation.summary import Metrics, compare, read_metrics
from spikesound.evaluation.verdict import verdict
from spikesound.params import Model

Find = Callable[[str], Places]
Costs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Compared:
    """Tables and summary of a comparison.

    Attributes
    ----------
    summary : figures of each model, for metrics/<task>.json
    markdown, text : the table of results and its verdicts, for a page and for a terminal
    """

    summary: dict[str, Metrics]
    markdown: str
    text: str


def compare_classifiers(
    models: Mapping[str, Model],
    find: Find,
    *,
    costs: Costs,
    robustness: Path,
    settings: Settings,
    out: Path,
    plots: Path,
) -> Compared:
    """Compare classifiers pair by pair, in accuracy and under noise; write the tables of all.

    Parameters
    ----------
    models : of the task, by name
    find : returns where a model's results lie
    costs : figures of each model's costs
    robustness : folder of the models' robustness
    out, plots : folders for the comparisons, and for tables that DVC plots
    """
    baseline = baseline_classification.MODEL
    names, networks = in_order(models, baseline), in_order(models)
    metrics = {name: read_metrics(find(name).metrics) for name in names}
    multilabel = "accuracy" not in metrics[baseline]
    measures = MULTILABEL if multilabel else CLASSIFICATION
    recordings = recordings_of(schema.read_table(find(names[0]).clips, schema.CLIPS))
    areas = compare_robustness(
        "classification", networks, all_pairs(models), recordings, settings,
        robustness=robustness, out=out, plots=plots,
    )  # fmt: skip
    extras = {name: dict(costs[name]) | noise_area(areas[name]) for name in networks}
    summary = compare(metrics, extras, names=[measure.key for measure in measures])
    compared = comparisons(
        {name: read_predictions(find(name).predictions) for name in names},
        all_pairs(models, baseline),
        recordings,
        settings,
        multilabel=multilabel,
    )
    curves = [find(name).counts / ANYTIME for name in networks]
    anytime_table.join(curves).to_csv(plots / "anytime.csv", index=False)
    _write_pairs(compared, out, plots)
    text = text_table(summary)
    if compared:
        pairs = comparison_table(compared, settings.confidence, measures=measures)
        text = f"{text}\n{pairs}"
    return Compared(summary, markdown_table(summary), text)


def compare_detectors(
    models: Mapping[str, Model],
    find: Find,
    *,
    costs: Costs,
    robustness: Path,
    settings: Settings,
    out: Path,
    plots: Path,
) -> Compared:
    """Compare detectors pair by pair; parameters as of :func:`compare_classifiers`."""
    baseline = baseline_detection.MODEL
    names = [baseline, *models]
    summary = {name: read_metrics(find(name).metrics) for name in names}
    clips = schema.read_table(find(baseline).clips, schema.CLIPS)
    areas = compare_robustness(
        "detection", list(models), twin_pairs(models), recordings_of(clips), settings,
        robustness=robustness, out=out, plots=plots,
    )  # fmt: skip
    for name in models:
        summary[name] |= dict(costs[name]) | noise_area(areas[name])
    values = {name: read_resamples(find(name).predictions) for name in names}
    compared = compare_values(values, twin_pairs(models, baseline), DETECTION, settings)
    pairs = {
        pair_key(pair): write_differences(found) | {"equivalence_margin": settings.margin}
        for pair, found in compared.items()
    }
    _write_pairs(pairs, out, plots)
    sentences = [
        verdict(
            found, *pair, measures=DETECTION, confidence=settings.confidence, margin=settings.margin
        )
        for pair, found in compared.items()
    ]
    table = detection_table(summary)
    text = f"{table}\n" + "".join(f"- {each}\n" for each in sentences)
    return Compared(summary, text, text)


def noise_area(areas: Mapping[str, float]) -> dict[str, float]:
    """Return the mean area under the noises, if any was tested."""
    return {key: value for key, value in areas.items() if key == "noise_area"}


def _write_pairs(compared: Mapping[str, Metrics], out: Path, plots: Path) -> None:
    """Write the comparison of each pair: as JSON, and as a table, a row a pair."""
    write_json(out / "comparisons.json", compared)
    table = pd.DataFrame([{"pair": pair} | figures for pair, figures in compared.items()])
    table.to_csv(plots / "comparisons.csv", index=False)
