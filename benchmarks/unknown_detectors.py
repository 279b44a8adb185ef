"""What detectors find in sound that is of none of their classes, before and after calibration.

    python stages/experiment.py detectors
    python benchmarks/unknown_detectors.py --foreign FOLDER [--settings SETTING ...]

Of the networks that the experiment `detectors` has trained on this machine, seed 1: events found in
the sounds in FOLDER (*.flac, of none of the classes), in made quiet rooms, in the held-out fold's
backgrounds, and in digital silence; *after* counts those alone that are not answered `none of
these`. And of the true events of the held-out scenes the share that is refused. No training, no
threshold and no calibration has met any of this. Writes benchmarks/results/unknown_detectors.json,
where the rows of settings that are not run now stay.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "stages")]

from machine import machine, versions
from unknown import ROOMS, decoded, quiet_room

import paths
from spikesound.core import schema
from spikesound.core.errors import SpikesoundError, choose, run
from spikesound.core.json_files import read_mapping, write_json
from spikesound.core.progress import track
from spikesound.experiments.data import Folders
from spikesound.experiments.inputs import clips_of
from spikesound.experiments.row import Row
from spikesound.experiments.run import rows_of
from spikesound.features.background import read_background
from spikesound.models.calibration import NONE
from spikesound.models.loading import TrainedModel, load
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import load_experiment, params_of
from spikesound.tasks.detection.decision import Event, events
from spikesound.tasks.detection.event_calibration import found_events
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics.truth import true_events
from spikesound.training.scores import frame_scores

OUT = ROOT / "benchmarks/results/unknown_detectors.json"
SETTINGS = (
    "conventional, strong",
    "spiking, strong",
    "conventional, strong, negatives",
    "spiking, strong, negatives",
)
ROOM_S = 10.0

Floats = npt.NDArray[np.float32]


class Sounds(NamedTuple):
    """Features (frame, bin) of sounds without an event of the classes, and their seconds."""

    features: list[Floats]
    seconds: list[float]


def main() -> None:
    """Run the detectors, print and write their rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--foreign", type=Path, required=True)
    parser.add_argument("--settings", nargs="+", default=SETTINGS)
    arguments = parser.parse_args()
    os.chdir(ROOT)  # to which the paths of params.yaml are relative
    files = sorted(arguments.foreign.glob("*.flac"))
    if not files:
        raise SpikesoundError(f"{arguments.foreign}: no sounds, expected files *.flac")
    known = {row.name: row for row in experiment_rows() if row.seed == 1}
    rows = []
    for row in [choose(known, name, "setting") for name in arguments.settings]:
        rows.append(tested(row, files))
        print(rows[-1])
    content = {
        "bench": "unknown_detectors",
        "foreign_files": len(files),
        "rooms": ROOMS,
        "rows": kept(arguments.settings) + rows,
        "machine": machine(),
        "versions": versions("torch", "numpy"),
    }
    write_json(OUT, content)
    print(OUT)


