"""Survey of somebody's recordings, before any work: classes, recordings, and what is wrong."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikesound.core.errors import SpikesoundError, short
from spikesound.core.names import readable
from spikesound.data.ontology import Ontology
from spikesound.data.sources.folder import BESIDE, Folder
from spikesound.params import FolderParams

LONGEST_S = 10.0
"""Longer recordings are cut into clips of at most this."""


@dataclass(frozen=True)
class Survey:
    """What there is to train on.

    Attributes
    ----------
    source : values of ``sources.folder``, apart from the number of folds
    labels : display names by label id
    recordings : number of recordings of each label id
    clips : number of clips, those that are cut from one recording included
    several_labels : whether a clip has more than one label
    own_folds : names of the folds that a table gives; none: they are to be dealt
    rejected : one line for each file, or row, that cannot be used
    files : every file that the data depend on
    """

    source: dict[str, Any]
    labels: dict[str, str]
    recordings: dict[str, int]
    clips: int
    several_labels: bool
    own_folds: tuple[str, ...]
    rejected: tuple[str, ...]
    files: tuple[Path, ...]


def survey(recordings: Path, task: str) -> Survey:
    """List recordings as the source ``folder`` of the pipeline will.

    Parameters
    ----------
    recordings : a folder, or a CSV with the labels of files beside it
    task : classification: a sub-folder is a label, or the CSV has file and label; detection: label
        files lie beside the sound files, or the CSV has file, onset, offset and label

    Raises
    ------
    SpikesoundError
        If there is no such folder, or no recording in it can be used.
    """
    source = _source(recordings, task)
    params = FolderParams.model_validate({**source, "folds": 2})
    folder = Folder(params, Ontology({}, {}), Path(os.devnull))
    listing = folder.listing()
    rejected = tuple(map(_line, listing.rejected.to_pylist()))
    clips = listing.clips.to_pylist()
    if not clips:
        raise SpikesoundError(
            f"{recordings}: none of {len(rejected)} recordings can be used; the first: "
            f"{rejected[0]}"
        )
    by_label: dict[str, set[str]] = {}
    for clip in clips:
        for label in clip["labels"]:
            by_label.setdefault(label, set()).add(clip["recording"])
    own_folds = sorted({clip["fold"] for clip in clips}) if folder.has_folds else ()
    located = [Path(folder.locate(media_id)) for media_id in {each["media_id"] for each in clips}]
    return Survey(
        source,
        {label: folder.ontology.name(label) for label in sorted(by_label)},
        {label: len(by_label[label]) for label in sorted(by_label)},
        len(clips),
        any(len(clip["labels"]) > 1 for clip in clips),
        tuple(own_folds),
        rejected,
        tuple(_beneath(recordings) if recordings.is_dir() else sorted([recordings, *located])),
    )


def _source(recordings: Path, task: str) -> dict[str, Any]:
    absolute = recordings.absolute()
    common = {"cut_s": LONGEST_S, "table": None, "events": None}
    if recordings.is_dir():
        own = {"events": BESIDE} if task == "detection" else {}
        return {"folder": str(absolute), **common, **own}
    if not recordings.exists():
        raise SpikesoundError(f"{short(str(recordings))}: no such folder or file")
    if recordings.suffix.lower() not in (".csv", ".tsv"):
        raise SpikesoundError(
            f"{recordings}: expected a folder of recordings, or a CSV with their labels"
        )
    key = "events" if task == "detection" else "table"
    return {"folder": str(absolute.parent), **common, key: str(absolute)}


def _line(row: dict[str, Any]) -> str:
    """Return a rejected row as one line that names its file."""
    if row["line"]:
        return f"{row['file']}, line {row['line']}: {row['reason']}"
    named = Path(row["file"]).name in row["reason"]
    return str(row["reason"]) if named else f"{row['file']}: {row['reason']}"


def _beneath(folder: Path) -> Sequence[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]


def contents(files: Sequence[Path]) -> str:
    """Return a table of files with their sizes and times: it changes when one of them does."""
    lines = ["file,bytes,modified_ns"]
    for path in files:
        facts = path.stat()
        name = readable(str(path.absolute())).replace('"', '""')
        lines.append(f'"{name}",{facts.st_size},{facts.st_mtime_ns}')
    return "\n".join(lines) + "\n"
