"""Check every value of params.yaml, and the names of the source's files, before any other stage.

The output is always the same: a good change reruns nothing but what it changes.
"""

import paths
from spikesound.core.errors import run
from spikesound.core.names import check_names
from spikesound.params import Params
from spikesound.params.committed import changes_note


def main() -> None:
    params = Params.load(paths.PARAMS)
    params.of_task(params.task)
    check_names(paths.DATA / params.source)
    if note := changes_note(paths.PARAMS):
        print(note)
    paths.CHECKED.write_text(f"every value of {paths.PARAMS} is good\n", encoding="utf-8")


run(main)
