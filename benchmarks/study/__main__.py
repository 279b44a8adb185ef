"""What one run cannot show: several seeds, the knobs of energy, and training in noise.

    python benchmarks/study [--only NAME...]

Needs the outputs of a run (dvc repro), and trains each of the settings (settings.py) on all folds,
the rest being as in params.yaml. It goes on where it stopped: models lie in the store, named by
all that they depend on. Choices are made by ``validation_accuracy``, of a part of the training
folds; test figures stand beside it and choose nothing. The findings go to metrics/study.json.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "stages"))

from settings import SEEDS, SETTINGS, Setting

import paths
from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.params import Params

OUT = Path("metrics/study.json")
TWIN, DEFAULT = Setting(None), Setting(4)
SHARE = 0.2
"""Of the twin's energy with memory: the spike rate that would do is told for every technology,
dataflow and way of running the twin."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = sorted({setting.name for setting in SETTINGS})
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="train these only")
    options = parser.parse_args()
    params = Params.load(paths.PARAMS)
    if params.encoding != "direct" or params.encodings.direct.steps != DEFAULT.steps:
        raise SpikesoundError(
            f"{paths.PARAMS}: the study rests on a run by direct coding of {DEFAULT.steps} steps"
        )
    # Here, torch is imported: seconds that a wrong parameter need not wait for.
    import rows

    from spikesound.core.labels import read_labels
    from train import train

    classes = list(read_labels(paths.CLIPS / "labels.json"))
    wanted = [s for s in SETTINGS if options.only is None or s.name in options.only]
    folders: dict[Setting, dict[str, Path]] = {setting: {} for setting in wanted}
    jobs = [(setting, fold) for setting in wanted for fold in params.folds]
    for setting, fold in track(jobs, total=len(jobs), what="study", unit="model"):
        folders[setting][fold] = train(params, setting, fold, classes)
    if options.only is not None:
        print(f"trained: {', '.join(options.only)}; without --only, all is compared")
        return

    recordings = rows.clip_recordings()
    found = {setting: rows.tested(params, folders[setting], classes) for setting in wanted}
    spiking = [s for s in wanted if s.steps and not s.noisy and s.seed == 1]
    twins = [TWIN, *(s for s in wanted if s.width != 1)]
    pairs = {f"{s.name} vs {TWIN.name}": (s, TWIN) for s in spiking}
    pairs |= rows.equal_energy(params, found, spiking, twins)
    seeded = {
        f"{one.name} vs {TWIN.name}": [
            [replace(setting, seed=seed) for seed in SEEDS] for setting in (one, TWIN)
        ]
        for one in spiking
        if all(replace(one, seed=seed) in found for seed in SEEDS)
    }
    noisy = {s: folders[s] for s in wanted if s in (TWIN, DEFAULT) or s.noisy}
    write_json(
        OUT,
        {
            "manifest": rows.manifest(found[TWIN]),
            "rows": [rows.row(params, s, found[s], recordings) for s in wanted],
            "pairs": rows.verdicts(params, found, pairs, recordings),
            "seeds": {
                key: rows.over_seeds(params, found, *pair, recordings)
                for key, pair in seeded.items()
            },
            "noise": rows.in_noise(params, noisy, classes, recordings),
            "rate_for_a_fifth": rows.limits(params, found[DEFAULT], found[TWIN], SHARE),
        },
    )
    print(f"study: {OUT}")


if __name__ == "__main__":
    run(main)
