"""Check every value of params.yaml, before any stage works.

The output is always the same, so that a good change reruns nothing but what it changes.
"""

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    Params.load(paths.PARAMS)
    paths.CHECKED.parent.mkdir(parents=True, exist_ok=True)
    paths.CHECKED.write_text(f"every value of {paths.PARAMS} is good\n", encoding="utf-8")


run(main)
