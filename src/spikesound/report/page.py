"""The report: one HTML file that holds everything it shows and asks the network for nothing."""

from __future__ import annotations

import base64
import io
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from spikesound.errors import SpikesoundError, unknown
from spikesound.evaluation.curves import confusion_counts
from spikesound.evaluation.manifest import clip_counts, manifest_hash
from spikesound.evaluation.predictions import ScoreMatrix, to_matrix
from spikesound.evaluation.summary import family
from spikesound.evaluation.table import percent, table_rows
from spikesound.report import figures, verdict
from spikesound.report.inputs import Example, ReportInputs
from spikesound.schema import STATES

_BEST_SCORES = 5


def build_report(inputs: ReportInputs, out: Path) -> None:
    """Write the page, whole or not at all; the same inputs give the same bytes.

    Raises
    ------
    SpikesoundError
        If the inputs do not belong together, for example predictions of other clips than those of
        the summary; the message names what differs.
    """
    text = render(inputs)
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(out.name + ".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(out)


def render(inputs: ReportInputs) -> str:
    """Return the page as text; see :func:`build_report`."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    environment.filters["unbroken"] = _unbroken
    template = files("spikesound.report").joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(context(inputs)) + "\n"


def context(inputs: ReportInputs) -> dict[str, Any]:
    """Return everything that the template fills in.

    Raises
    ------
    SpikesoundError
        If the inputs do not belong together.
    """
    labels = list(inputs.names)
    models = [name for name in inputs.summary if name != "dataset"]
    matrices = {name: to_matrix(inputs.predictions[name], labels) for name in models}
    _check_manifest(inputs, matrices)
    example = inputs.example
    title = _title(example, next(iter(matrices.values())), inputs)
    heads, rows = table_rows(inputs.summary)
    pairs = verdict.pairs(inputs.summary)
    return {
        "verdict": verdict.verdict(inputs.summary),
        "other_verdicts": [verdict.judge(inputs.summary, *pair) for pair in pairs[1:]],
        "dataset": inputs.summary["dataset"],
        "confidence": f"{float(inputs.summary['dataset']['confidence']) * 100:g} %",
        "heads": heads,
        "rows": [(family(row[0]), row) for row in rows],
        "accuracy": Markup(figures.accuracy_intervals(inputs.summary)),
        "example": example,
        "example_title": title,
        "audio": _flac_uri(example),
        "wave": Markup(figures.wave_and_features(example, title)),
        "raster": None if example.spikes is None else Markup(figures.spike_raster(example, title)),
        "spikes": None if example.spikes is None else int(example.spikes.sum()),
        "spike_share": None if example.spikes is None else percent(example.spikes.mean()),
        "scores": [_scores(name, matrices[name], inputs) for name in models],
        "curves": [
            (name, Markup(figures.learning_curves(name, inputs.curves[name])))
            for name in models
            if name in inputs.curves
        ],
        "confusions": [
            (
                name,
                Markup(
                    figures.confusion(
                        name, confusion_counts(matrices[name]), list(inputs.names.values())
                    )
                ),
            )
            for name in models
        ],
        "states": [
            (state, count, STATES[state])
            for state, count in clip_counts(inputs.status).items()
            if state == "ok" or (state in STATES and count)
        ],
        "provenance": inputs.provenance,
        "parameters": inputs.parameters,
    }


def _unbroken(text: str) -> str:
    """Keep numbers with their signs, intervals and names in one line each."""
    glued = {" %": "\u00a0%", "× ": "×\u00a0", "–": "\u2060–\u2060", "-": "\u2011"}
    for plain, kept in glued.items():
        text = text.replace(plain, kept)
    return text


def _check_manifest(inputs: ReportInputs, matrices: dict[str, ScoreMatrix]) -> None:
    """Refuse predictions or a status table that the summary was not made from."""
    for name, matrix in matrices.items():
        found = manifest_hash(matrix.clip_ids, inputs.status)
        wanted = inputs.summary["dataset"]["manifest"]
        if found != wanted:
            raise SpikesoundError(
                f"predictions of {name} and the status table have manifest {found}, the summary "
                f"has {wanted}: they are of different runs (dvc repro)"
            )
        if inputs.example.clip_id not in matrix.clip_ids:
            raise unknown(f"example clip for {name}:", inputs.example.clip_id, matrix.clip_ids)


def _title(example: Example, matrix: ScoreMatrix, inputs: ReportInputs) -> str:
    row = matrix.targets[matrix.clip_ids.index(example.clip_id)]
    names = list(inputs.names.values())
    return " and ".join(names[column] for column in np.flatnonzero(row))


def _scores(model: str, matrix: ScoreMatrix, inputs: ReportInputs) -> dict[str, Any]:
    """Return the model's highest scores for the example, and those of its true labels."""
    row = matrix.clip_ids.index(inputs.example.clip_id)
    scores, targets = matrix.scores[row], matrix.targets[row]
    order = np.argsort(-scores, kind="stable")
    shown = [
        column for place, column in enumerate(order) if place < _BEST_SCORES or targets[column]
    ]
    names = list(inputs.names.values())
    return {
        "model": model,
        "family": family(model),
        "right": bool(targets[order[0]]),
        "bars": [
            {
                "name": names[column],
                "percent": percent(scores[column]),
                "true": bool(targets[column]),
            }
            for column in shown
        ],
    }


def _flac_uri(example: Example) -> str:
    """Return the clip as a data: URI of lossless 16-bit FLAC, which every browser plays."""
    stream = io.BytesIO()
    samples = np.clip(example.samples, -1, 1)
    soundfile.write(stream, samples, example.rate_hz, format="FLAC", subtype="PCM_16")
    return "data:audio/flac;base64," + base64.b64encode(stream.getvalue()).decode()
