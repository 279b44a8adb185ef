"""Say what the run of the task came to."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str) -> None:
    Params.load(paths.PARAMS)
    found = (paths.RESULTS / f"{task}.md").read_text(encoding="utf-8")
    paths.RESULT.write_text(found, encoding="utf-8")
    print(found)
    print(f"result of {task}: {paths.RESULT}")


run(main, *sys.argv[1:])
