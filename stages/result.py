"""Say what the run of the task came to."""

import shutil
import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params
from spikesound.params.committed import changes_note


def main(task: str) -> None:
    Params.load(paths.PARAMS)
    found = (paths.DATA / "results" / f"{task}.md").read_text(encoding="utf-8")
    paths.RESULT.write_text(found, encoding="utf-8")
    shutil.copyfile(paths.of_task("reports", task) / "report.html", paths.REPORT)
    print(found)
    print(f"result of {task}: {paths.RESULT}; as a page: {paths.REPORT}")
    if note := changes_note(paths.PARAMS):
        print(note)


run(main, *sys.argv[1:])
