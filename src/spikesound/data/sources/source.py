"""What a source of labelled sound is: lists of segments, folds, and where the recordings lie."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import ClassVar

import pandas as pd

from spikesound.data.audioset import read_segments
from spikesound.data.sources.folds import read_folds
from spikesound.errors import SpikesoundError
from spikesound.params import SourceParams
from spikesound.schema import CLIPS, REJECTED


class Source:
    """Recordings whose segments are listed in AudioSet's format and which lie in a local mirror.

    A subclass is one source: it gives its name in params.yaml and the form of its media ids.
    """

    name: ClassVar[str]
    media_id: ClassVar[re.Pattern[str]]

    def __init__(self, params: SourceParams) -> None:
        self.params = params
        if not params.segments:
            raise SpikesoundError(
                f"sources.{self.name}.segments: empty; give a fold or '*' its CSV"
            )
        if "*" in params.segments and len(params.segments) > 1:
            raise SpikesoundError(f"sources.{self.name}.segments: '*' stands beside other folds")
        if "*" in params.segments and params.folds is None:
            raise SpikesoundError(
                f"sources.{self.name}.folds: null, but the segments under '*' take their folds from"
                " it; give a CSV with the columns media_id,fold"
            )

    def clips(self, known: Collection[str] | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Read the segment lists.

        Parameters
        ----------
        known
            Label ids that exist, such as an :class:`~spikesound.data.ontology.Ontology`; a row with
            another one is rejected. None takes any label.

        Returns
        -------
        clips
            Table CLIPS in the order of ``clip_id``. The fold is the key that a list has in
            ``segments``; under ``"*"`` it is looked up by media id in the CSV ``folds``.
        rejected
            Table REJECTED: the damaged rows of every list, and those whose recording is in another
            fold already (a recording never straddles training and test).

        Raises
        ------
        SpikesoundError
            If a file is missing or unreadable, or a clip has no fold; the message names both.
        """
        parts: list[pd.DataFrame] = []
        rejected: list[pd.DataFrame] = []
        for key, file in self.params.segments.items():
            segments, damaged = read_segments(file, known=known, media_id=self.media_id)
            fold = self._folds(segments, file) if key == "*" else key
            recording = segments["media_id"].map(self.recording)
            parts.append(segments.assign(recording=recording, fold=fold, file=file))
            rejected.append(damaged)
        listed = pd.concat(parts, ignore_index=True)
        listed, straddling = _one_fold_each(listed)
        rejected.append(straddling)
        clips = listed.assign(clip_id=_clip_ids(listed)).sort_values("clip_id", ignore_index=True)
        return clips[CLIPS.names], pd.concat(rejected, ignore_index=True)

    def recording(self, media_id: str) -> str:
        """Return the recording that a media id belongs to: itself, unless a source has cuts."""
        return media_id

    def locate(self, media_id: str) -> Path:
        """Return the path of a recording in the mirror, whether or not it is there.

        Raises
        ------
        SpikesoundError
            If the source has no mirror, or its path has no place for the media id.
        """
        key, mirror = f"sources.{self.name}.mirror", self.params.mirror
        if mirror is None:
            raise SpikesoundError(
                f"{key}: null; set it to where your copies lie, such as folder/{{media_id}}.wav"
            )
        if "{media_id}" not in mirror:
            raise SpikesoundError(f"{key}: {mirror!r} has no {{media_id}} in it")
        return Path(mirror.replace("{media_id}", media_id))

    def _folds(self, segments: pd.DataFrame, file: str) -> pd.Series:
        assert self.params.folds is not None
        folds = segments["media_id"].map(read_folds(self.params.folds))
        missing = segments["media_id"][folds.isna()]
        if len(missing):
            raise SpikesoundError(
                f"{self.params.folds}: no fold for {missing.iloc[0]!r}, which {file} lists"
                f" ({missing.nunique()} such recordings in all)"
            )
        return folds


def _clip_ids(listed: pd.DataFrame) -> pd.Series:
    start_ms = (listed["start_s"] * 1000).round().astype("int64").astype(str)
    return listed["media_id"] + "_" + start_ms


def _one_fold_each(listed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set aside the segments of a recording that an earlier list puts into another fold."""
    first = listed.groupby("recording")["fold"].transform("first")
    other = listed["fold"] != first
    rows = listed[other]
    cells = zip(rows["media_id"], rows["start_s"], rows["end_s"], rows["labels"], strict=True)
    straddling = pd.DataFrame(
        {
            "file": rows["file"],
            "line": rows["line"],
            "row": [f'{name},{start},{end},"{",".join(row)}"' for name, start, end, row in cells],
            "reason": [f"in two folds: the recording is in {fold!r}" for fold in first[other]],
        },
        columns=REJECTED.names,
    )
    return listed[~other], straddling
