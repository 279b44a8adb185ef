"""The trained models that are installed with the package: where they lie, and their cards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from spikesound.models.spec import Spec

PACKAGE = "spikesound_models"
SUFFIX = ".safetensors"

FIGURES = {
    "classification": (
        ("accuracy", "accuracy", "{:.1%}"),
        ("macro_f1", "macro F1", "{:.3f}"),
        ("map", "mean average precision", "{:.3f}"),
    ),
    "detection": (
        ("psds1", "PSDS 1 (exact times)", "{:.3f}"),
        ("psds2", "PSDS 2 (classes distinguished)", "{:.3f}"),
        ("event_f1", "event-based F1, mean of the classes", "{:.3f}"),
        ("false_alarms_per_hour", "false alarms in an hour of background without events", "{:.0f}"),
    ),
}
"""Of each task: key in the metrics file, words, form. An interval stands beside each."""


def folder() -> Path | None:
    """Return the folder of the installed models; None if there is none."""
    found = find_spec(PACKAGE)
    places = found.submodule_search_locations if found else None
    return Path(next(iter(places))) if places else None


def named(name: str) -> Path | None:
    """Return the file of an installed model by its name; None if there is none of that name."""
    place = folder()
    return next(iter(sorted(place.glob(f"*/{name}{SUFFIX}"))), None) if place else None


def card(file: Path, spec: Spec, metrics: Mapping[str, float]) -> str:
    """Return what a person should know of a model before using it, as Markdown.

    Parameters
    ----------
    file : of the model
    metrics : of the model in cross-validation, as its metrics file has them
    """
    kind = "spiking" if spec.spiking else "conventional"
    what = "classifier: what sounds in a clip" if spec.task == "classification" else (
        "detector: when each sound begins and ends"
    )  # fmt: skip
    of_held_out = (
        "clips of the folds held out, each once, by one network a fold; this file is one of them"
        if spec.task == "classification"
        else "scenes mixed of the recordings of the fold held out"
    )
    content = file.read_bytes()
    lines = [
        f"# {spec.model}\n",
        f"A {kind} {what}. Network `{spec.network}`, neurons `{spec.neuron}`, "
        f"{metrics['parameters']:,} parameters, {len(content) / 1e3:,.0f} kB.\n",
        "| | |\n|---|---|",
        f"| classes | {'; '.join(spec.names)} |",
        f"| trained on | {trained_on(spec)} |",
        f"| SHA-256 | `{hashlib.sha256(content).hexdigest()}` |",
        f"\n| {of_held_out} | value | 95 % interval |\n|---|---:|---|",
    ]
    for key, words, form in FIGURES[spec.task]:
        low, high = (metrics.get(f"{key}_{end}") for end in ("low", "high"))
        interval = f"{form.format(low)} to {form.format(high)}" if low is not None else "–"
        lines.append(f"| {words} | {form.format(metrics[key])} | {interval} |")
    lines += [
        "\n## Limits\n",
        "It knows these classes alone, from few recordings of one collection: on other "
        "microphones, in other places and at other distances expect less. Sounds of other classes "
        "may be taken for one of them. It is there to try the commands with; train one of your own "
        "for work: `spikesound train`.\n",
        "Weights: MIT. The recordings it learnt from are ESC-10's, under Creative Commons "
        "licences, with their authors in `data/esc10/credits.csv` of the source.",
    ]
    return "\n".join(lines) + "\n"


def trained_on(spec: Spec) -> str:
    """Return a model's training data in words."""
    if spec.task == "classification":
        return f"ESC-10 without fold {spec.fold}, seed {spec.seed}"
    return (
        f"ten-second scenes mixed from ESC-10's recordings without fold {spec.fold}, "
        f"{spec.labels} labels, seed {spec.seed}"
    )
