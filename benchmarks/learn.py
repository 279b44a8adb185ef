"""Sounds taught to frozen networks by few recordings: prototypes and a delta rule, twin by twin.

    python benchmarks/learn.py --models FILE... --new FOLDER [--unknown FOLDER] [--halves]

--models: trained on all of ESC-10. New sounds are those of --new, files of FSDD's ``recordings``,
taught one digit at a time by 1, 5 or 10 recordings of all speakers, against some of ESC-10's
recordings. Settings of either rule are chosen on validation recordings, figures are those of test
recordings, of the fold that was held out from the model. Unknown are the other digits, and every
third file of --unknown.

--halves: each twin of the classifiers is trained twice, on five of ESC-10's classes each time. The
other five are new sounds to it, and the four that are not taught unknown ones.

Networks and what their last hidden layers do lie in build/learn and are made once. Prints tables,
and writes benchmarks/results/learn.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from machine import machine, versions

from spikesound.apps.lab import Lab
from spikesound.apps.learning import windows_of
from spikesound.audio.reading import blocks
from spikesound.core.errors import run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.core.seeds import numpy_generator
from spikesound.inference.learnt.activity import Activity, HiddenLayer, linear_readout
from spikesound.inference.learnt.check import potential
from spikesound.inference.learnt.delta import DeltaRule, learn, spread
from spikesound.inference.learnt.teach import fit, median_frames
from spikesound.models.file import WEIGHTS
from spikesound.models.loading import TrainedModel, load
from spikesound.params import Params
from spikesound.tasks.detection.median_filter import median

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/learn"
OUT = Path(__file__).resolve().parent / "results/learn.json"
TWINS = ("ann-cnn", "snn-cnn-surrogate")
COUNTS = (1, 5, 10)
DRAWS = {"validation": 1, "test": 2}
MOST_KNOWN = 3
"""Recordings of a known class and fold."""

Floats = npt.NDArray[np.float32]
Found = Callable[[Activity], bool]
Fit = Callable[[Sequence[Activity], Sequence[Activity], int], Found]


@dataclass(frozen=True)
class Material:
    """A model, and recordings by part, kind (known, new, unknown) and label."""

    name: str
    model: TrainedModel
    frames: int
    recordings: Mapping[tuple[str, str, str], list[Activity]]

    def of(self, part: str, kind: str) -> dict[str, list[Activity]]:
        """Return the recordings of a part and kind, by label."""
        return {key[2]: each for key, each in self.recordings.items() if key[:2] == (part, kind)}


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    groups: dict[str, list[Material]] = {}
    for path in arguments.models:
        trained = of_all_classes(path, arguments)
        groups.setdefault(trained.model.spec.task, []).append(trained)
    if arguments.halves:
        groups["halves"] = [of_half(twin, half) for twin in TWINS for half in (0, 1)]
    results = {name: compared(name, materials) for name, materials in groups.items()}
    content = {"bench": "learn", "counts": COUNTS, "draws": DRAWS, **results}
    write_json(OUT, content | {"machine": machine(), "versions": versions("torch", "numpy")})
    print(OUT)


def compared(name: str, materials: Sequence[Material]) -> dict[str, object]:
    """Choose each rule's setting on validation recordings, and print its figures on the others."""
    chosen, rows = {}, []
    for rule, settings in RULES.items():
        figures = {
            setting: pd.concat([trials(each, fit, "validation") for each in materials])
            for setting, fit in track(settings.items(), total=len(settings), what=rule, unit="set")
        }
        balanced = {setting: each["balanced"].mean() for setting, each in figures.items()}
        best = max(balanced, key=lambda setting: balanced[setting])
        scores = {setting: round(value, 4) for setting, value in balanced.items()}
        chosen[rule] = {"setting": best, "balanced_on_validation": scores}
        tested = pd.concat([trials(each, settings[best], "test") for each in materials])
        rows.append(tested.assign(rule=rule))
    table = pd.concat(rows).groupby(["model", "rule", "recordings"]).mean(numeric_only=True)
    settings_of = "; ".join(f"{rule}: {each['setting']}" for rule, each in chosen.items())
    print(f"{name}; chosen on validation: {settings_of}")
    print(table.round(3).to_string())
    return {"chosen": chosen, "test": table.round(4).reset_index().to_dict("records")}


