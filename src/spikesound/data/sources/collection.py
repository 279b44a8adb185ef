"""Base classes of sources with labels of their own, and of those that are one archive."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from spikesound.audio.lengths import lengths_s
from spikesound.core.errors import SpikesoundError
from spikesound.core.names import readable
from spikesound.data.ontology import Ontology
from spikesound.data.sources.archive import unpack
from spikesound.data.sources.remote import obtain
from spikesound.data.sources.source import Listing, Source
from spikesound.data.sources.tables import SAFE_NAME, Origin, Rejected, Row, tabulate


class Collection(Source):
    """A source whose labels are not AudioSet's: each name is a label of a flat ontology."""

    @abstractmethod
    def rows(self) -> tuple[list[Row], list[Rejected]]:
        """Read the collection's rows."""

    @property
    def ontology(self) -> Ontology:
        return self._tables[1]

    def listing(self) -> Listing:
        return self._tables[0]

    @cached_property
    def _tables(self) -> tuple[Listing, Ontology]:
        return tabulate(*self.rows())


class Archived(Collection):
    """A collection that is published as one archive, or lies unpacked in ``params.folder``."""

    marker: ClassVar[str]
    """File in its top folder by which a copy is recognised."""

    def path(self, media_id: str) -> Path:
        """Return where a recording of the collection lies."""
        raise NotImplementedError

    def locate(self, media_id: str) -> str:
        if not SAFE_NAME.fullmatch(media_id):
            raise SpikesoundError(f"source {self.name}: not a media id: {media_id!r}")
        return str(self.path(media_id))

    @cached_property
    def top(self) -> Path:
        """The folder of the unpacked collection; it is fetched and unpacked if it is not there.

        Raises
        ------
        SpikesoundError
            If it cannot be fetched or unpacked, or is not this collection.
        """
        folder = Path(self.params.folder)
        if (folder / self.marker).exists():
            return folder
        cache = self.cache / self.name
        archive = obtain(self.params.archive, cache)
        # The hash is part of the name, so that another edition is unpacked afresh.
        pinned = (self.params.archive.hash or "any").rpartition(":")[2][:12]
        unpacked = unpack(archive, cache / f"{archive.name}-{pinned}")
        for top in (unpacked, *sorted(unpacked.iterdir())):
            if (top / self.marker).exists():
                return top
        raise SpikesoundError(f"{archive}: not {self.name}: {self.marker} missing")


def measured(listed: Sequence[tuple[Path, Row]], *, what: str) -> tuple[list[Row], list[Rejected]]:
    """Give each row its file's length as its end; those whose file has none are rejected."""
    rows: list[Row] = []
    rejected: list[Rejected] = []
    lengths = lengths_s((path for path, _ in listed), what)
    for path, row in listed:
        end_s = lengths[path]
        if isinstance(end_s, str):
            rejected.append((row.origin, f"{readable(path.name)}: {end_s}"))
        else:
            rows.append(
                Row(row.origin, row.media_id, row.recording, 0.0, end_s, row.labels, row.fold)
            )
    return rows, rejected


def of_file(path: Path) -> Origin:
    """Return the origin of what no list names: the file itself."""
    return Origin(readable(str(path)), 0, readable(path.name))
