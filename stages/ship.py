"""Put trained models, each with its card, where the package is built from.

    python stages/ship.py TASK MODEL...

Of each model the network of the last held-out fold.
"""

import shutil
import sys
from pathlib import Path

import paths
from spikesound.core.errors import run
from spikesound.core.json_files import read_mapping
from spikesound.params import Params


def main(task: str, *names: str) -> None:
    params = Params.load(paths.PARAMS)
    fold = params.task_params(task).folds[-1]
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.models.file import WEIGHTS, load_spec
    from spikesound.models.shipped import PACKAGE, SUFFIX, card

    out = Path("src") / PACKAGE / task
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name in names:
        file = out / f"{name}{SUFFIX}"
        shutil.copyfile(paths.of_task("models", task) / name / f"fold-{fold}" / WEIGHTS, file)
        spec = load_spec(file)
        metrics = read_mapping(paths.METRICS / task / "models" / f"{name}.json")
        file.with_suffix(".md").write_text(card(file, spec, metrics), encoding="utf-8")
        print(f"{file}: {file.stat().st_size / 1e3:,.0f} kB")


run(main, *sys.argv[1:])
