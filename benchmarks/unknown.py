"""What classifiers say of sound that is of none of their classes, before and after.

    dvc repro stages/dvc.yaml:train@ann-cnn stages/dvc.yaml:train@snn-cnn-surrogate
    python benchmarks/unknown.py --foreign FOLDER [--models ann-cnn snn-cnn-surrogate]
        [--folds 1 2 3 4 5] [--negative-folds 1 2 3] [--left-out-folds 1] [--compared ann-cnn]

Of the pipeline's models and of the same trained with negatives, which this program trains: the
calibration error on the held-out clips as the network is and with its temperature; how many of
these clips are refused; and what is said of the sounds in FOLDER, of made quiet rooms and of
digital silence. No threshold or choice has met any of these three.

Scores that tell known sound from other are compared on validation clips, against three kinds of
other sound: clips of two classes that a network was trained without, each pair in turn; noise; and
the recordings of noise that no training meets. Networks lie in build/unknown and are trained once;
what networks make of sounds is kept there too: a run that was broken off goes on. Prints tables,
and writes benchmarks/results/unknown.json, where the rows of models that are not run now stay.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "stages")]

from machine import machine, versions

import paths
from spikesound.apps.learning import windows_of
from spikesound.audio.reading import blocks
from spikesound.audio.recordings import read_recordings
from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import read_mapping, write_json
from spikesound.core.labels import read_labels
from spikesound.core.progress import track
from spikesound.core.seeds import derive, numpy_generator
from spikesound.data.negatives import coloured, divided, negatives
from spikesound.data.scenes.background import at_level
from spikesound.evaluation.calibrated import CalibratedAnswers
from spikesound.inference.learnt.file import digest_of
from spikesound.models import file
from spikesound.models.calibration import energy
from spikesound.models.hidden_activity import with_hidden
from spikesound.models.loading import TrainedModel, load, probabilities_of
from spikesound.params import Model, NegativeParams, Params
from spikesound.training import trainings
from spikesound.training.calibrate import (
    REFUSED,
    activity,
    calibrate,
    fit_prototypes,
    lowest_kept,
)
from spikesound.training.job import Job, Trained
from spikesound.training.methods import METHODS
from spikesound.training.request import FoldRequest
from spikesound.training.run import prepare, train_fold, weight_seed

BUILD = ROOT / "build/unknown"
OUT = ROOT / "benchmarks/results/unknown.json"
NAMES = ("ann-cnn", "snn-cnn-surrogate")
NEGATIVES = NegativeParams(
    silence=0.02, noise=0.1, recordings=0.1, folders=["data/noise/babble", "data/noise/background"]
)
WITH = "with negatives"
ROOMS = 40
ROOM_DBFS = (-75.0, -50.0)
OTHERS = 40
"""Sounds of noise, and of recordings, against which scores are compared."""

ALARM = 0.5
"""Probability above which a class is a false alarm."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """What a network makes of windows: scores (window, class), hidden (window, synapse)."""

    scores: torch.Tensor
    hidden: torch.Tensor


def main() -> None:
    """Train, compare scores on validation clips, test, print."""
    arguments = parsed()
    os.chdir(ROOT)  # to which the paths of params.yaml are relative
    torch.set_num_threads(1)
    params = Params.load(paths.PARAMS)
    files = sorted(each for each in arguments.foreign.iterdir() if each.suffix == ".flac")
    rows, compared = [], []
    for name in arguments.models:
        several = [("", None, arguments.folds), (WITH, NEGATIVES, arguments.negative_folds)]
        if arguments.negative_folds != arguments.folds:  # one row more, to compare the other with
            several.insert(1, ("", None, arguments.negative_folds))
        for variant, negative, folds in several:
            folders = trained(params, name, variant, negative, folds)
            rows.append(tested(params, name, variant, folders, files))
    for name in arguments.compared:
        compared += compare_scores(params, name, arguments.left_out_folds)
    validated = []
    if compared:
        table = pd.DataFrame(compared).groupby(["model", "score", "sound"], as_index=False).mean()
        print("scores on validation clips:")
        print(table.round(3).to_string(index=False))
        validated = table.round(4).to_dict("records")
    print(pd.DataFrame(rows).drop(columns=["silence", "rooms_named"]).round(3).to_string())
    content = {
        "bench": "unknown",
        "left_out_folds": arguments.left_out_folds,
        "foreign_files": len(files),
        "rooms": ROOMS,
        "refused_known": REFUSED,
        "negatives": NEGATIVES.model_dump(),
        "validation": kept("validation", arguments.compared) + validated,
        "test": kept("test", arguments.models) + rows,
        "machine": machine(),
        "versions": versions("torch", "numpy"),
    }
    write_json(OUT, content)
    print(OUT)


def kept(key: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of other models in the file of results."""
    if not OUT.is_file():
        return []
    return [row for row in read_mapping(OUT)[key] if row["model"] not in names]


