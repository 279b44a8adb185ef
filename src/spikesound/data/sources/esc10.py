"""ESC-10: 400 recordings of ten kinds of environmental sound, in five official folds.

Source: K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from spikesound.data.sources.listed import Listed


class Esc10(Listed):
    """A media id is the fold, the recording's number at Freesound, and a letter for each cut."""

    name = "esc10"
    media_id = re.compile(r"[1-5]-[0-9]+-[A-Z]")

    def recordings(self, media_ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the recordings' numbers at Freesound, which all cuts of one share."""
        return pc.replace_substring_regex(media_ids, r"^[1-5]-([0-9]+)-[A-Z]$", r"\1")
