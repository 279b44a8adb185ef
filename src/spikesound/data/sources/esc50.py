"""ESC-50: 2000 recordings of five seconds, fifty kinds of environmental sound, in five folds.

Source: K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.
"""

from __future__ import annotations

from pathlib import Path

from spikesound.data.sources.collection import Archived, measured
from spikesound.data.sources.tables import SAFE_NAME, Rejected, Row, read_csv


class ESC50(Archived):
    """The folds are the official ones; a recording is one of Freesound's, and may have cuts."""

    name = "esc50"
    marker = "meta/esc50.csv"

    def rows(self) -> tuple[list[Row], list[Rejected]]:
        columns = ("filename", "fold", "category", "src_file")
        table, _ = read_csv(self.top / self.marker, columns)
        listed = []
        rejected: list[Rejected] = []
        for origin, cells, fault in ((row.origin, row.cells, row.fault) for row in table):
            if fault or not all(cells.values()):
                rejected.append((origin, fault or "an empty cell"))
            elif not SAFE_NAME.fullmatch(cells["filename"]):
                rejected.append((origin, f"not a file name: {cells['filename']!r}"))
            else:
                path = self.top / "audio" / cells["filename"]
                label = (cells["category"].replace("_", " "),)
                row = Row(origin, path.stem, cells["src_file"], 0, 0, label, cells["fold"])
                listed.append((path, row))
        rows, silent = measured(listed, what=self.name)
        return rows, rejected + silent

    def path(self, media_id: str) -> Path:
        return self.top / "audio" / f"{media_id}.wav"
