"""UrbanSound8K: 8732 cuts of up to four seconds from field recordings, ten kinds, in ten folds.

Source: J. Salamon, C. Jacoby and J. P. Bello, "A Dataset and Taxonomy for Urban Sound Research",
ACM Multimedia 2014.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.data.sources.collection import Archived, measured
from spikesound.data.sources.tables import SAFE_NAME, CsvRow, Rejected, Row, read_csv


class UrbanSound8K(Archived):
    """The folds are the official ones; a recording is one of Freesound's, and has many cuts."""

    name = "urbansound8k"
    marker = "metadata/UrbanSound8K.csv"

    def rows(self) -> tuple[list[Row], list[Rejected]]:
        listed = []
        rejected: list[Rejected] = []
        for row in self._table:
            fault = _fault(row)
            if fault:
                rejected.append((row.origin, fault))
                continue
            path, cells = self._file(row.cells), row.cells
            label = (cells["class"].replace("_", " "),)
            made = Row(row.origin, path.stem, cells["fsID"], 0, 0, label, cells["fold"])
            listed.append((path, made))
        rows, silent = measured(listed, what=self.name)
        return rows, rejected + silent

    def path(self, media_id: str) -> Path:
        if media_id not in self._paths:
            raise SpikesoundError(f"{self.top / self.marker}: has no recording {media_id!r}")
        return self._paths[media_id]

    @cached_property
    def _table(self) -> list[CsvRow]:
        columns = ("slice_file_name", "fsID", "fold", "class")
        return read_csv(self.top / self.marker, columns)[0]

    @cached_property
    def _paths(self) -> dict[str, Path]:
        paths = (self._file(row.cells) for row in self._table if not _fault(row))
        return {path.stem: path for path in paths}

    def _file(self, cells: dict[str, str]) -> Path:
        return self.top / "audio" / f"fold{cells['fold']}" / cells["slice_file_name"]


def _fault(row: CsvRow) -> str:
    if row.fault or not all(row.cells.values()):
        return row.fault or "an empty cell"
    if not row.cells["fold"].isdecimal():
        return f"not a fold: {row.cells['fold']!r}"
    name = row.cells["slice_file_name"]
    return "" if SAFE_NAME.fullmatch(name) else f"not a file name: {name!r}"
