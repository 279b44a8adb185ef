"""AudioSet: ten-second segments of YouTube videos, each with one or more of 527 labels.

Source: J. F. Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events",
ICASSP 2017. Its lists name videos; the recordings are not part of it.
"""

from __future__ import annotations

import re
from functools import cached_property

from spikesound.data.lists.label_names import read_names
from spikesound.data.ontology import Ontology
from spikesound.data.sources.listed import Listed
from spikesound.data.sources.remote import obtain
from spikesound.params import AudioSetParams


class AudioSet(Listed):
    """A media id is that of a video: eleven characters, hyphens and underscores among them."""

    name = "audioset"
    media_id = re.compile(r"[A-Za-z0-9_-]{11}")
    params: AudioSetParams

    @cached_property
    def ontology(self) -> Ontology:
        """The ontology's labels and, if ``names`` is given, those of the strong lists."""
        if self.params.names is None:
            return self._ontology
        names = read_names(obtain(self.params.names, self.cache / self.name))
        return self._ontology.with_labels(names)
