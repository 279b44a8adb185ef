"""Interface of a source of labelled sound: clips with labels and folds, places of recordings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from spikesound.core.schema import CLIPS, EVENTS, MIXTURES, REJECTED
from spikesound.data.ontology import Ontology


@dataclass(frozen=True)
class Listing:
    """Listing of a source.

    Attributes
    ----------
    clips
        Table CLIPS in the order of ``clip_id``. A recording never lies in two folds.
    rejected
        Table REJECTED: what the source lists and cannot be used, each with its file and line.
    events
        Table EVENTS: strong labels, of clips that have them.
    mixtures
        Table MIXTURES: what clips were mixed of that were not cut from one recording.
    """

    clips: pa.Table
    rejected: pa.Table
    events: pa.Table
    mixtures: pa.Table = field(default_factory=MIXTURES.empty_table)

    def __post_init__(self) -> None:
        for table, schema in (
            (self.clips, CLIPS),
            (self.rejected, REJECTED),
            (self.events, EVENTS),
            (self.mixtures, MIXTURES),
        ):
            assert table.schema.equals(schema), table.schema


class Source(ABC):
    """A collection of labelled sound.

    A subclass is one source, made from its section of params.yaml. It gives the same tables as any
    other, so that all that follows is the same.

    Parameters
    ----------
    params
        The source's section.
    ontology
        AudioSet's, for the sources labelled by it.
    cache
        Folder for what is fetched: lists, archives and what was in them. It outlives the stages.
    """

    name: ClassVar[str]

    def __init__(self, params: Any, ontology: Ontology, cache: Path) -> None:
        self.params = params
        self.cache = cache
        self._ontology = ontology

    @property
    def ontology(self) -> Ontology:
        """The labels that this source's clips can have: AudioSet's, unless it has its own."""
        return self._ontology

    @abstractmethod
    def listing(self) -> Listing:
        """Read or fetch the source's listing.

        Raises
        ------
        SpikesoundError
            If a list is missing, damaged or of another hash than it should be, or the site does
            not give it; the message names the file or the parameter.
        """

    @abstractmethod
    def locate(self, media_id: str) -> str:
        """Return where a recording lies: a path, a web address, or an fsspec address.

        It need not be there. Nothing is fetched: this is called for every recording before any
        work.

        Raises
        ------
        SpikesoundError
            If the parameters do not say.
        """
