"""ESC-10 by author: what is left of an accuracy when no author of a recording is in two folds.

    python benchmarks/authors.py [CREDITS] [--models ann-cnn snn-cnn-surrogate] [--seeds 1]

CREDITS: CSV with the columns media_id,author of all recordings; data/esc10/credits.csv.

ESC-10's own folds keep cuts of one recording together, and not the recordings of one author, who
has one microphone and one dog. Here each model of the table is trained twice, as the pipeline
trains it: on the own folds, and on five folds of whole authors, with the classes in proportion
(scikit-learn's StratifiedGroupKFold). Intervals are over authors, drawn with replacement, for both.
Recordings of authors who are in several of the own folds are shown apart.

Rows land one by one in build/authors, a killed run goes on, and trainings that the pipeline has
done are found in the store. The figures go to benchmarks/results/authors.json and name no author.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from machine import machine, versions
from sklearn.model_selection import StratifiedGroupKFold

from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import write_json
from spikesound.core.seeds import derive, numpy_generator
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES
from spikesound.data.sources.folds import read_folds
from spikesound.data.store import digest
from spikesound.evaluation.accuracy import hit_intervals
from spikesound.evaluation.classification import read_predictions
from spikesound.evaluation.predictions import to_matrix
from spikesound.experiments.data import Data, Folders
from spikesound.experiments.run import run_experiment
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import ExperimentParams, params_of
from spikesound.tasks.classification.metrics import correct

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path("build/authors")
OUT = ROOT / "benchmarks/results/authors.json"
CREDITS = ROOT / "data/esc10/credits.csv"
PARAMS = Path("params.yaml")
ONTOLOGY = Path("data/audioset/ontology.json")
OWN, AUTHORS = "own folds", "by author"
SPLITS = (OWN, AUTHORS)

Hits = Mapping[str, bool]
"""Whether each recording was classified rightly, by media id."""


def main(arguments: argparse.Namespace) -> None:
    author_of = read_authors(Path(arguments.credits).resolve())
    os.chdir(ROOT)  # paths of params.yaml are relative to it
    sections = read_sections(PARAMS)
    default = Params.of(sections)
    own, label_of = read_folds(str(default.sources.esc10.folds)), classes(default)
    folds = {OWN: own, AUTHORS: folds_by_author(own, author_of, label_of, default.seed)}
    settings = {
        f"{model}, {split}": {
            "model": model,
            "seeds": list(range(1, arguments.seeds + 1)),
            "set": {"source": "esc10", "sources.esc10.folds": written(folds[split])}
            | ({} if arguments.epochs is None else shortened(default, model, arguments.epochs)),
        }
        for model in arguments.models
        for split in SPLITS
    }
    table = ExperimentParams.model_validate({"settings": settings})
    nothing = Data(*(BUILD / "none" / kind for kind in ("clips", "audio", "features", "noise")))
    folders = Folders(
        lambda task: nothing,
        BUILD / "spikes",
        ONTOLOGY,
        Path(default.store) / "trainings",
        BUILD,
    )
    params = params_of(sections, "authors", table)
    run_experiment("authors", table, params, default, folders, BUILD / "rows.json")
    content: dict[str, Any] = {"machine": machine(), "versions": versions("torch", "scikit-learn")}
    content |= {"folds": described(own, folds[AUTHORS], author_of, label_of), "rows": []}
    shared = of_several_folds(own, author_of)
    for model in arguments.models:
        for seed in range(1, arguments.seeds + 1):
            hits = [
                read_hits(BUILD / "authors" / folder(model, split) / f"seed-{seed}")
                for split in SPLITS
            ]
            figures = compared(*hits, author_of, shared, default)
            content["rows"].append({"model": model, "seed": seed} | figures)
    write_json(Path(arguments.out), content)
    show(content)


def read_authors(path: Path) -> dict[str, str]:
    """Return the author of each recording by media id."""
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = set(rows[0]) if rows else set()
    if missing := {"media_id", "author"} - columns:
        raise SpikesoundError(f"{path}: expected columns media_id,author; missing: {missing}")
    return {row["media_id"]: row["author"] for row in rows}


def classes(params: Params) -> dict[str, str]:
    """Return the label of each recording, by which classes keep their proportions."""
    ontology = Ontology.load(ONTOLOGY)
    clips = SOURCES["esc10"](params.sources.esc10, ontology, BUILD).listing().clips.to_pandas()
    return dict(zip(clips["media_id"], clips["labels"].str[0], strict=True))


def folds_by_author(
    own: Mapping[str, str], author_of: Mapping[str, str], label_of: Mapping[str, str], seed: int
) -> dict[str, str]:
    """Return as many folds as there are, each of whole authors, by media id.

    Raises
    ------
    SpikesoundError
        If a recording has no author.
    """
    ids = sorted(own)
    if lacking := [each for each in ids if not author_of.get(each)]:
        raise SpikesoundError(
            f"credits: no author of {lacking[0]} ({len(lacking)} such recordings in all)"
        )
    names = sorted(set(own.values()))
    splitter = StratifiedGroupKFold(
        len(names), shuffle=True, random_state=derive(seed, "authors") % 2**32
    )
    labels, groups = [label_of[each] for each in ids], [author_of[each] for each in ids]
    found: dict[str, str] = {}
    for name, (_, rows) in zip(names, splitter.split(ids, labels, groups), strict=True):
        found |= {ids[row]: name for row in rows}
    return {each: found[each] for each in ids}


def written(folds: Mapping[str, str]) -> str:
    """Write folds to a file that is named by them, and return its path."""
    text = "".join(["media_id,fold\n", *(f"{each},{fold}\n" for each, fold in folds.items())])
    path = BUILD / f"folds-{digest(text)[:12]}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def shortened(params: Params, model: str, epochs: int) -> dict[str, Any]:
    """Return the change of parameters for a trial of few epochs."""
    recipe = f"recipes.{params.model(model).row.recipe}"
    return {recipe: {"epochs": epochs, "patience": epochs}}


def of_several_folds(own: Mapping[str, str], author_of: Mapping[str, str]) -> set[str]:
    """Return the recordings of authors who are in several of the own folds."""
    folds_of: dict[str, set[str]] = {}
    for each, fold in own.items():
        folds_of.setdefault(author_of[each], set()).add(fold)
    return {each for each in own if len(folds_of[author_of[each]]) > 1}


def described(
    own: Mapping[str, str],
    folds: Mapping[str, str],
    author_of: Mapping[str, str],
    label_of: Mapping[str, str],
) -> dict[str, Any]:
    """Return how many authors and recordings are where."""
    shared = of_several_folds(own, author_of)
    alike = {
        one
        for one in shared
        for other in shared
        if (author_of[one], label_of[one]) == (author_of[other], label_of[other])
        and own[one] != own[other]
    }
    names = sorted(set(folds.values()))
    return {
        "recordings": len(own),
        "authors": len({author_of[each] for each in own}),
        "authors_in_several_folds": len({author_of[each] for each in shared}),
        "recordings_of_these": len(shared),
        "recordings_with_author_and_class_in_another_fold": len(alike),
        "recordings_by_fold": {
            name: sum(fold == name for fold in folds.values()) for name in names
        },
    }


def folder(model: str, split: str) -> str:
    """Return the folder of a setting's results, as the experiment names it."""
    return f"{model}_{split.replace(' ', '_')}"


