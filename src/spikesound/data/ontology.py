"""AudioSet's ontology: what a label id is called, and which labels lie below and above it.

Source: J. F. Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events",
ICASSP 2017. A label may have several parents ("Crackle" is below "Fire" and below onomatopoeia).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_json


class Ontology:
    """Labels, each with a display name and the labels directly below it.

    Parameters
    ----------
    names
        Label id -> display name.
    children
        Label id -> ids directly below it; a label that is missing here has none.

    Raises
    ------
    SpikesoundError
        If a child is not itself a label, or a label lies below itself.
    """

    def __init__(self, names: Mapping[str, str], children: Mapping[str, list[str]]) -> None:
        self._names = dict(names)
        self._below = {label: tuple(children.get(label, ())) for label in names}
        above: dict[str, list[str]] = {label: [] for label in names}
        for label, below in self._below.items():
            for child in below:
                if child not in above:
                    raise SpikesoundError(f"label {label!r} has the unknown child {child!r}")
                above[child].append(label)
        self._above = {label: tuple(parents) for label, parents in above.items()}
        self._by_name: dict[str, str] = {}
        for label, name in self._names.items():
            self._by_name.setdefault(name.casefold(), label)
        for label in self._names:
            if label in self.ancestors(label):
                raise SpikesoundError(f"label {label!r} lies below itself")

    @classmethod
    def load(cls, path: Path | str) -> Ontology:
        """Read AudioSet's ``ontology.json``: a list of objects with id, name and child_ids.

        Raises
        ------
        SpikesoundError
            If the file is missing, not JSON, or not an ontology; the message names the file.
        """
        path = Path(path)
        entries = read_json(path, "AudioSet's is in the repository, data/audioset/ontology.json")
        try:
            names = {entry["id"]: entry["name"] for entry in entries}
            children = {entry["id"]: entry["child_ids"] for entry in entries}
            return cls(names, children)
        except (KeyError, TypeError, AttributeError) as error:
            raise SpikesoundError(
                f"{path}: not an ontology: a list of objects with id, name and child_ids"
            ) from error
        except SpikesoundError as error:
            raise SpikesoundError(f"{path}: {error}") from error

    def with_labels(self, names: Mapping[str, str]) -> Ontology:
        """Return a copy with further labels, above and below which there is none."""
        more = {label: name for label, name in names.items() if label not in self}
        return Ontology({**self._names, **more}, {k: list(v) for k, v in self._below.items()})

    def __contains__(self, label: object) -> bool:
        return label in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, label: str) -> str:
        """Return the display name of a label id.

        Raises
        ------
        SpikesoundError
            If the ontology has no such id.
        """
        return self._names[self._known(label)]

    def find(self, name_or_id: str) -> str:
        """Return the id of a label given by its id or its display name, in any case of letters.

        Raises
        ------
        SpikesoundError
            If there is none; the message lists the names nearest to it.
        """
        if name_or_id in self._names:
            return name_or_id
        label = self._by_name.get(name_or_id.strip().casefold())
        if label is None:
            raise self._unknown(name_or_id)
        return label

    def subtree(self, label: str) -> frozenset[str]:
        """Return the ids of a label and of all below it."""
        return self._reach(self._known(label), self._below) | {label}

    def ancestors(self, label: str) -> frozenset[str]:
        """Return the ids of all labels above a label, by every path; not the label itself."""
        return self._reach(self._known(label), self._above)

    def _known(self, label: str) -> str:
        if label not in self._names:
            raise self._unknown(label)
        return label

    def _unknown(self, label: str) -> SpikesoundError:
        wanted = label.strip().casefold()
        near = get_close_matches(wanted, self._by_name, n=3)
        # A person who writes "dog barking" or "surf" means a name that shares a word with it.
        near += [name for name in self._by_name if wanted and wanted in name][:3]
        names = list(dict.fromkeys(self._names[self._by_name[name]] for name in near))[:5]
        hint = f"; near it: {', '.join(map(repr, names))}" if names else ""
        return SpikesoundError(
            f"unknown label {label!r}: not one of {len(self)} in the ontology{hint}"
        )

    @staticmethod
    def _reach(start: str, edges: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
        reached: set[str] = set()
        ahead = list(edges[start])
        while ahead:
            label = ahead.pop()
            if label not in reached:
                reached.add(label)
                ahead.extend(edges[label])
        return frozenset(reached)
