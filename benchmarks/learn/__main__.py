"""Sounds taught to frozen networks by few recordings: rules compared, twin by twin.

    python benchmarks/learn --digits FOLDER [--unknown FOLDER] [--halves 1]
        [--scenes 100] [--epochs 20]

Three groups of trials. `classes`: classifiers trained on five of ESC-10's ten classes, taught the
other five. `digits`: the same, taught spoken digits (--digits, files of FSDD's ``recordings``).
`detectors`: trained on scenes of every other class of events, taught the other classes and the
digits. Sounds are taught one at a time by 1, 5 or 10 recordings of folds 1 to 3, against recordings
of the known classes. What is not taught is unknown, and so is every third file of --unknown.

A rule's setting is the one with the best mean over the three groups on validation recordings, fold
4; the figures are those of the test recordings, fold 5, that no network was trained on. Networks,
and what their last hidden layers do, lie in build/learn and are made once: a run that was broken
off goes on. Prints tables, and writes benchmarks/results/learn.json.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from machine import machine, versions
from networks import BUILD, classifiers, detectors, halves
from rules import RULES, Floats, Rule, fitted, with_squares
from sounds import Material, digits, esc10, material, unknown, with_kinds

from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.core.seeds import numpy_generator
from spikesound.inference.learnt.activity import Activity
from spikesound.inference.learnt.check import potential

OUT = ROOT / "benchmarks/results/learn.json"
COUNTS = (1, 5, 10)
DRAWS = {"validation": 1, "test": 2}
KEY = ["rule", "setting", "boundary"]


def main() -> None:
    """Train, teach, choose, test, print."""
    arguments = parsed()
    os.chdir(ROOT)  # to which the paths of params.yaml are relative
    torch.set_num_threads(1)
    groups = groups_of(arguments)
    validated = pd.concat(
        [trials(name, each, "validation", None) for name, of in groups.items() for each in of]
    )
    by_group = validated.groupby([*KEY, "group"])["balanced"].mean().unstack()
    by_group["mean"] = by_group.mean(axis=1)
    best = by_group["mean"].groupby("rule").idxmax()
    print("balanced on validation recordings, by group:")
    print(by_group.sort_values("mean", ascending=False).round(4).to_string())
    tested = pd.concat(
        [trials(name, each, "test", set(best)) for name, of in groups.items() for each in of]
    )
    table = tested.groupby(["group", "model", "rule", "recordings"]).mean(numeric_only=True)
    print(f"test recordings; chosen on validation: {', '.join(map(str, best))}")
    print(table.round(3).to_string())
    content = {
        "bench": "learn",
        "counts": COUNTS,
        "draws": DRAWS,
        "halves": arguments.halves,
        "scenes_per_fold": arguments.scenes,
        "epochs": arguments.epochs,
        "unknown_files": len(unknown(arguments.unknown)),
        "chosen": {rule: list(key[1:]) for rule, key in best.items()},
        "validation": by_group.round(4).reset_index().to_dict("records"),
        "test": table.round(4).reset_index().to_dict("records"),
        "machine": machine(),
        "versions": versions("torch", "numpy"),
    }
    write_json(OUT, content)
    print(OUT)


def groups_of(arguments: argparse.Namespace) -> dict[str, list[Material]]:
    """Return the models of each group with their recordings."""
    recordings, others = esc10(), unknown(arguments.unknown)
    groups: dict[str, list[Material]] = {"classes": [], "digits": [], "detectors": []}
    spoken = digits(arguments.digits)
    for half, labels in enumerate(halves()[: arguments.halves]):
        known = with_kinds(recordings, labels)
        for folder in classifiers(f"half-{half}", labels, arguments.epochs).values():
            rows = pd.concat([known, others])
            groups["classes"].append(material(folder, rows, BUILD / "activity"))
            rows = pd.concat([known[known["kind"] == "known"], spoken, others])
            groups["digits"].append(material(folder, rows, BUILD / "activity"))
    folders, familiar = detectors("detectors", arguments.scenes, arguments.epochs)
    labels = set(recordings.loc[recordings["media_id"].isin(familiar), "label"])
    rows = pd.concat([with_kinds(recordings, labels), spoken, others])
    for folder in folders.values():
        groups["detectors"].append(material(folder, rows, BUILD / "activity"))
    return groups


def trials(
    group: str, material: Material, part: str, chosen: set[tuple[str, str, str]] | None
) -> pd.DataFrame:
    """Return figures for each new sound, number of recordings, draw and rule.

    Parameters
    ----------
    chosen : rule, setting and boundary of those that take part; None: all
    """
    keys = [(name, setting) for name, rule in RULES.items() for setting in rule.learn]
    keys = [key for key in keys if chosen is None or key in {each[:2] for each in chosen}]
    rows = []
    for name, setting in track(keys, total=len(keys), what=f"{group}, {part}", unit="setting"):
        for count, label, weights, bounds in taught(material, part, RULES[name], setting):
            scores = scores_of(weights, material, label, part, RULES[name])
            for bound, least in bounds.items():
                key = (name, setting, bound)
                if chosen is None or key in chosen:
                    figures = figures_of(scores, least)
                    rows.append(
                        {"recordings": count, **dict(zip(KEY, key, strict=True)), **figures}
                    )
    return pd.DataFrame(rows).assign(group=group, model=material.model.name)


def taught(
    material: Material, part: str, rule: Rule, setting: str
) -> Iterator[tuple[int, str, Floats, dict[str, float]]]:
    """Teach each new sound by each number of recordings."""
    others = [each for of in material.of("teach", "known").values() for each in of]
    others = seen_by(rule, others)
    for label, pool in material.of("teach", "new").items():
        pool = seen_by(rule, pool)
        for count in COUNTS:
            for draw in range(DRAWS[part]):
                generator = numpy_generator(draw, "learn", part, label, count)
                order = generator.permutation(len(pool))[:count]
                sound = [pool[each] for each in order]
                yield count, label, *fitted(rule.learn[setting], sound, others, material.frames)


def seen_by(rule: Rule, recordings: Sequence[Activity]) -> list[Activity]:
    """Return the recordings as a rule's neuron gets them."""
    return [with_squares(each) if rule.squares else each for each in recordings]


