"""Diehl and Cook's network in BindsNET beside our STDP, on the spoken digits of FSDD.

    python benchmarks/diehl_cook search [--fsdd FOLDER] [--settings NAME...]
    python benchmarks/diehl_cook test [--fsdd FOLDER] [--settings NAME...] [--seeds 1 2 3]
    python benchmarks/diehl_cook show

Both are given the same log-mel features of the same clips, learn without labels, and are read in
the same three ways: by classes of neurons (all activity, and weighted by proportions), as BindsNET
does, and by logistic regression on spike counts, as our method does. ``test`` presents the official
test clips, indices 0 to 4; no choice and no neuron's class depends on them. ``search`` compares
settings of the two on validation clips of the training part, and presents no test clip.

BindsNET is AGPL: it is installed into an environment of its own, build/diehl_cook/environment, runs
there as a process of its own (in_bindsnet.py), and is given and gives back files.

--fsdd: a copy of the data set, with ``recordings`` in it; without one it is downloaded.

Rows land one by one in benchmarks/results/bindsnet.json, and a killed run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from environment import interpreter
from exchange import PARTS, Clips, read_clips, read_counts, write_clips
from in_spikesound import clips_of, costs, prepared, spike_counts, trained
from machine import machine, versions
from read_outs import all_activity, assign, logistic_regression, proportion_weighting

from spikesound.core.errors import SpikesoundError, choose, run
from spikesound.core.json_files import read_json, read_mapping, write_json
from spikesound.data.store import digest
from spikesound.models.networks.wta import WTA
from spikesound.params.base import read_sections

BUILD = ROOT / "build/diehl_cook"
OUT = ROOT / "benchmarks/results/bindsnet.json"
SETTINGS = HERE / "settings.yaml"
SEARCHED = PARTS[:2]

Row = dict[str, Any]


def main(arguments: argparse.Namespace) -> None:
    fsdd = None if arguments.fsdd is None else Path(arguments.fsdd).resolve()
    os.chdir(ROOT)  # to which the paths of params.yaml are relative
    if arguments.what != "show":
        sections = read_sections(SETTINGS)
        table = sections[arguments.what]
        for name in arguments.settings or table:
            setting = choose(table, name, f"setting of {SETTINGS.name}")
            for seed in arguments.seeds:
                land(arguments.what, name, setting, seed, sections, fsdd)
    show(stored())


def stored() -> Row:
    """Return the results so far; another process may add to them."""
    return read_mapping(OUT) if OUT.is_file() else {"search": [], "rows": []}


def land(what: str, name: str, setting: Row, seed: int, sections: Row, fsdd: Path | None) -> None:
    """Add the row of a setting and a seed to the results, unless it is there."""
    parts = SEARCHED if what == "search" else PARTS
    key = key_of(setting, sections, parts)
    place = "search" if what == "search" else "rows"
    same = {"setting": name, "seed": seed, "key": key}
    if any(same.items() <= row.items() for row in stored()[place]):
        return
    system = choose(SYSTEMS, setting["system"], "system")
    row = same | setting | system(setting, seed, parts, sections, fsdd)
    content = stored()
    others = [each for each in content[place] if (each["setting"], each["seed"]) != (name, seed)]
    content[place] = [*others, row]
    content["settings"] = summary(content["rows"])
    content |= {"machine": machine(), "versions": versions("torch", "scikit-learn")}
    write_json(OUT, content)
    print(f"{name}, seed {seed}: {row['accuracy']}", flush=True)


def key_of(setting: Row, sections: Row, parts: tuple[str, ...]) -> str:
    """Return the digest of all settings that a row depends on."""
    system = sections[setting["system"].lower()]
    own = [sections["requirement"], sections["features"], system, setting, list(parts)]
    return digest(json.dumps(own, sort_keys=True))


def of_bindsnet(
    setting: Row, seed: int, parts: tuple[str, ...], sections: Row, fsdd: Path | None
) -> Row:
    """Run BindsNET in its environment; return accuracies and costs."""
    clips, path = exchanged(seed, sections, fsdd)
    own = sections["bindsnet"] | setting.get("set", {}) | {"seed": seed, "parts": list(parts)}
    key = digest(key_of(setting, sections, parts), str(seed))
    out = BUILD / f"bindsnet-{key[:16]}"
    if not (out / "figures.json").is_file():
        write_json(out / "settings.json", own)
        python = interpreter(sections["requirement"])
        script = [python, "-I", HERE / "in_bindsnet.py", path, out / "settings.json", out]
        if subprocess.run(script).returncode:
            raise SpikesoundError("BindsNET's process failed; its lines are above")
    figures = read_json(out / "figures.json")
    with np.load(out / "counts.npz") as file:
        theirs = {name: file[name] for name in ("all_activity", "proportion_weighting")}
        used = np.flatnonzero(file["trained"])
    counts = read_counts(out / "counts.npz", clips)
    found = accuracies(counts, clips, used, parts)
    scored = clips.rows(parts[-1])
    by_bindsnet = {name: share(each[scored], clips.labels[scored]) for name, each in theirs.items()}
    neurons = own["neurons"]
    operations = (
        figures["input_spikes"] * neurons
        + figures["excitatory_spikes"]
        + figures["inhibitory_spikes"] * (neurons - 1)
    )
    learnt = figures["inputs"] * neurons
    return {
        "bindsnet": own,
        **found,
        "accuracy_by_bindsnet": by_bindsnet,
        "neurons": 2 * neurons,
        "weights": learnt + neurons + neurons * (neurons - 1),
        "weights_learnt": learnt,
        "operations": round(operations),
        **rounded(figures),
    }


def of_spikesound(
    setting: Row, seed: int, parts: tuple[str, ...], sections: Row, fsdd: Path | None
) -> Row:
    """Train method ``stdp`` on the same clips; return accuracies and costs."""
    clips, _ = exchanged(seed, sections, fsdd)
    changes = sections["features"] | sections["spikesound"] | setting.get("set", {})
    result, spikes, figures = trained(prepared(changes, BUILD, fsdd), seed)
    if spikes.ids != clips.ids.tolist():
        raise SpikesoundError("the clips of the spikes are not those of the features")
    network = cast(WTA, result.network)
    rows = np.flatnonzero(np.isin(clips.parts, [PARTS.index(part) for part in parts]))
    counts = spike_counts(network, spikes, rows)
    figures |= costs(result, spikes.select(clips.rows(parts[-1])))
    weights = network.weight.numel()
    return {
        **accuracies(counts, clips, clips.rows("training"), parts),
        "neurons": len(network.weight),
        "weights": weights,
        "weights_learnt": weights,
        **rounded(figures),
    }


SYSTEMS = {"BindsNET": of_bindsnet, "spikesound": of_spikesound}


def exchanged(seed: int, sections: Row, fsdd: Path | None) -> tuple[Clips, Path]:
    """Return the clips of a seed and their file, which is written unless it is there."""
    key = digest(json.dumps(sections["features"], sort_keys=True))[:16]
    path = BUILD / f"clips-{key}-{seed}.npz"
    if not path.is_file():
        write_clips(clips_of(prepared(sections["features"], BUILD, fsdd), seed), path)
    return read_clips(path), path


def accuracies(
    counts: np.ndarray, clips: Clips, used: np.ndarray, parts: tuple[str, ...]
) -> dict[str, Any]:
    """Return accuracy by read-out, of the last part and of the validation clips.

    Neurons get their classes from the training clips, the penalty of the logistic regression is
    chosen on the validation clips.

    Parameters
    ----------
    used : rows of the training clips
    """
    validation, scored = clips.rows("validation"), clips.rows(parts[-1])
    labels = clips.labels
    assigned = assign(counts[used], labels[used], len(clips.classes))
    known = [(counts[rows], labels[rows]) for rows in (used, validation)]
    found: dict[str, Any] = {}
    for name, rows in (("validation_accuracy", validation), ("accuracy", scored)):
        found[name] = {
            "all_activity": share(all_activity(counts[rows], assigned), labels[rows]),
            "proportion_weighting": share(
                proportion_weighting(counts[rows], assigned), labels[rows]
            ),
            "logistic_regression": share(
                logistic_regression(known[0], known[1], counts[rows]), labels[rows]
            ),
        }
    return found | {
        "neurons_with_a_class": int((assigned.classes >= 0).sum()),
        "silent_share": round(float((counts[scored].sum(1) == 0).mean()), 4),
        "clips_scored": len(scored),
    }


def share(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of clips that are classified rightly."""
    return round(float((predicted == labels).mean()), 4)