def trials(material: Material, fit: Fit, part: str) -> pd.DataFrame:
    """Return the figures of a rule for each new sound, number of recordings, and draw."""
    others = [each for of in material.of("teach", "known").values() for each in of]
    rows = []
    for label, pool in material.of("teach", "new").items():
        for count in COUNTS:
            for draw in range(DRAWS[part]):
                generator = numpy_generator(draw, "learn", part, label, count)
                order = generator.permutation(len(pool))[:count]
                found = fit([pool[each] for each in order], others, material.frames)
                rows.append({"model": material.name, "recordings": count}
                            | figures_of(found, material, label, part))  # fmt: skip
    return pd.DataFrame(rows)


def figures_of(found: Found, material: Material, label: str, part: str) -> dict[str, float]:
    """Return the shares of recordings in which a taught sound is found."""
    new, known = material.of(part, "new"), material.of(part, "known")
    unknown = [each for other, of in new.items() if other != label for each in of]
    unknown += [each for of in material.of(part, "unknown").values() for each in of]
    figures = {
        "found": share(found, new[label]),
        "false_known": share(found, [each for of in known.values() for each in of]),
        "false_unknown": share(found, unknown),
    }
    alarms = (figures["false_known"] + figures["false_unknown"]) / 2
    figures["balanced"] = (figures["found"] + 1 - alarms) / 2
    if not material.frames:
        figures |= accuracies(found, material, known)
    return figures


def share(found: Found, recordings: Sequence[Activity]) -> float:
    return float(np.mean([found(each) for each in recordings]))


def accuracies(
    found: Found, material: Material, known: Mapping[str, Sequence[Activity]]
) -> dict[str, float]:
    """Return the accuracy of the known classes, and what is left of it with the new sound."""
    linear = linear_readout(material.model).synapses
    assert isinstance(linear, torch.nn.Linear)
    weights = torch.cat([linear.weight, linear.bias[:, None]], 1).detach().numpy()
    before, after = [], []
    for label, recordings in known.items():
        for each in recordings:
            logits = (each.rows @ weights.T).astype(np.float64)
            probabilities = np.exp(logits - logits.max(1, keepdims=True))
            probabilities /= probabilities.sum(1, keepdims=True)
            right = material.model.labels[int(probabilities.mean(0).argmax())] == label
            before.append(right)
            after.append(right and not found(each))
    return {"accuracy_before": float(np.mean(before)), "accuracy_after": float(np.mean(after))}


def delta(settings: DeltaRule) -> Fit:
    """The rule of the library, with its boundary."""

    def fitted(sound: Sequence[Activity], others: Sequence[Activity], frames: int) -> Found:
        rule = partial(learn, rule=settings)
        weights, _ = fit(sound, others, frames=frames, rule=rule)
        return lambda each: potential(each, weights, frames) >= 0

    return fitted


def prototype(metric: str, quantile: float) -> Fit:
    """The mean activity of the sound; nearer than a quantile of the other recordings is found.

    Activity is less the others' mean and over their deviation, synapse by synapse.
    """

    def fitted(sound: Sequence[Activity], others: Sequence[Activity], frames: int) -> Found:
        rows = np.concatenate([each.rows for each in others])[:, :-1]
        mean, deviation = spread(rows, np.full(len(rows), 1 / len(rows), np.float32))
        parts = [each.rows[each.active][:, :-1].mean(0) for each in sound]
        centre = (np.mean(parts, 0) - mean) / deviation

        def distance(each: Activity) -> float:
            x = (each.rows[:, :-1] - mean) / deviation
            if metric == "cosine":
                norms = np.linalg.norm(x, axis=1) * np.linalg.norm(centre)
                distances = 1 - x @ centre / np.maximum(norms, 1e-9)
            else:
                distances = np.square(x - centre).mean(1)
            if not frames:
                return float(distances.mean())
            return float(-median(-distances[:, None].astype(np.float32), [frames]).max())

        radius = np.quantile([distance(each) for each in others], quantile)
        return lambda each: distance(each) < radius

    return fitted


RULES: dict[str, dict[str, Fit]] = {
    "delta": {
        f"passes {passes}, share {part}": delta(DeltaRule(passes=passes, share=part))
        for passes in (100, 300)
        for part in (0.5, 0.2)
    },
    "prototype": {
        f"{metric}, quantile {quantile}": prototype(metric, quantile)
        for metric in ("euclidean", "cosine")
        for quantile in (0.0, 0.02, 0.05, 0.1)
    },
}
"""Both rules at each of their settings."""


