"""What a training came to: figures of each model, the verdict, and where everything lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikesound.apps.cli import workspace as paths
from spikesound.core.json_files import read_mapping
from spikesound.core.schema import CLIPS, STATUS, read_table
from spikesound.data.ontology import Ontology
from spikesound.data.sources.folder import Folder
from spikesound.evaluation.differences import read_difference
from spikesound.evaluation.measures import DETECTION, MULTILABEL, Measure, clip_measures
from spikesound.evaluation.verdict import verdict
from spikesound.params import Params
from spikesound.params.table import twins

HEADLINES = {
    "classification": clip_measures(["accuracy"])[0],
    "multiple": MULTILABEL[0],
    "detection": next(measure for measure in DETECTION if measure.key == "event_f1"),
}
"""Measure of each task; of classification with several labels a clip another."""

ENERGY = {
    "classification": ("energy_nj", "nJ a clip"),
    "detection": ("events_uw", "µW in sound"),
}


@dataclass(frozen=True)
class Outcome:
    """Result of ``spikesound train``.

    Attributes
    ----------
    workspace : its folder
    report : the page of the run
    models : folder of each trained model, for :func:`spikesound.load`, by name
    figures : metrics of each model, the baseline included
    headline, energy : which of them are compared: accuracy, mAP or event F1, and the energy
    verdicts : a sentence for each spiking model with each of its twins
    missing : a line for each clip that could not be used
    """

    workspace: Path
    report: Path
    models: dict[str, Path]
    figures: dict[str, dict[str, Any]]
    headline: Measure
    energy: tuple[str, str]
    verdicts: list[str]
    missing: list[str]


def read_outcome(folder: Path, task: str) -> Outcome:
    """Read the results of a workspace whose pipeline has run."""
    params = Params.load(folder / paths.PARAMS)
    models = params.table()
    figures = read_mapping(folder / paths.SUMMARY.format(task=task))
    figures = {name: values for name, values in figures.items() if name != "dataset"}
    compared = read_mapping(folder / paths.COMPARED.format(task=task))
    multiple = task == "classification" and params.tasks.classification.labels == "multiple"
    return Outcome(
        folder,
        folder / paths.REPORT,
        {name: folder / paths.MODELS / task / name for name in models},
        figures,
        HEADLINES["multiple" if multiple else task],
        ENERGY[task],
        [
            _verdict(compared[" vs ".join(pair)], *pair, params.evaluate.confidence)
            for pair in twins(models)
        ],
        missing_clips(folder, task),
    )


def _verdict(figures: Mapping[str, Any], first: str, second: str, confidence: float) -> str:
    if "verdict" in figures:
        return str(figures["verdict"])
    differences = {measure.key: read_difference(figures, measure.key) for measure in DETECTION}
    valued = {key: each for key, each in differences.items() if each is not None}
    return verdict(valued, first, second, measures=DETECTION, confidence=confidence)


def missing_clips(folder: Path, task: str) -> list[str]:
    """Return a line for each clip whose sound could not be used: its file, times and the reason."""
    table = folder / paths.STATUS.format(task=task)
    if not table.is_file():
        return []
    params = Params.load(folder / paths.PARAMS)
    source = Folder(params.sources.folder, Ontology({}, {}), folder)
    clips = read_table(folder / paths.CLIPS_OF.format(task=task), CLIPS)
    status = read_table(table, STATUS)
    lost = status[status["state"] != "ok"].merge(clips, on="clip_id")  # else of an earlier run
    return [
        f"{source.locate(row['media_id'])}, {row['start_s']:g} s to {row['end_s']:g} s: "
        f"{row['state']}: {row['reason']}"
        for row in lost.to_dict("records")
    ]


def lines(outcome: Outcome) -> list[str]:
    """Return the outcome as text: a row for each model, the verdicts, the paths."""
    measure, (energy, unit) = outcome.headline, outcome.energy
    rows = [("model", f"{measure.title} [95 % interval]", "energy")]
    for name, values in outcome.figures.items():
        ends = [values.get(f"{measure.key}{end}") for end in ("", "_low", "_high")]
        spent = values.get(energy)
        rows.append(
            (name, _interval(ends, measure), "–" if spent is None else f"{spent:,.4g} {unit}")
        )
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    table = [f"{a:{widths[0]}}  {b:{widths[1]}}  {c}" for a, b, c in rows]
    return [
        *table,
        "",
        *outcome.verdicts,
        "",
        f"report: {outcome.report}",
        *(f"model: {path}" for path in outcome.models.values()),
    ]


def _interval(ends: list[float | None], measure: Measure) -> str:
    if ends[0] is None:
        return "–"
    texts = ["–" if end is None else f"{measure.scaled(end):.{measure.decimals}f}" for end in ends]
    unit = " %" if measure.in_points else ""
    return f"{texts[0]}{unit} [{texts[1]}–{texts[2]}]"