def request_of(
    params: Params, name: str, fold: str, out: Path, negative: NegativeParams | None
) -> FoldRequest:
    """Return the request of a training."""
    model, clips = params.model(name), paths.of_task("clips", "classification")
    if not paths.network(model, fold).is_dir():
        raise SpikesoundError(
            f"{paths.network(model, fold)}: no such folder; run "
            f"dvc repro stages/dvc.yaml:train@{name}"
        )
    recipe = model.recipe.model_copy(update={"negatives": negative})
    return FoldRequest(
        replace(model, recipe=recipe),
        params.task_params("classification"),
        params.device,
        fold,
        params.seed,
        read_labels(clips / "labels.json"),
        paths.inputs(model, fold),
        paths.of_task("features", "classification"),
        None,
        None,
        out,
        BUILD / "trainings",
    )


def trained(
    params: Params, name: str, variant: str, negative: NegativeParams | None, folds: Sequence[str]
) -> dict[str, Path]:
    """Return the folder of each fold's network, trained where it is missing."""
    found = {}
    model = params.model(name)
    for fold in track(folds, total=len(folds), what=f"{name} {variant}".strip(), unit="fold"):
        folder = paths.network(model, fold)
        if negative is not None:
            folder = BUILD / "models" / f"{name}-negatives" / f"fold-{fold}"
            request = request_of(params, name, fold, folder, negative)
            if not (folder / file.WEIGHTS).is_file():
                train_fold(request, lambda: None)
        elif file.load_calibration(folder / file.WEIGHTS) is None:
            raise SpikesoundError(f"{folder}: not calibrated; run the train stage again")
        found[fold] = folder
    return found


def tested(
    params: Params, name: str, variant: str, folders: Mapping[str, Path], files: Sequence[Path]
) -> dict[str, Any]:
    """Return the figures of a model on sounds that no training, threshold or choice has met."""
    answers, right, found = CalibratedAnswers(), [], []
    for fold, folder in folders.items():
        request = request_of(params, name, fold, folder, None)
        clips = test_clips(request)
        model = load(folder)
        assert model.calibration is not None
        answers.add(model.calibration, model.spec, model.network, clips, 50)
        scores, _ = activity(model.network, model.spec, clips, np.arange(len(clips)), 50)
        right.append(scores.numpy().argmax(1) == clips.present.argmax(1))
        seen = seen_by(model, folder, files)
        found.append({kind: figures(model, each) for kind, each in seen.items()})
    row: dict[str, Any] = {"model": name, "training": variant or "as it is", "folds": [*folders]}
    row |= {"accuracy": float(np.concatenate(right).mean()), **answers.figures()}
    for kind in ("foreign", "rooms"):
        for key in ("alarms_raw", "alarms", "refused"):
            row[f"{kind}_{key}"] = float(np.mean([each[kind][key] for each in found]))
    named = Counter(answer[0] for each in found for answer in each["rooms"]["answers"])
    row["rooms_named"] = {name: count / (ROOMS * len(found)) for name, count in named.most_common()}
    row["silence"] = [each["silence"]["answers"][0] for each in found]
    row["silence_refused"] = float(np.mean([each["silence"]["refused"] for each in found]))
    return row


def figures(model: TrainedModel, sounds: Sequence[Seen]) -> dict[str, Any]:
    """Return shares of sounds of which a class gets more than 0.5, and that are refused.

    ``answers``: the most probable class of the network as it is, its probability, and whether the
    sound is refused. A sound is refused where most of its windows are; its probabilities are means
    over windows.
    """
    assert model.calibration is not None
    raw, calibrated, refused, answers = [], [], [], []
    for each in sounds:
        before = probabilities_of(each.scores.double(), model.spec.labels).mean(0)
        after = model.calibration.probabilities(each.scores, model.spec.labels)
        none = model.calibration.refused(each.scores, each.hidden, model.spec.labels)
        after = (after * ~none[:, None]).mean(0)
        raw.append(before.max().item() > ALARM)
        calibrated.append(after.max().item() > ALARM)
        refused.append(none.double().mean().item() > 0.5)
        best = before.argmax().item()
        answers.append([model.labels[int(best)], round(before.max().item(), 3), refused[-1]])
    return {
        "alarms_raw": float(np.mean(raw)),
        "alarms": float(np.mean(calibrated)),
        "refused": float(np.mean(refused)),
        "answers": answers,
    }


