"""Registry of the sources of labelled sound, under the names they have in params.yaml."""

from __future__ import annotations

from spikesound.data.sources.audioset import AudioSet
from spikesound.data.sources.esc10 import Esc10
from spikesound.data.sources.esc50 import ESC50
from spikesound.data.sources.folder import Folder
from spikesound.data.sources.freesound import Freesound
from spikesound.data.sources.fsdd import FSDD
from spikesound.data.sources.kaggle import Kaggle
from spikesound.data.sources.scenes import Scenes
from spikesound.data.sources.source import Source
from spikesound.data.sources.speech_commands import SpeechCommands
from spikesound.data.sources.speech_commands_12 import SpeechCommands12
from spikesound.data.sources.spike_trains import SHD, SSC, SpikeTrains
from spikesound.data.sources.urbansound8k import UrbanSound8K

SOURCES: dict[str, type[Source]] = {
    "esc10": Esc10,
    "audioset": AudioSet,
    "esc50": ESC50,
    "fsdd": FSDD,
    "urbansound8k": UrbanSound8K,
    "speech_commands": SpeechCommands,
    "speech_commands_12": SpeechCommands12,
    "shd": SHD,
    "ssc": SSC,
    "freesound": Freesound,
    "kaggle": Kaggle,
    "folder": Folder,
    "scenes": Scenes,
}

__all__ = ["SOURCES", "Source", "SpikeTrains"]
