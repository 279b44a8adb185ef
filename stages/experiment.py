"""Train, test and price the settings of an experiment; rows that are there are kept.

    python stages/experiment.py NAME [MOST]

MOST: rows that are computed at most; the others are left for another run.
"""

import sys

import paths
from spikesound.core.errors import SpikesoundError, run
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import load_experiment, params_of


def main(name: str, most: str | None = None) -> None:
    if most is not None and not most.isdecimal():
        raise SpikesoundError(f"number of rows: expected a whole number, got {most!r}")
    default = Params.load(paths.PARAMS)
    experiment = load_experiment(paths.EXPERIMENTS, name)
    params = params_of(read_sections(paths.PARAMS), name, experiment)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.experiments.data import Folders
    from spikesound.experiments.run import run_experiment

    folders = Folders.of_project(paths.of_task, paths.SPIKES, paths.ONTOLOGY, paths.STORE)
    out = paths.METRICS / "experiments" / f"{name}.json"
    content = run_experiment(
        name, experiment, params, default, folders, out, None if most is None else int(most)
    )
    print(f"{name}: {len(content['rows'])} of {content['planned']} rows: {out}")


if __name__ == "__main__":  # the processes of the folds import this file
    run(main, *sys.argv[1:])