def kept(settings: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of other settings in the file of results."""
    if not OUT.is_file():
        return []
    return [row for row in read_mapping(OUT)["rows"] if row["setting"] not in settings]


def experiment_rows() -> list[Row]:
    """Return the rows of the experiment, with the folders of their networks."""
    default = Params.load(paths.PARAMS)
    experiment = load_experiment(paths.EXPERIMENTS, "detectors")
    params = params_of(read_sections(paths.PARAMS), "detectors", experiment)
    folders = Folders.of_project(paths.of_task, paths.SPIKES, paths.ONTOLOGY, paths.STORE)
    return rows_of("detectors", experiment, params, default, folders)


def tested(row: Row, files: Sequence[Path]) -> dict[str, Any]:
    """Return events an hour of each kind of sound, over all held-out folds, before and after."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    hours: dict[str, float] = {}
    touched = {"before": 0, "after": 0}
    true = refused = 0
    networks = row.networks(row.model)
    for fold, folder in track(networks.items(), total=len(networks), what=row.name, unit="fold"):
        if not folder.is_dir():
            raise SpikesoundError(f"{folder}: no such folder; run stages/experiment.py detectors")
        model = load(folder)
        for kind, sounds in other_sounds(model, row, fold, files).items():
            for features, seconds in zip(*sounds, strict=True):
                found = found_in(model, features, seconds)
                kept_ones = [event for event in found if answer(model, event)[0] != NONE]
                before[kind] = before.get(kind, 0) + len(found)
                after[kind] = after.get(kind, 0) + len(kept_ones)
                hours[kind] = hours.get(kind, 0.0) + seconds / 3600
                if kind == "foreign":
                    touched["before"] += bool(found)
                    touched["after"] += bool(kept_ones)
        of_fold = true_ones(model, row, fold)
        true, refused = true + len(of_fold), refused + sum(of_fold)
    return {
        "setting": row.name,
        "seed": row.seed,
        "folds": list(networks),
        "true_events_found": true,
        "true_events_refused": round(refused / true, 4),
        **{f"foreign_files_with_events_{when}": round(count / len(networks) / len(files), 4)
           for when, count in touched.items()},
        **{
            kind: {
                "hours": round(hours[kind], 3),
                "events_before": before[kind],
                "events_after": after[kind],
                "per_hour_before": round(before[kind] / hours[kind], 1),
                "per_hour_after": round(after[kind] / hours[kind], 1),
            }
            for kind in hours
        },
    }  # fmt: skip


def other_sounds(
    model: TrainedModel, row: Row, fold: str, files: Sequence[Path]
) -> Mapping[str, Sounds]:
    """Return what no class sounds in."""
    rate_hz, whole = model.front_end.rate_hz, model.front_end.whole
    samples = round(ROOM_S * rate_hz)
    waves = {
        "foreign": [decoded(each, rate_hz) for each in files],
        "rooms": [quiet_room(samples, rate_hz, number) for number in range(ROOMS)],
        "silence": [np.zeros(samples, np.float32)],
    }
    found = {
        kind: Sounds([whole(wave) for wave in each], [len(wave) / rate_hz for wave in each])
        for kind, each in waves.items()
    }
    quiet = read_background(row.data().features, fold)
    clip_s = model.front_end.features.clip_s
    assert clip_s is not None
    backgrounds = [each.astype(np.float32) for each in quiet]
    return found | {"background": Sounds(backgrounds, [clip_s] * len(backgrounds))}


def found_in(model: TrainedModel, features: Floats, seconds: float) -> list[Event]:
    """Return the events by the thresholds as they were tuned, with the labels' ids."""
    spec = model.spec
    assert spec.decision is not None
    scores, _ = frame_scores(
        model.network, features[None, None].astype(np.float16), 1, spec.decision.lookahead
    )
    filtered = median(scores[0], spec.decision.medians)
    return events(
        filtered,
        spec.decision.thresholds,
        labels=spec.classes,
        hop_s=model.front_end.hop_s,
        seconds=seconds,
    )


def answer(model: TrainedModel, event: Event) -> tuple[str, float]:
    """Return an event's label and probability after calibration."""
    calibration = model.event_calibration
    if calibration is None:
        raise SpikesoundError(f"{model.name}: its events are not calibrated")
    return calibration.answer(model.spec.classes.index(event.label), event.label, event.score)


def true_ones(model: TrainedModel, row: Row, fold: str) -> list[bool]:
    """Return of each true event that is found in the held-out scenes whether it is refused."""
    spec, calibration = model.spec, model.event_calibration
    assert spec.decision is not None
    assert calibration is not None
    clips = clips_of(row, fold).only(fold)
    clip_s = model.front_end.features.clip_s
    assert clip_s is not None
    seconds = dict.fromkeys(clips.ids, clip_s)
    table = schema.read_table(row.places().events, schema.EVENTS)
    truth = true_events(table[table["clip_id"].isin(seconds)], seconds, spec.classes)
    scores, _ = frame_scores(model.network, clips.inputs, 50, spec.decision.lookahead)
    found = found_events(
        dict(zip(clips.ids, scores, strict=True)),
        truth,
        seconds,
        spec.classes,
        spec.decision,
        hop_s=model.front_end.hop_s,
    )
    return [
        calibration.probability(each.column, each.score) < calibration.threshold
        for each in found
        if each.true
    ]


if __name__ == "__main__":
    run(main)
