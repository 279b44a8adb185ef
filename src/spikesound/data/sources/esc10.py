"""ESC-10: 400 recordings of ten kinds of environmental sound, in five official folds.

Source: K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError, choose
from spikesound.data.lists.audioset import write_segments
from spikesound.data.sources.esc50 import ESC50
from spikesound.data.sources.listed import Listed
from spikesound.data.sources.remote import is_url
from spikesound.data.sources.source import Listing
from spikesound.data.sources.tables import read_csv
from spikesound.params import ArchiveParams, Esc10Params

LABELS = {
    "dog": "/m/05tny_",
    "rain": "/m/06mb1",
    "sea_waves": "/m/034srq",
    "crying_baby": "/t/dd00002",
    "clock_tick": "/m/07qjznl",
    "sneezing": "/m/01hsr_",
    "helicopter": "/m/09ct_",
    "chainsaw": "/m/01j4z9",
    "rooster": "/m/07qn5dc",
    "crackling_fire": "/m/07pzfmf",
}
"""AudioSet's label of each of ESC-50's categories that are ESC-10's."""

LENGTH_S = 5.0
"""Of each recording in ESC-50's archive."""


@dataclass(frozen=True)
class _Part:
    """A recording of ESC-50 that is one of ESC-10's."""

    path: Path
    fold: str
    label: str


class Esc10(Listed):
    """A media id is the fold, the recording's number at Freesound, and a letter for each cut.

    What is not in the repository's copy, lists or recordings, is taken from ESC-50's archive, of
    which ESC-10 is a part.
    """

    name = "esc10"
    media_id = re.compile(r"[1-5]-[0-9]+-[A-Z]")
    params: Esc10Params

    def recordings(self, media_ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the recordings' numbers at Freesound, which all cuts of one share."""
        return pc.replace_substring_regex(media_ids, r"^[1-5]-([0-9]+)-[A-Z]$", r"\1")

    def listing(self) -> Listing:
        self._complete()
        return super().listing()

    def locate(self, media_id: str) -> str:
        place, mirror = super().locate(media_id), self.params.mirror
        if self.params.archive is None or is_url(place) or Path(str(mirror)).parent.is_dir():
            return place
        if media_id not in self._published:
            raise SpikesoundError(f"source {self.name}: ESC-50 has no recording {media_id!r}")
        return str(self._published[media_id].path)

    def files(self) -> list[Path]:
        """Return the files that it reads: the lists, and the recordings if they are here."""
        self._complete()
        lists = [*self.params.segments.values(), self.params.folds]
        paths = [Path(each) for each in lists if isinstance(each, str)]
        beside = Path(self.params.mirror or "none/").parent
        if beside.is_dir():
            return paths + sorted(path for path in beside.glob("[!.]*") if path.is_file())
        return paths + [each.path for each in self._published.values()]

    def _complete(self) -> None:
        """Take the lists from the archive if neither the segments nor the folds are here."""
        lists = [*self.params.segments.values(), self.params.folds]
        here = [each for each in lists if not isinstance(each, str) or Path(each).is_file()]
        if self.params.archive is None or here:
            return
        print(f"{lists[0]}: no such file; ESC-10 is taken from ESC-50's archive", file=sys.stderr)
        folder = self.cache / self.name
        folder.mkdir(parents=True, exist_ok=True)
        segments, folds = folder / "segments.csv", folder / "folds.csv"
        parts = sorted(self._published.items())
        columns = {
            "media_id": [media_id for media_id, _ in parts],
            "start_s": [0.0] * len(parts),
            "end_s": [LENGTH_S] * len(parts),
            "labels": [[part.label] for _, part in parts],
        }
        write_segments(pa.table(columns), segments)
        with written_aside(folds) as file:
            rows = [f"{media_id},{part.fold}\n" for media_id, part in parts]
            file.write("".join(["media_id,fold\n", *rows]).encode())
        self.params = self.params.model_copy(
            update={"segments": {"*": str(segments)}, "folds": str(folds)}
        )

    @cached_property
    def _published(self) -> dict[str, _Part]:
        """ESC-10's part of ESC-50's archive by media id; it is fetched if it is not there."""
        if self.params.archive is None:
            return {}
        params = ArchiveParams(archive=self.params.archive, folder=self.params.folder)
        esc50 = ESC50(params, self._ontology, self.cache)
        marker = esc50.top / ESC50.marker
        rows, _ = read_csv(marker, ("filename", "fold", "target", "category", "esc10"))
        parts = {}
        for row in rows:
            if row.fault:
                raise SpikesoundError(f"{marker}, line {row.origin.line}: {row.fault}")
            if row.cells["esc10"].casefold() == "true":
                name = Path(row.cells["filename"]).stem
                label = choose(LABELS, row.cells["category"], f"category of ESC-10 in {marker}")
                media_id = name.removesuffix(f"-{row.cells['target']}")
                parts[media_id] = _Part(esc50.path(name), row.cells["fold"], label)
        return parts
