"""ESC-10: 400 recordings of ten kinds of environmental sound, in five official folds.

Source: K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.
"""

from __future__ import annotations

import re

from spikesound.data.sources.source import Source


class Esc10(Source):
    """A media id is the fold, the recording's number at Freesound, and a letter for each cut."""

    name = "esc10"
    media_id = re.compile(r"[1-5]-[0-9]+-[A-Z]")

    def recording(self, media_id: str) -> str:
        """Return the recording's number at Freesound, which all its cuts share."""
        return media_id.split("-")[1]
