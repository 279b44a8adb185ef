"""AudioSet: ten-second segments of YouTube videos, each with one or more of 527 labels.

Source: J. F. Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events",
ICASSP 2017. Its lists name videos; the recordings are not part of it.
"""

from __future__ import annotations

import re

from spikesound.data.sources.listed import Listed


class AudioSet(Listed):
    """A media id is that of a video: eleven characters, hyphens and underscores among them."""

    name = "audioset"
    media_id = re.compile(r"[A-Za-z0-9_-]{11}")
