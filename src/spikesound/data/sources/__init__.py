"""Registry of the sources of labelled sound, under the names they have in params.yaml."""

from __future__ import annotations

from spikesound.data.sources.audioset import AudioSet
from spikesound.data.sources.esc10 import Esc10
from spikesound.data.sources.source import Source

SOURCES: dict[str, type[Source]] = {"esc10": Esc10, "audioset": AudioSet}

__all__ = ["SOURCES", "Source"]
