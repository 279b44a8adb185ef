"""Denoise spectrograms by networks with a map and by classical methods; finished rows are kept.

    python stages/denoising.py [MOST]

MOST: rows that are computed at most; the others are left for another run.
"""

import sys

import paths
from spikesound.core.errors import SpikesoundError, run
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.denoising import load_denoising
from spikesound.params.experiments import params_of


def main(most: str | None = None) -> None:
    if most is not None and not most.isdecimal():
        raise SpikesoundError(f"number of rows: expected a whole number, got {most!r}")
    default = Params.load(paths.PARAMS)
    denoising = load_denoising(paths.DENOISING)
    params = params_of(read_sections(paths.PARAMS), "denoising", denoising)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core.labels import read_labels
    from spikesound.experiments.denoising.run import Places, run_denoising

    features, disturbed, clips = (
        paths.of_task(kind, "classification") for kind in ("features", "disturbed", "clips")
    )
    out = paths.METRICS / "experiments" / "denoising.json"
    places = Places(features, disturbed, paths.STORE / "trainings", out)
    classes = list(read_labels(clips / "labels.json"))
    content = run_denoising(
        denoising, params, default, classes, places, None if most is None else int(most)
    )
    print(f"denoising: {len(content['rows'])} of {content['planned']} rows: {out}")


if __name__ == "__main__":
    run(main, *sys.argv[1:])