def seen_by(model: TrainedModel, folder: Path, files: Sequence[Path]) -> dict[str, list[Seen]]:
    """Put all sounds through a network, unless an earlier run has."""
    place = BUILD / "seen" / f"{digest_of(folder / file.WEIGHTS)[:16]}-{len(files)}.npz"
    rate_hz = model.front_end.rate_hz
    if not place.is_file():
        length = round((model.clip_s or 5.0) * rate_hz)
        sounds: dict[str, list[Floats]] = {
            "foreign": [decoded(each, rate_hz) for each in files],
            "rooms": [quiet_room(length, rate_hz, number) for number in range(ROOMS)],
            "silence": [np.zeros(length, np.float32)],
        }
        arrays = {}
        for kind, waves in sounds.items():
            shown = track(waves, total=len(waves), what=f"{model.name}, {kind}", unit="sound")
            for number, wave in enumerate(shown):
                each = through(model, list(windows_of(model, wave)))
                arrays[f"{kind}/{number:04d}/scores"] = each.scores.numpy()
                arrays[f"{kind}/{number:04d}/hidden"] = each.hidden.numpy()
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_suffix(".part.npz")
        np.savez(aside, **arrays)
        aside.replace(place)
    stored = np.load(place)
    found: dict[str, list[Seen]] = {}
    for name in stored.files:
        if name.endswith("/scores"):
            hidden = stored[name.replace("/scores", "/hidden")]
            seen = Seen(torch.from_numpy(stored[name]), torch.from_numpy(hidden))
            found.setdefault(name.split("/")[0], []).append(seen)
    return found


def through(model: TrainedModel, waves: Sequence[Floats]) -> Seen:
    """Return what a network makes of clips, one each row."""
    scores, hidden = [], []
    with torch.inference_mode():
        for wave in waves:
            found, seen = with_hidden(model.network, model.inputs(model.front_end.whole(wave)))
            assert seen is not None
            scores.append(found)
            hidden.append(seen)
    return Seen(torch.cat(scores), torch.cat(hidden))


@cache
def decoded(path: Path, rate_hz: int) -> Floats:
    """Return a recording's samples."""
    return np.concatenate(list(blocks(path, rate_hz)))


def quiet_room(samples: int, rate_hz: int, number: int) -> Floats:
    """Return a made room in which nothing happens (sample,).

    Noise whose power falls by 2 to 6 dB an octave, as of ventilation and far traffic; mains hum of
    50 Hz with two harmonics, up to as strong; a slow swell; -75 to -50 dB of full scale in all.
    """
    generator = numpy_generator(0, "room", number)
    seconds = np.arange(samples) / rate_hz
    wave = at_level(coloured(samples, generator.uniform(2, 6), generator), 0.0)
    hum = generator.uniform(0, 1) * sum(
        np.sin(2 * np.pi * 50 * each * seconds + generator.uniform(0, 2 * np.pi)) / each
        for each in (1, 2, 3)
    )
    swell = 1 + generator.uniform(0, 0.5) * np.sin(2 * np.pi * seconds * generator.uniform(0.05, 1))
    return at_level((wave + hum) * swell, generator.uniform(*ROOM_DBFS)).astype(np.float32)


def test_clips(request: FoldRequest) -> Any:
    """Return the held-out clips of a fold."""
    from spikesound.training.inputs import read_clips

    clips, _ = read_clips(
        request.inputs, request.features, list(request.names), request.fold, request.model.recipe
    )
    return clips.only(request.fold)