def of_half(twin: str, half: int) -> Material:
    """A twin that was trained on every other class, and ESC-10's recordings."""
    recordings = esc10("5")
    labels = sorted(recordings["label"].unique())[half::2]
    folder = BUILD / f"half-{half}"
    missing = [each for each in TWINS if not (folder / "models" / each / WEIGHTS).is_file()]
    if missing:
        table = recordings[recordings["label"].isin(labels)].drop(columns=["part", "id"])
        lab = Lab(table, Params.load(ROOT / "params.yaml"), test_fold="5", folder=folder)
        what = f"training on classes {half + 1}, {half + 3}, ..."
        for each in track(missing, total=len(missing), what=what, unit="network"):
            lab.train(each)
    model = load(folder / "models" / twin)
    kinds = {label: "known" if label in labels else "new" for label in recordings["label"]}
    rows = recordings.assign(kind=recordings["label"].map(kinds))
    return material(twin, model, rows, BUILD / f"{twin}-{half}.npz")


def of_all_classes(path: Path, arguments: argparse.Namespace) -> Material:
    """A trained model, with digits as new sounds."""
    model = load(path)
    known = esc10(model.spec.fold).assign(kind="known")
    known = known.groupby(["label", "fold"]).head(MOST_KNOWN)
    names = dict(zip(model.ids, model.labels, strict=True))  # backgrounds are no classes
    known["label"] = known["id"].map(names).fillna(known["label"])
    new = digits(arguments.new).assign(kind="new")
    files = sorted(arguments.unknown.glob("*.flac"))[::3] if arguments.unknown else []
    parts = [("validation", "test")[number % 2] for number in range(len(files))]
    unknown = pd.DataFrame({"file": [str(file) for file in files], "part": parts})
    unknown = unknown.assign(kind="unknown", label="unknown")
    rows = pd.concat([known, new, unknown])
    return material(model.name, model, rows, BUILD / f"{model.name}.npz")


def material(name: str, model: TrainedModel, rows: pd.DataFrame, cache: Path) -> Material:
    """Recordings through a model's hidden layer, from a file if they were before."""
    if not cache.is_file():
        layer, arrays = HiddenLayer(model), {}
        for number, file in enumerate(track(rows["file"], total=len(rows), what=name, unit="file")):
            samples = decoded(file, model.front_end.rate_hz)
            activity = layer.of_windows(windows_of(model, samples))
            for key in ("rows", "known", "active"):
                arrays[f"{number} {key}"] = getattr(activity, key)
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, **arrays)
    stored, by_kind = np.load(cache), {}
    for number, row in enumerate(rows.itertuples()):
        activity = Activity(*(stored[f"{number} {key}"] for key in ("rows", "known", "active")))
        by_kind.setdefault((row.part, row.kind, row.label), []).append(activity)
    return Material(name, model, median_frames(model), by_kind)


@cache
def decoded(file: str, rate_hz: int) -> Floats:
    return np.concatenate(list(blocks(Path(file), rate_hz)))


def esc10(held_out: str) -> pd.DataFrame:
    """The recordings in the repository: a fold for the test, the one before it for the choice, and
    the others to be taught by."""
    test = int(held_out)
    parts = {str(fold): "teach" for fold in range(1, 6)}
    parts |= {str(test): "test", str((test - 2) % 5 + 1): "validation"}
    credits = pd.read_csv(ROOT / "data/esc10/credits.csv")
    folds = pd.read_csv(ROOT / "data/esc10/folds.csv", dtype=str).set_index("media_id")["fold"]
    ids = credits["media_id"]
    fold = folds[ids].to_numpy()
    columns = ["id", "start", "end", "label"]
    segments = pd.read_csv(
        ROOT / "data/esc10/segments.csv", skiprows=2, names=columns, skipinitialspace=True
    ).set_index("id")["label"]
    return pd.DataFrame(
        {
            "file": [str(ROOT / f"data/esc10/audio/{each}.ogg") for each in ids],
            "label": credits["esc10_category"],
            "id": segments[ids].to_numpy(),
            "fold": fold,
            "recording": [each.split("-")[1] for each in ids],
            "part": [parts[each] for each in fold],
        }
    )


def digits(folder: Path) -> pd.DataFrame:
    """Spoken digits: recording 0 of each speaker is for the test, as officially, 5 for the choice,
    two more to be taught by."""
    parts = {"0": "test", "5": "validation", "12": "teach", "13": "teach"}
    rows = [
        {"file": str(path), "label": path.name.split("_")[0], "part": parts[number]}
        for path in sorted(folder.glob("*.wav"))
        if (number := path.stem.split("_")[-1]) in parts
    ]
    return pd.DataFrame(rows)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="trained models")
    parser.add_argument("--new", type=Path, help="recordings of FSDD")
    parser.add_argument("--unknown", type=Path, help="folder of other sounds, *.flac")
    parser.add_argument("--halves", action="store_true", help="classifiers of half the classes")
    return parser.parse_args()


if __name__ == "__main__":
    run(lambda: main(parsed()))
