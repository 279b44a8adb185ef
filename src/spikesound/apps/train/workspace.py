"""A workspace: a folder with the pipeline, parameters for somebody's recordings, and its results.

The pipeline is that of the repository: the same stage scripts, the same dvc.yaml. An installed
package carries them (``setup.py``).
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from spikesound.apps.cli import workspace as paths
from spikesound.apps.train.plan import Base, Plan
from spikesound.apps.train.survey import Survey, contents
from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.core.source import LIBRARY, ROOT
from spikesound.models.file import WEIGHTS
from spikesound.params import Params
from spikesound.params.experiments import changed

PACKAGED = "pipeline"
"""Folder of an installed package with the pipeline's files."""


def pipeline_files() -> Path:
    """Return the folder with the pipeline's files: in the installed package, or the repository.

    Raises
    ------
    SpikesoundError
        If neither has them.
    """
    for folder in (LIBRARY / ROOT / PACKAGED, LIBRARY.parent):
        if (folder / paths.STAGES).is_file():
            return folder
    raise SpikesoundError(
        f"{LIBRARY / ROOT}: this installation lacks the pipeline's files; reinstall spikesound"
    )


def template() -> str:
    """Return the pipeline's own params.yaml."""
    return (pipeline_files() / paths.PARAMS).read_text(encoding="utf-8")


def check_workspace(folder: Path, recordings: Path, task: str) -> None:
    """Check that a folder is free, or a workspace for these recordings.

    Raises
    ------
    SpikesoundError
        If it is neither, or lies among the recordings.
    """
    own, top = folder.absolute().resolve(), recordings.absolute().resolve()
    if own.is_relative_to(top):
        raise SpikesoundError(
            f"{folder}: lies in the folder of the recordings; choose another (--workspace)"
        )
    if folder.exists() and not folder.is_dir():
        raise SpikesoundError(f"{folder}: expected a folder, got a file (--workspace)")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    try:
        marker = json.loads((folder / paths.MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        marker = None
    if not isinstance(marker, dict):
        raise SpikesoundError(
            f"{folder}: not empty, and no workspace of spikesound train; choose another folder "
            "(--workspace)"
        )
    before = (marker.get("task"), marker.get("recordings"))
    if before != (task, str(top)):
        raise SpikesoundError(
            f"{folder}: workspace of {before[0]} on {before[1]}; choose another folder "
            "(--workspace)"
        )


def parameters(plan: Plan, changes: Mapping[str, Any]) -> str:
    """Return the text of params.yaml, with its comments, and check it.

    Parameters
    ----------
    changes : values by dotted keys, which go before the plan's

    Raises
    ------
    SpikesoundError
        If one of the changes is wrong; names its key.
    """
    yaml = YAML()
    yaml.width = 200
    content = yaml.load(template())
    content["models"].clear()
    planned = changed(content, {**plan.changes, "models": plan.models})
    text = StringIO()
    yaml.dump(changed(planned, changes), text)
    Params.of(YAML(typ="safe").load(text.getvalue()))
    return text.getvalue()


def make_workspace(
    folder: Path, recordings: Path, task: str, found: Survey, base: Base | None, text: str
) -> None:
    """Write the pipeline, its parameters and a table of the recordings' files into a folder.

    Files that are the same stay as they are. Parameters that somebody has edited since are kept
    beside the new ones.
    """
    pipeline = pipeline_files()
    for pattern in paths.PIPELINE:
        for file in sorted(pipeline.glob(pattern)):
            _write(folder / file.relative_to(pipeline), _adapted(file, pipeline))
    _write(folder / paths.ONTOLOGY, b"[]\n")  # the labels are the recordings' own
    _write(folder / paths.OWN_FILES, contents(found.files).encode("utf-8", "surrogateescape"))
    _write(folder / paths.DVC_CONFIG, b"[core]\n    analytics = false\n    no_scm = true\n")
    if base is not None:
        _write(folder / paths.BASES / base.name / WEIGHTS, base.path.read_bytes())
    _keep_edited(folder / paths.PARAMS, text)
    _write(folder / paths.PARAMS, text.encode())
    marker = {
        "recordings": str(recordings.absolute().resolve()),
        "task": task,
        "spikesound": metadata.version("spikesound"),
    }
    _write(folder / paths.MARKER, (json.dumps(marker, indent=1) + "\n").encode())


def _adapted(file: Path, pipeline: Path) -> bytes:
    """Return a file's content; the graph depends on the library where that is installed."""
    content = file.read_bytes()
    if file == pipeline / paths.STAGES:
        # The library's folder, not that of installed models beside it.
        place = str(LIBRARY / ROOT).encode()
        content = re.sub(rb"%b\b" % re.escape(paths.LIBRARY.encode()), lambda _: place, content)
    return content


def _keep_edited(params: Path, text: str) -> None:
    written = params.with_name(f".{params.name}.written")
    if params.is_file() and written.is_file() and params.read_bytes() != written.read_bytes():
        edited = params.with_suffix(".edited.yaml")
        shutil.copyfile(params, edited)
        note = f"{params}: was edited, and is overwritten (use -S KEY=VALUE); kept as {edited}"
        print(note, file=sys.stderr)
    _write(written, text.encode())


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as file:
        file.write(content)