def compare_scores(params: Params, name: str, folds: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what each score does with each kind of other sound, on validation clips.

    ``refused`` is the share that is refused where 5 % of the known clips are; ``area``, below the
    ROC curve, is the probability that a known clip scores higher than the other.
    """
    for fold in folds:
        request = request_of(params, name, fold, BUILD / "none", None)
        job, _ = prepare(request)
        classes = list(range(len(job.spec.classes)))
        pairs = [classes[each : each + 2] for each in classes[::2]]
        for pair in track(pairs, total=len(pairs), what=f"{name} without", unit="pair"):
            keep = [each for each in classes if each not in pair]
            of_pair = job.validation.select(np.flatnonzero(job.validation.present[:, pair].any(1)))
            without = without_classes(job, keep)
            network = trained_without(without, request.model).network.eval()
            model = TrainedModel(without.spec, network)
            clips = {"known": without.validation, "classes left out": of_pair}
            seen = {
                kind: Seen(*activity(network, model.spec, each, np.arange(len(each)), 50))
                for kind, each in clips.items()
            }
            train = activity(
                network, model.spec, without.training, np.arange(len(without.training)), 50
            )
            for kind, waves in other_sounds(model, params).items():
                seen[kind] = through(model, waves)
            for score, values in scores_of(without, network, Seen(*train), seen).items():
                threshold = lowest_kept(values["known"], REFUSED)
                for kind in seen.keys() - {"known"}:
                    above = values["known"][:, None] - values[kind]
                    yield {
                        "model": name,
                        "score": score,
                        "sound": kind,
                        "refused": float((values[kind] < threshold).mean()),
                        "area": float(((above > 0) + 0.5 * (above == 0)).mean()),
                    }


def scores_of(
    job: Job, network: torch.nn.Module, train: Seen, seen: Mapping[str, Seen]
) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    """Return each score of each kind of sound; higher is more like the known classes."""
    found = calibrate(network, job.spec, job.training, job.validation, 50)
    assert found is not None
    distance = mahalanobis(train.hidden, job.training.present > 0)
    kinds = {
        "highest probability": lambda each: each.scores.double().softmax(1).amax(1),
        "highest score": lambda each: each.scores.double().amax(1),
        "energy": lambda each: energy(each.scores, "single"),
        "distance": lambda each: -distance(each.hidden),
        "nearest cosine": lambda each: found.prototypes.similarity(each.hidden).amax(1),
        "cosine": lambda each: found.score(each.scores, each.hidden, "single"),
    }
    return {
        score: {kind: rule(each).numpy() for kind, each in seen.items()}
        for score, rule in kinds.items()
    }


def mahalanobis(hidden: torch.Tensor, present: npt.NDArray[np.bool_]) -> Any:
    """Return a function of activity: the squared distance to the nearest class mean (clip,).

    The covariance within classes is that of the training clips, shrunk by 0.3 towards its diagonal,
    to which a hundredth of the mean variance is added.
    """
    means = fit_prototypes(hidden, present).means.double()
    apart = hidden.double() - means[torch.from_numpy(present.argmax(1))]
    covariance = apart.T @ apart / len(apart)
    variance = covariance.diagonal().clone()
    covariance *= 0.7
    covariance.diagonal().copy_(variance + 0.01 * variance.mean())
    precision = torch.linalg.inv(covariance)

    def distance(activity: torch.Tensor) -> torch.Tensor:
        differences = activity.double()[:, None] - means
        return ((differences @ precision) * differences).sum(-1).amin(1)

    return distance


def other_sounds(model: TrainedModel, params: Params) -> dict[str, list[Floats]]:
    """Return noise, and recordings of noise that no training meets."""
    rate_hz = model.front_end.rate_hz
    folders = (params.robustness.noises.babble, params.robustness.noises.background)
    kept = [wave for each in folders for wave in divided(read_recordings(Path(each), rate_hz))[1]]
    length = round((model.clip_s or 5.0) * rate_hz)
    seed = derive(params.seed, "validation of scores")
    return {
        kind: [wave for _, wave in negatives({kind: OTHERS}, length, kept, rate_hz, seed=seed)]
        for kind in ("noise", "recordings")
    }


def without_classes(job: Job, keep: Sequence[int]) -> Job:
    """Return a job without the clips of all other classes."""
    spec = job.spec.model_copy(
        update={
            "classes": [job.spec.classes[each] for each in keep],
            "names": [job.spec.names[each] for each in keep],
        }
    )
    parts = {}
    for part in ("training", "validation"):
        clips = getattr(job, part)
        rows = np.flatnonzero(clips.present[:, keep].any(1))
        chosen = clips.select(rows)
        parts[part] = replace(chosen, present=np.ascontiguousarray(chosen.present[:, keep]))
    return replace(job, spec=spec, **parts)


def trained_without(job: Job, model: Model) -> Trained:
    """Return the job's network, trained where it is missing."""
    finished = BUILD / "trainings" / trainings.fingerprint(job, model.method)
    found = trainings.load(finished)
    if found is None:
        resume = finished.with_suffix(".pt")
        resume.parent.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(weight_seed(job))
        found = METHODS[model.method](replace(job, resume=resume))
        trainings.save(finished, found)
        trainings.discard_checkpoint(resume)
    return found


def parsed() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--foreign", type=Path, required=True, help="folder of other sounds, *.flac"
    )
    parser.add_argument("--folds", nargs="+", default=list("12345"), help="to test on")
    parser.add_argument(
        "--negative-folds", nargs="+", default=list("123"), help="to train with negatives on"
    )
    parser.add_argument(
        "--left-out-folds", nargs="+", default=["1"], help="on which scores are compared"
    )
    parser.add_argument("--models", nargs="+", choices=NAMES, default=NAMES, help="to test")
    parser.add_argument(
        "--compared", nargs="*", choices=NAMES, default=NAMES, help="models to compare scores with"
    )
    arguments = parser.parse_args()
    if not arguments.foreign.is_dir() or not any(arguments.foreign.glob("*.flac")):
        raise SpikesoundError(f"--foreign: {arguments.foreign}: no folder with files *.flac")
    arguments.foreign = arguments.foreign.resolve()
    return arguments


if __name__ == "__main__":
    run(main)