def scores_of(
    weights: Floats, material: Material, label: str, part: str, rule: Rule
) -> dict[str, Floats]:
    """Return a taught sound's potentials in recordings with it, of known classes, and of others."""
    new, known = material.of(part, "new"), material.of(part, "known")
    rest = [each for other, of in new.items() if other != label for each in of]
    rest += [each for of in material.of(part, "unknown").values() for each in of]
    kinds = {
        "found": new[label],
        "false_known": [each for of in known.values() for each in of],
        "false_unknown": rest,
    }
    return {
        kind: np.array([potential(each, weights, material.frames) for each in seen_by(rule, of)])
        for kind, of in kinds.items()
    }


def figures_of(scores: dict[str, Floats], boundary: float) -> dict[str, float]:
    """Return the shares of recordings in which a taught sound is found."""
    figures = {kind: float((of > boundary).mean()) for kind, of in scores.items()}
    alarms = (figures["false_known"] + figures["false_unknown"]) / 2
    return figures | {"balanced": (figures["found"] + 1 - alarms) / 2}


def parsed() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--digits", type=Path, required=True, help="recordings of FSDD")
    parser.add_argument("--unknown", type=Path, help="folder of other sounds, *.flac")
    parser.add_argument("--halves", type=int, choices=(1, 2), default=1, help="of the classes")
    parser.add_argument("--epochs", type=int, default=20, help="of each training")
    parser.add_argument("--scenes", type=int, default=100, help="of each fold, for detectors")
    arguments = parser.parse_args()
    for name in ("digits", "unknown"):
        folder = getattr(arguments, name)
        if folder is not None and not folder.is_dir():
            raise SpikesoundError(f"--{name}: {folder}: no such folder")
        setattr(arguments, name, folder and folder.resolve())
    return arguments


if __name__ == "__main__":
    run(main)
