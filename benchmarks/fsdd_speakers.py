"""Spoken digits of a speaker who is not in the training set: settings by validation speakers.

    python benchmarks/fsdd_speakers.py search [--fsdd FOLDER] [--settings NAME...] [--pairs 3]
    python benchmarks/fsdd_speakers.py test [--fsdd FOLDER] [--seeds 1] [--sides spiking]
    python benchmarks/fsdd_speakers.py show

``search`` trains each setting of fsdd_speakers.yaml without two of the six speakers, and notes the
accuracy on each of the two. Of the fifteen pairs the first three leave each speaker out once; more
are trained for the settings that are named with more --pairs.

``test`` chooses for each speaker and each side, spiking and conventional, the setting with the best
mean accuracy on the *other* speaker of the pairs that leave this one out: no sound of the test
speaker took part in any of these trainings, nor in their normalisation. It then trains that setting
on the other five and tests it, once a seed.

--fsdd: a copy of the data set, with ``recordings`` in it; without one it is downloaded.

Rows land one by one in benchmarks/results/fsdd_speakers.json; a killed run goes on. What is made on
the way lies in build/fsdd_speakers.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any, cast

import numpy as np
import speaker_tables
import torch
from machine import machine, versions

from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import read_mapping, write_json
from spikesound.core.seeds import derive
from spikesound.costs.counting import Counted, counting
from spikesound.data.store import digest
from spikesound.experiments.data import Data, Folders, data_of
from spikesound.features import normalisation
from spikesound.features.extract import range_groups
from spikesound.features.shards import Shards
from spikesound.models.spec import Spec, spec_of
from spikesound.params import Model, Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import changed
from spikesound.tasks import task_of
from spikesound.training.dataset import Dataset
from spikesound.training.fabric import TrainingFabric
from spikesound.training.job import Job, Trained
from spikesound.training.scores import clip_scores
from spikesound.training.stream.clips import Ranges, StreamedClips, stream_features
from spikesound.training.stream.methods import STREAM_METHODS

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/fsdd_speakers"
OUT = Path(__file__).resolve().parent / "results/fsdd_speakers.json"
SETTINGS = Path(__file__).resolve().with_suffix(".yaml")
SIDES = ("spiking", "conventional")
SPEAKERS = ("1", "2", "3", "4", "5", "6")
"""Folds of the split by speakers, in alphabetical order of their names."""
FIRST = (("1", "2"), ("3", "4"), ("5", "6"))
WATCHED = 100
"""Clips on which the loss is watched during training; it decides nothing."""


@dataclass(frozen=True)
class Setting:
    """A setting of the search, with its parameters and its clips."""

    name: str
    model: Model
    params: Params
    data: Data
    key: str


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    content: dict[str, Any] = read_mapping(OUT) if OUT.is_file() else {"search": [], "test": []}
    rows = content["search"]
    content["search"] = current(rows)
    if left_out := len(rows) - len(content["search"]):
        print(f"{left_out} rows of settings that {SETTINGS.name} has no longer are left out")
    content |= {"machine": machine(), "versions": versions("torch")}
    if arguments.what == "search":
        search(content, arguments)
    elif arguments.what == "test":
        test(content, arguments)
    print(f"\n{speaker_tables.search()}\n{speaker_tables.tested()}\nresults: {OUT}")


def settings(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the settings of both sides by name, each as `set` of an experiment has it."""
    sections = read_sections(SETTINGS)
    found = {
        name: sections["all"] | side["all"] | own
        for side in sections["sides"].values()
        for name, own in side["settings"].items()
    }
    for name in arguments.settings or ():
        if name not in found:
            raise SpikesoundError(f"{SETTINGS}: no setting {name!r}; valid: {', '.join(found)}")
    return {name: found[name] for name in arguments.settings or found}


def key_of(changes: dict[str, Any]) -> str:
    """Return a digest of a setting's values."""
    return digest(repr(sorted(changes.items())))