def read_hits(out: Path) -> dict[str, bool]:
    """Return which recordings a row's networks classified rightly, each by its own fold's."""
    matrix = to_matrix(read_predictions(out / "predictions"))
    media_ids = (each.rsplit("_", 1)[0] for each in matrix.clip_ids)  # behind it the start, ms
    return dict(zip(media_ids, correct(matrix).tolist(), strict=True))


def compared(
    own: Hits, by_author: Hits, author_of: Mapping[str, str], shared: set[str], params: Params
) -> dict[str, Any]:
    """Return the accuracies of two splits on the same recordings, and their difference.

    Each with the ends of its interval over authors; likewise of the recordings in ``shared``.
    """
    return {
        "all": _figures(sorted(own), own, by_author, author_of, params),
        "shared": _figures(sorted(shared), own, by_author, author_of, params),
    }


def _figures(
    ids: Sequence[str], own: Hits, by_author: Hits, author_of: Mapping[str, str], params: Params
) -> dict[str, Any]:
    one, other = (np.array([hits[each] for each in ids], float) for hits in (own, by_author))
    rows: npt.NDArray[np.float64] = np.stack([one, other, other - one])
    low, high = hit_intervals(
        rows,
        [author_of[each] for each in ids],
        generator=numpy_generator(params.seed, "authors"),
        resamples=params.evaluate.resamples,
        confidence=params.evaluate.confidence,
    )
    found: dict[str, Any] = {"recordings": len(ids)}
    for name, mean, *ends in zip(
        ("own_folds", "by_author", "difference"), rows.mean(1), low, high, strict=True
    ):
        keys = (name, f"{name}_low", f"{name}_high")
        found |= {
            key: round(float(value), 4) for key, value in zip(keys, (mean, *ends), strict=True)
        }
    return found


def show(content: Mapping[str, Any]) -> None:
    """Print the figures."""
    folds = content["folds"]
    alike = folds["recordings_with_author_and_class_in_another_fold"]
    print(
        f"{folds['authors']} authors of {folds['recordings']} recordings; in several of the own "
        f"folds {folds['authors_in_several_folds']}, with {folds['recordings_of_these']} "
        f"recordings, of which {alike} have one of the same author and class in another fold"
    )
    for row in content["rows"]:
        for what in ("all", "shared"):
            each = row[what]
            print(
                f"{row['model']}, seed {row['seed']}, {each['recordings']} recordings: own folds "
                f"{100 * each['own_folds']:.1f} %, by author {100 * each['by_author']:.1f} %, "
                f"difference {100 * each['difference']:+.1f} points "
                f"[{100 * each['difference_low']:+.1f} to {100 * each['difference_high']:+.1f}]"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("credits", nargs="?", default=str(CREDITS))
    parser.add_argument("--models", nargs="+", default=["ann-cnn", "snn-cnn-surrogate"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="for a trial; the recipe's are those to report")
    parser.add_argument("--out", default=str(OUT))
    run(lambda: main(parser.parse_args()))
