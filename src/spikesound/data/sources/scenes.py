"""Scenes: ten seconds each, mixed from ESC-10's recordings, with exact onsets and levels.

A scene of a fold is mixed of that fold's recordings alone, so that no recording is ever in both
training and test.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from spikesound.core.atomic import is_local
from spikesound.core.errors import SpikesoundError, unknown
from spikesound.core.schema import CLIPS, REJECTED
from spikesound.data.lists.audioset import read_segments
from spikesound.data.lists.merging import clip_ids
from spikesound.data.lists.strong_labels import CLIP_S, read_strong
from spikesound.data.ontology import Ontology
from spikesound.data.scenes.make import VERSION, make_scenes
from spikesound.data.scenes.material import Recorded, Wave, read_background
from spikesound.data.scenes.tables import (
    FOLDS_FILE,
    MIXED_FILE,
    SEGMENTS_FILE,
    STRONG_FILE,
    read_mixtures,
)
from spikesound.data.sources.esc10 import Esc10
from spikesound.data.sources.folds import read_folds
from spikesound.data.sources.source import Listing, Source
from spikesound.data.store import digest
from spikesound.params import ScenesParams


class Scenes(Source):
    """A media id is ``s``, the fold, and the scene's number in it."""

    name = "scenes"
    media_id = re.compile(r"s[^\s\",/#]+-[0-9]{5,}")
    params: ScenesParams

    def __init__(self, params: ScenesParams, ontology: Ontology, cache: Path) -> None:
        super().__init__(params, ontology, cache)
        self._recorded = Esc10(params.recordings, ontology, cache)

    def listing(self) -> Listing:
        """Make the scenes, unless they are there, and read their lists.

        A scene in which nothing happens is a clip without labels. Nothing is ever rejected.

        Raises
        ------
        SpikesoundError
            If the recordings cannot be had or mixed, a background is no label of theirs, or the
            lists of scenes that were there are damaged; the message names the file or the key.
        """
        make_scenes(self.recorded(), self.backgrounds(), self.params, self.folder)
        segments, damaged = read_segments(
            self.folder / SEGMENTS_FILE, known=self.ontology, media_id=self.media_id
        )
        strong, events, more = read_strong(
            self.folder / STRONG_FILE, known=self.ontology, media_id=self.media_id
        )
        folds = read_folds(self.folder / FOLDS_FILE)
        if (
            len(damaged)
            or len(more)
            or _labels(segments) != _labels(strong)
            or not _labels(segments).keys() <= {f"{media_id}_0" for media_id in folds}
        ):
            raise SpikesoundError(
                f"{self.folder}: its lists are damaged or inconsistent; delete the folder"
                " to make the scenes again"
            )
        order = [(column, "ascending") for column in ("clip_id", "onset_s", "offset_s", "label")]
        return Listing(
            _clips(segments, folds),
            REJECTED.empty_table(),
            events.sort_by(order),
            read_mixtures(self.folder / MIXED_FILE),
        )

    def locate(self, media_id: str) -> str:
        if not self.media_id.fullmatch(media_id):
            raise SpikesoundError(f"source {self.name}: {media_id!r} is not a scene's id")
        if not self.folder.is_dir():
            raise SpikesoundError(
                f"{self.folder}: no such folder; the filter stage makes the scenes"
                " (dvc repro --force)"
            )
        return str(self.folder / "audio" / f"{media_id}.flac")

    @cached_property
    def folder(self) -> Path:
        """The folder of these scenes, named by what determines them."""
        if not is_local(self.cache):
            raise SpikesoundError(f"store: {self.cache}: scenes are made in a folder of this disk")
        paths = self._recorded.files()
        if missing := [path for path in paths if not path.is_file()]:
            raise SpikesoundError(f"sources.scenes.recordings: {missing[0]}: no such file")
        # Where recordings come from makes no difference: what they hold does.
        params = self.params.model_dump(exclude={"recordings": {"archive", "folder"}})
        wanted = json.dumps(params, sort_keys=True)
        contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
        return self.cache / self.name / digest(VERSION, wanted, *contents)[:16]

    def backgrounds(self) -> set[str]:
        """Return the ids of the labels whose recordings are backgrounds.

        Raises
        ------
        SpikesoundError
            If the parameters name one that no recording has; the message lists those they have.
        """
        labels = {each.label for each in self.recorded()}
        names = {self.ontology.name(label): label for label in labels}
        by_any = {
            **{name.casefold(): label for name, label in names.items()},
            **{label: label for label in labels},
        }
        chosen = set()
        for name in self.params.backgrounds:
            label = by_any.get(name) or by_any.get(name.strip().casefold())
            if label is None:
                raise unknown("label in sources.scenes.backgrounds", name, names)
            chosen.add(label)
        return chosen

    def background_waves(self, fold: str) -> list[Wave]:
        """Read a fold's backgrounds, of which
        :func:`~spikesound.data.scenes.background.background_scenes` makes scenes without events.

        Raises
        ------
        SpikesoundError
            If there is no such fold, or a recording cannot be read.
        """
        of_fold = [each for each in self.recorded() if each.fold == fold]
        if not of_fold:
            raise unknown("fold", fold, {each.fold for each in self.recorded()})
        backgrounds, params = self.backgrounds(), self.params
        return [
            read_background(each, params.rate_hz, params.active_db).samples
            for each in of_fold
            if each.label in backgrounds
        ]

    def recorded(self) -> list[Recorded]:
        """Return the recordings that the scenes are mixed of, in the order of media ids.

        Raises
        ------
        SpikesoundError
            If a list cannot be read or has a damaged row, or a recording has several labels.
        """
        return list(self._sources)

    @cached_property
    def _sources(self) -> tuple[Recorded, ...]:
        listing = self._recorded.listing()
        if len(listing.rejected):
            first = listing.rejected.slice(0, 1).to_pylist()[0]
            raise SpikesoundError(f"{first['file']}, line {first['line']}: {first['reason']}")
        sources = []
        for row in listing.clips.to_pylist():
            if len(row["labels"]) != 1:
                raise SpikesoundError(
                    f"sources.scenes.recordings: {row['media_id']!r} has {len(row['labels'])}"
                    " labels; scenes are mixed of recordings with one"
                )
            path = Path(self._recorded.locate(row["media_id"]))
            sources.append(Recorded(row["media_id"], row["labels"][0], row["fold"], path))
        return tuple(sources)


def _labels(segments: pa.Table) -> dict[str, list[str]]:
    labels = segments["labels"].to_pylist()
    return dict(zip(clip_ids(segments).to_pylist(), labels, strict=True))


def _clips(segments: pa.Table, folds: dict[str, str]) -> pa.Table:
    """Return the table CLIPS of all scenes, those without labels among them."""
    labels = _labels(segments)
    names = sorted(folds, key=lambda name: f"{name}_0")  # the order of clip_id
    columns = {
        "clip_id": [f"{name}_0" for name in names],
        "media_id": names,
        "recording": names,
        "start_s": [0.0] * len(names),
        "end_s": [CLIP_S] * len(names),
        "labels": [labels.get(f"{name}_0", []) for name in names],
        "fold": [folds[name] for name in names],
    }
    return pa.table(columns, schema=CLIPS)