def rounded(figures: Mapping[str, Any]) -> Row:
    """Return figures with one decimal, but for those that are whole or no numbers."""
    return {
        name: round(each, 1) if isinstance(each, float) else each for name, each in figures.items()
    }


def summary(rows: list[Row]) -> Row:
    """Return by setting the mean over seeds of each accuracy, with its standard deviation."""
    found: Row = {}
    for name in dict.fromkeys(row["setting"] for row in rows):
        own = [row for row in rows if row["setting"] == name]
        seeds = sorted(row["seed"] for row in own)
        found[name] = {"seeds": len(seeds), "seed_list": ", ".join(map(str, seeds))}
        for read_out in own[0]["accuracy"]:
            values = [row["accuracy"][read_out] for row in own]
            found[name][read_out] = float(np.mean(values))
            found[name][f"{read_out}_deviation"] = (
                float(np.std(values, ddof=1)) if len(values) > 1 else None
            )
        for figure in ("train_cpu_s", "clips", "weights", "operations", "input_spikes",
                       "excitatory_spikes"):  # fmt: skip
            found[name][figure] = float(np.mean([row[figure] for row in own]))
    return found


def show(content: Row) -> None:
    """Print search and test as tables."""
    for place in ("search", "rows"):
        for row in sorted(content[place], key=lambda row: (row["setting"], row["seed"])):
            parts = [f"{row['setting']}, seed {row['seed']}, {row['clips']} clips"]
            parts += [
                f"{name.replace('_', ' ')} {100 * row['accuracy'][name]:.1f} % "
                f"(validation {100 * row['validation_accuracy'][name]:.1f} %)"
                for name in row["accuracy"]
            ]
            parts += [f"{row['train_cpu_s']:,.0f} s of processor time"]
            parts += [f"{row['excitatory_spikes']:.1f} spikes and {row['operations']:,.0f} "
                      "operations a clip"]  # fmt: skip
            print(f"{'validation: ' if place == 'search' else 'test: '}{'; '.join(parts)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["search", "test", "show"])
    parser.add_argument("--fsdd")
    parser.add_argument("--settings", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    run(lambda: main(parser.parse_args()))