def current(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows whose settings stand in the file of settings as they were trained."""
    known = settings(argparse.Namespace(settings=None))
    keys = {name: key_of(changes) for name, changes in known.items()}
    return [row for row in rows if row["key"] == keys.get(row["setting"])]


def side_of(name: str) -> str:
    """Return the side of a setting: spiking or conventional."""
    sides = read_sections(SETTINGS)["sides"]
    return next(side for side, own in sides.items() if name in own["settings"])


def prepared(name: str, changes: dict[str, Any], folder: str | None) -> Setting:
    """Return a setting whose features are there."""
    sections = read_sections(ROOT / "params.yaml")
    default = Params.of(sections)
    more = {} if folder is None else {"sources.fsdd.folder": folder}
    params = Params.of(changed(changed(sections, changes), more))

    def absent(task: str) -> Data:
        raise SpikesoundError("the default run's data are not those of this search")

    folders = Folders(
        absent, BUILD, ROOT / "data/audioset/ontology.json", BUILD / "trainings", BUILD
    )
    data = data_of(params, default, "classification", folders)
    return Setting(name, params.model("speakers"), params, data, key_of(changes))


def pairs(count: int) -> list[tuple[str, str]]:
    """Return pairs of speakers that are left out; the first three have each speaker once."""
    others = [pair for pair in combinations(SPEAKERS, 2) if pair not in FIRST]
    return [*FIRST, *others][:count]


def search(content: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Train what is missing of the search."""
    done = {(row["key"], *row["without"]) for row in content["search"]}
    for pair in pairs(arguments.pairs):
        for name, changes in settings(arguments).items():
            key = key_of(changes)
            if (key, *pair) in done:
                continue
            setting = prepared(name, changes, arguments.fsdd)
            row = trained_without(setting, pair, seed=1)
            which = {"setting": name, "side": side_of(name), "set": changes, "key": key}
            content["search"].append(which | row)
            write_json(OUT, content)
            print(f"{name}, without {' and '.join(pair)}: {row['accuracies']}", flush=True)


def test(content: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Train the chosen setting of each speaker on the other five, and test it."""
    known = settings(arguments)
    for seed, speaker, side in product(range(1, arguments.seeds + 1), SPEAKERS, arguments.sides):
        name, validated = chosen(content, speaker, side)
        key = key_of(known[name])
        same = {"speaker": speaker, "seed": seed, "side": side, "key": key}
        if any(same.items() <= row.items() for row in content["test"]):
            continue
        setting = prepared(name, known[name], arguments.fsdd)
        row = trained_without(setting, (speaker,), seed)
        row = same | {"setting": name, "validation_accuracy": validated} | row
        content["test"] = [
            other
            for other in content["test"]
            if (other["speaker"], other["seed"], other["side"]) != (speaker, seed, side)
        ] + [row]
        write_json(OUT, content)
        print(f"speaker {speaker}, seed {seed}: {name}: {row['accuracies']}", flush=True)
    write_json(OUT, content | {"means": means(content["test"])})


def means(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return each side's mean accuracy over speakers and the seeds that have all of them."""
    found: dict[str, dict[str, Any]] = {}
    for side in SIDES:
        seeds = sorted({row["seed"] for row in rows if row["side"] == side})
        whole = [
            [r["accuracies"][r["speaker"]] for r in rows if (r["side"], r["seed"]) == (side, seed)]
            for seed in seeds
        ]
        whole = [scores for scores in whole if len(scores) == len(SPEAKERS)]
        if whole:
            found[side] = {"accuracy": float(np.mean(whole)), "seeds": len(whole)}
    return found


def chosen(content: dict[str, Any], speaker: str, side: str) -> tuple[str, float]:
    """Return a side's best setting by other speakers than this one, and its accuracy on them.

    Only trainings take part that had no sound of this speaker, and only settings with all the pairs
    that any setting has.
    """
    scores = validated(content, speaker, side)
    most = max(len(each) for each in scores.values())
    means = {name: float(np.mean(each)) for name, each in scores.items() if len(each) == most}
    return max(means.items(), key=lambda item: item[1])


def validated(content: dict[str, Any], speaker: str, side: str) -> dict[str, list[float]]:
    """Return the accuracies of a side's settings on the speakers left out with this one."""
    found: dict[str, list[float]] = {}
    for row in content["search"]:
        if speaker in row["without"] and row["side"] == side:
            (other,) = set(row["without"]) - {speaker}
            found.setdefault(row["setting"], []).append(row["accuracies"][other])
    if not found:
        raise SpikesoundError(f"{OUT}: no {side} search without {speaker}; run search first")
    return found


def trained_without(setting: Setting, without: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Train a setting without speakers, and return its accuracy on each of them."""
    started = time.perf_counter()
    clips = clips_without(setting, without)
    held = np.isin(clips.index.folds, [clips.index.fold_names.index(each) for each in without])
    training = clips.select(np.flatnonzero(~held))
    tested = {speaker: clips.only(speaker) for speaker in without}
    spec = spec_for(setting, clips, without, seed)
    trained = fitted(setting, spec, training, tested, seed)
    counted, accuracies = Counted(), {}
    with counting(trained.network, trained.spec, counted):
        for speaker, each in tested.items():
            scores = clip_scores(trained.network, cast(Dataset, each), 50)
            hits = scores.argmax(1) == each.present.argmax(1)
            accuracies[speaker] = round(float(hits.mean()), 4)
    spikes = [layer for layer in counted.layers if layer.neuron not in ("none", "li")]
    fired = sum(layer.active_outputs for layer in spikes)
    could = sum(layer.outputs * layer.steps for layer in spikes)
    return {
        "without": list(without),
        "accuracies": accuracies,
        "spike_rate": round(fired / could, 4),
        "parameters": sum(each.numel() for each in trained.network.parameters()),
        "operations_dense": round(sum(layer.dense for layer in counted.layers)),
        "operations_by_spikes": round(sum(layer.effective for layer in counted.layers)),
        "train_loss": round(trained.history[-1]["train_loss"], 4),
        "epochs": len(trained.history),
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }


def clips_without(setting: Setting, without: tuple[str, ...]) -> StreamedClips:
    """Return all clips, with ranges that were fitted on the clips of the other speakers alone."""
    shards = Shards(setting.data.features)
    shards.index["fold"] = shards.index["fold"].where(~shards.index["fold"].isin(without), "held")
    params = setting.params.features
    (figures,) = normalisation.fit(shards, ["held"], range_groups(params), params.range_db).values()
    ranges = Ranges(*(np.asarray(figures[name], np.float32) for name in ("low", "high")))
    clips = stream_features(setting.data.features, list(setting.data.names), without[0])
    return replace(clips, ranges=ranges)


def spec_for(setting: Setting, clips: StreamedClips, without: tuple[str, ...], seed: int) -> Spec:
    """Return the spec of a setting's network."""
    encoding = setting.params.encoding
    return spec_of(
        setting.model,
        fold=" ".join(without),
        seed=seed,
        names=setting.data.names,
        bins=clips.bins,
        front_end=None,
        encoding=(setting.params.encodings.kind(encoding), setting.params.encodings[encoding]),
    )


def fitted(
    setting: Setting,
    spec: Spec,
    training: StreamedClips,
    tested: dict[str, StreamedClips],
    seed: int,
) -> Trained:
    """Return the trained network; the checkpoint of a killed training is taken up."""
    model = setting.model
    first = next(iter(tested.values()))
    watched = first.select(np.arange(0, len(first), len(first) // WATCHED))
    resume = BUILD / "checkpoints" / f"{setting.key}-{spec.fold.replace(' ', '-')}-{seed}.pt"
    torch.manual_seed(derive(seed, "weights", spec.fold))
    job = Job(
        spec,
        task_of(spec, setting.params.tasks.classification),
        cast(Dataset, training),
        cast(Dataset, watched),
        model.recipe,
        model.method_params,
        (1.0,),
        derive(seed, "training", spec.fold),
        resume=resume,
        fabric=TrainingFabric(setting.params.device),
    )
    trained = STREAM_METHODS[model.method](job)
    resume.unlink(missing_ok=True)
    return trained


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["search", "test", "show"])
    parser.add_argument("--fsdd")
    parser.add_argument("--settings", nargs="+")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    run(lambda: main(parser.parse_args()))
