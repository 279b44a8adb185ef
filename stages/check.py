"""Check every value of params.yaml, before any other stage works.

The output is always the same: a good change reruns nothing but what it changes.
"""

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    params.of_task(params.task)
    paths.CHECKED.write_text(f"every value of {paths.PARAMS} is good\n", encoding="utf-8")


run(main)
