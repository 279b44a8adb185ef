"""The ontology: names, what lies below and above, and how it refuses what it does not know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.data.ontology import Ontology

# Sound -> (Animal -> Dog -> Bark, Growl), (Fire -> Crackle); Crackle is also below Brief.
NAMES = {
    "s": "Sound",
    "a": "Animal",
    "d": "Dog",
    "b": "Bark",
    "g": "Growl",
    "f": "Fire",
    "r": "Brief",
    "c": "Crackle",
}
CHILDREN = {"s": ["a", "f", "r"], "a": ["d"], "d": ["b", "g"], "f": ["c"], "r": ["c"]}


@pytest.fixture(scope="module")
def small() -> Ontology:
    return Ontology(NAMES, CHILDREN)


@pytest.fixture(scope="module")
def audioset() -> Ontology:
    return Ontology.load(ROOT / "data/audioset/ontology.json")


def test_subtree_holds_the_label_and_all_below(small: Ontology) -> None:
    assert small.subtree("a") == {"a", "d", "b", "g"}
    assert small.subtree("b") == {"b"}


def test_ancestors_are_found_by_every_path(small: Ontology) -> None:
    assert small.ancestors("c") == {"f", "r", "s"}
    assert small.ancestors("s") == frozenset()


@pytest.mark.parametrize("wanted", ["d", "Dog", "dog", " DOG "])
def test_a_label_is_found_by_id_or_name(small: Ontology, wanted: str) -> None:
    assert small.find(wanted) == "d"


def test_an_unknown_name_is_answered_with_the_nearest(small: Ontology) -> None:
    with pytest.raises(SpikesoundError, match=r"unknown label 'Barc'.*'Bark'"):
        small.find("Barc")


def test_a_part_of_a_name_is_answered_with_the_whole(audioset: Ontology) -> None:
    with pytest.raises(SpikesoundError, match="'Waves, surf'"):
        audioset.find("surf")


def test_every_query_refuses_an_unknown_id(small: Ontology) -> None:
    for query in (small.name, small.subtree, small.ancestors):
        with pytest.raises(SpikesoundError, match="unknown label 'x'"):
            query("x")


def test_audiosets_ontology_is_read_whole(audioset: Ontology) -> None:
    assert len(audioset) == 632
    assert audioset.name("/m/07pzfmf") == "Crackle"
    assert audioset.find("Baby cry, infant cry") == "/t/dd00002"
    # Bark < Dog < Domestic animals, pets < Animal
    assert {audioset.name(label) for label in audioset.ancestors("/m/05tny_")} == {
        "Dog",
        "Domestic animals, pets",
        "Animal",
    }


def test_below_and_above_are_inverse(audioset: Ontology) -> None:
    assert sum(len(audioset.subtree(label)) > 1 for label in audioset) > 50
    for label in audioset:
        assert all(
            label in audioset.ancestors(below) for below in audioset.subtree(label) - {label}
        )


def test_a_label_below_itself_is_refused() -> None:
    with pytest.raises(SpikesoundError, match="lies below itself"):
        Ontology({"a": "A", "b": "B"}, {"a": ["b"], "b": ["a"]})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "invalid JSON"),
        ("[1, 2]", "not an ontology"),
        (json.dumps([{"id": "a", "name": "A"}]), "not an ontology"),
        (json.dumps([{"id": "a", "name": "A", "child_ids": ["b"]}]), "unknown child 'b'"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "ontology.json"
    path.write_text(content)
    with pytest.raises(SpikesoundError, match=rf"ontology\.json: .*{complaint}"):
        Ontology.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"none\.json: no such file"):
        Ontology.load(tmp_path / "none.json")
