"""From recordings to trained models: survey, parameters, workspace, pipeline, verdict."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from ruamel.yaml import YAML

from spikesound.apps.cli import workspace as paths
from spikesound.apps.train.outcome import Outcome, missing_clips, read_outcome
from spikesound.apps.train.plan import ROWS, Plan, make_plan, read_base
from spikesound.apps.train.survey import Survey, survey
from spikesound.apps.train.workspace import (
    check_workspace,
    make_workspace,
    parameters,
    template,
)
from spikesound.core.errors import SpikesoundError, choose
from spikesound.core.progress import SCREEN

NEEDED = ("dvc", "dvclive", "yaml", "yt_dlp")
"""Packages of the extra ``pipeline``."""

_RUNNING = re.compile(r"Running stage '(?:.*:)?(.+)'")


def train(
    recordings: Path | str,
    task: str = "classification",
    *,
    workspace: Path | str | None = None,
    base: Path | str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Outcome:
    """Train a spiking network and its conventional twin on recordings, and compare them.

    The run goes on where an earlier one with the same workspace ended: what has not changed is not
    computed again.

    Parameters
    ----------
    recordings : a folder, in which sub-folders are classes (classification) or label files lie
        beside the sound files (detection); or a CSV with the labels
    task : classification or detection
    workspace : folder for the pipeline and its results; None: ``<recordings>-<task>`` in the
        current folder
    base : a trained model to start from; its network is trained beside the others
    changes : other values of parameters, by dotted keys of params.yaml

    Raises
    ------
    SpikesoundError
        If the recordings cannot be used, too few are left, or a stage of the pipeline fails; the
        message names the file or the key.
    """
    choose(ROWS, task, "task")
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise SpikesoundError(
            f"training needs {missing[0]}, which is not installed: "
            "pip install 'spikesound[pipeline]'"
        )
    recordings = Path(recordings)
    given = recordings.absolute()
    name = given.name if given.is_dir() else given.stem
    folder = Path(workspace or f"{name}-{task}")
    check_workspace(folder, recordings, task)
    start = None if base is None else read_base(str(base), task)
    found = survey(recordings, task)
    plan = make_plan(found, task, YAML(typ="safe").load(template()), start)
    text = parameters(plan, changes or {})
    _say(found, plan, folder)
    make_workspace(folder, recordings, task, found, start, text)
    _run_pipeline(folder, task)
    return read_outcome(folder, task)


def _say(found: Survey, plan: Plan, folder: Path) -> None:
    for line in found.rejected:
        print(f"left out: {line}", file=sys.stderr)
    for name, count in plan.too_few.items():
        recordings = "1 recording" if count == 1 else f"{count} recordings"
        print(f"left out: class {name!r}: only {recordings}", file=sys.stderr)
    counts = ", ".join(
        f"{name} {found.recordings[label]}"
        for label, name in found.labels.items()
        if name not in plan.too_few
    )
    print(
        f"recordings by class: {counts}; {found.clips} clips, {plan.folds} folds; "
        f"{', '.join(plan.models)}: {folder}",
        file=sys.stderr,
    )


def _run_pipeline(folder: Path, task: str) -> None:
    """Run DVC in a workspace; what the stages print goes to a log, their progress is shown."""
    python = Path(sys.executable).parent
    if shutil.which("python", path=str(python)) is None:
        raise SpikesoundError(
            f"{python}: has no program python, which runs the stages; install spikesound into a "
            "virtual environment"
        )
    paths_before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    environment = os.environ | {
        "PATH": f"{python}{os.pathsep}{os.environ.get('PATH', '')}",
        # The stages run in the workspace, and import what this process imports.
        "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in paths_before if path),
    }
    with (
        (folder / paths.LOG).open("w", encoding="utf-8") as log,
        subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        _copy(process.stdout, log)
    if process.returncode:
        for line in missing_clips(folder, task):
            print(f"left out: {line}", file=sys.stderr)
        raise SpikesoundError(
            f"{folder}: the pipeline stopped, see above; the same command goes on from there "
            f"({folder / paths.LOG})"
        )


def _copy(output: IO[str], log: IO[str]) -> None:
    """Write the output to the log, and show which stage begins."""
    for line in output:
        log.write(line)
        log.flush()
        if begins := _RUNNING.match(line):
            SCREEN.console.print(f"stage {begins[1]}", markup=False, highlight=False)
