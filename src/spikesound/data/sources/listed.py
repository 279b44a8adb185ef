"""Sources labelled by AudioSet's ontology, whose segments are listed in AudioSet's own forms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import CLIPS, EVENTS
from spikesound.data.lists.label_sets import LabelSets
from spikesound.data.lists.merging import Merged, SegmentList, list_of, merge, read_list, reject
from spikesound.data.lists.whole import check_list
from spikesound.data.ontology import Ontology
from spikesound.data.sources.folds import read_folds
from spikesound.data.sources.remote import is_url, obtain
from spikesound.data.sources.source import Listing, Source
from spikesound.params import ListedParams


class Listed(Source):
    """Recordings whose segments are listed in weak CSVs or strong TSVs, here or on the web.

    A subclass is one source: it gives its name in params.yaml and the form of its media ids. The
    fold of a clip is the key that its list has in ``segments``; under ``"*"`` it is looked up by
    media id in the CSV ``folds``.
    """

    media_id: ClassVar[re.Pattern[str]]
    params: ListedParams

    def __init__(self, params: ListedParams, ontology: Ontology, cache: Path) -> None:
        super().__init__(params, ontology, cache)
        if not params.segments:
            raise SpikesoundError(
                f"sources.{self.name}.segments: empty; give a fold or '*' its CSV"
            )
        if "*" in params.segments and len(params.segments) > 1:
            raise SpikesoundError(
                f"sources.{self.name}.segments: '*' and other folds; expected one or the other"
            )
        if "*" in params.segments and params.folds is None:
            raise SpikesoundError(
                f"sources.{self.name}.folds: null, but the segments under '*' take their folds from"
                " it; give a CSV with the columns media_id,fold"
            )

    def listing(self) -> Listing:
        """Read the lists, each clip once.

        Rejected are the damaged rows of every list, the clips that stand in an earlier line or list
        already, and those whose recording is in another fold already (a recording never straddles
        training and test).

        Raises
        ------
        SpikesoundError
            If a file cannot be had or read, or a clip has no fold; the message names both.
        """
        lists = self._lists()
        merged = merge(lists)
        clips = self._clips(lists, merged)
        rejected = [*(each.rejected for each in lists), merged.rejected]
        elsewhere = in_two_folds(clips["recording"], clips["fold"], merged.position)
        straddles = elsewhere.is_valid()
        if pc.any(straddles).as_py():
            reasons = pc.binary_join_element_wise(
                "in two folds: the recording is in '", elsewhere.filter(straddles), "'", ""
            )
            rejected.append(reject(lists, merged.position[straddles.to_numpy()], reasons))
            clips = clips.filter(pc.invert(straddles))
        events = _events(lists, clips["clip_id"], merged)
        return Listing(clips, pa.concat_tables(rejected), events)

    def recordings(self, media_ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the recording of each media id: itself, unless a source has cuts."""
        return media_ids

    def locate(self, media_id: str) -> str:
        key, mirror = f"sources.{self.name}.mirror", self.params.mirror
        if mirror is None:
            raise SpikesoundError(
                f"{key}: null; set it to where your copies lie, such as folder/{{media_id}}.wav"
            )
        if "{media_id}" not in mirror:
            raise SpikesoundError(f"{key}: expected {{media_id}} in it, got {mirror!r}")
        if not self.media_id.fullmatch(media_id):
            raise SpikesoundError(
                f"source {self.name}: {media_id!r} is not an id of the form {self.media_id.pattern}"
            )
        web = mirror.startswith(("http://", "https://"))
        return mirror.replace("{media_id}", quote(media_id, safe="") if web else media_id)

    def _lists(self) -> list[SegmentList]:
        lists = []
        for file in self.params.segments.values():
            path = obtain(file, self.cache / self.name)
            name = file if isinstance(file, str) else file.url
            if is_url(name) and (isinstance(file, str) or file.hash is None):
                check_list(path, name)
            lists.append(read_list(path, known=self.ontology, media_id=self.media_id, name=name))
        pa.default_memory_pool().release_unused()  # or what reading took is never given back
        return lists

    def _clips(self, lists: list[SegmentList], merged: Merged) -> pa.Table:
        """Return the table CLIPS of the distinct clips."""
        segments = pa.concat_tables([each.segments for each in lists])
        at = pa.array(merged.position)
        media_ids = segments["media_id"].take(at)
        columns = {
            "clip_id": merged.clip_ids,
            "media_id": media_ids,
            "recording": self.recordings(media_ids),
            "start_s": segments["start_s"].take(at),
            "end_s": segments["end_s"].take(at),
            "labels": LabelSets.of(segments["labels"]).take(merged.position).column(),
            "fold": self._folds(lists, media_ids, list_of(lists, merged.position)),
        }
        return pa.table(columns, schema=CLIPS)

    def _folds(
        self, lists: list[SegmentList], media_ids: pa.ChunkedArray, number: NDArray[np.int64]
    ) -> pa.Array:
        """Return the fold of each clip, given the number of its list."""
        if self.params.folds is None or "*" not in self.params.segments:
            return pa.array(list(self.params.segments), pa.string()).take(pa.array(number))
        table = read_folds(self.params.folds)
        row = pc.index_in(media_ids, pa.array(list(table), pa.string()))
        missing = media_ids.filter(row.is_null()).unique().to_pylist()
        if missing:
            raise SpikesoundError(
                f"{self.params.folds}: no fold for {missing[0]!r}, which {lists[0].name} lists"
                f" ({len(missing)} such recordings in all)"
            )
        return pa.array(list(table.values()), pa.string()).take(row)


def in_two_folds(
    recordings: pa.ChunkedArray, folds: pa.ChunkedArray, position: NDArray[np.int64]
) -> pa.ChunkedArray:
    """Return for each clip the fold that its recording is in by an earlier clip; null: its own.

    Parameters
    ----------
    recordings, folds
        Of the clips.
    position
        Of the clips in their lists.
    """
    if len(folds.unique()) < 2:
        return pa.chunked_array([pa.nulls(len(folds), pa.string())])
    codes = recordings.combine_chunks().dictionary_encode().indices.to_numpy()
    backwards = np.argsort(-position)
    first = np.zeros(len(codes), np.int64)
    first[codes[backwards]] = backwards  # of equal codes, the last assignment stays
    theirs = folds.take(pa.array(first[codes]))
    return pc.if_else(pc.equal(theirs, folds), pa.scalar(None, pa.string()), theirs)


def _events(lists: list[SegmentList], clip_ids: pa.ChunkedArray, merged: Merged) -> pa.Table:
    """Return the events of clips, each clip's from the list that it was taken from."""
    parts = [EVENTS.empty_table()]
    number = list_of(lists, merged.position)
    for index, each in enumerate(lists):
        if len(each.events):
            taken = merged.clip_ids.filter(pa.array(number == index)).combine_chunks()
            stays = pc.is_in(each.events["clip_id"], taken)
            parts.append(each.events.filter(stays))
    events = pa.concat_tables(parts).combine_chunks()
    if not len(events):
        return events
    events = events.filter(pc.is_in(events["clip_id"], clip_ids.combine_chunks()))
    order = [(column, "ascending") for column in ("clip_id", "onset_s", "offset_s", "label")]
    return events.sort_by(order)
