"""ESC-10 by author (benchmarks/authors.py): folds of whole authors, and what is compared."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from project import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import authors

from spikesound.core.errors import SpikesoundError
from spikesound.data.sources.folds import read_folds
from spikesound.params import Params

AUTHOR_OF = authors.read_authors(authors.CREDITS)
OWN = read_folds(ROOT / "data/esc10/folds.csv")


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(ROOT)
    found: dict[str, str] = authors.classes(Params.load(ROOT / "params.yaml"))
    assert list(Counter(found.values()).values()) == [40] * 10
    return found


def test_no_author_is_in_two_folds(labels: dict[str, str]) -> None:
    found = authors.folds_by_author(OWN, AUTHOR_OF, labels, 1)
    assert list(found) == sorted(OWN)
    assert not authors.of_several_folds(found, AUTHOR_OF)
    assert len(authors.of_several_folds(OWN, AUTHOR_OF)) > 50, "as they are of the own folds"
    sizes = Counter(found.values())
    assert set(sizes) == {"1", "2", "3", "4", "5"}
    assert max(sizes.values()) - min(sizes.values()) <= 10
    by_class = Counter((found[each], labels[each]) for each in found)
    assert len(by_class) == 50
    assert min(by_class.values()) >= 4
    assert found == authors.folds_by_author(OWN, AUTHOR_OF, labels, 1)
    assert found != authors.folds_by_author(OWN, AUTHOR_OF, labels, 2)


def test_what_is_said_of_the_folds(labels: dict[str, str]) -> None:
    one = {"a": "1", "b": "2", "c": "2", "d": "1"}
    author_of = {"a": "x", "b": "x", "c": "y", "d": "y"}
    label_of = {"a": "dog", "b": "dog", "c": "dog", "d": "rain"}
    found = authors.described(one, one, author_of, label_of)
    assert found["authors"] == found["authors_in_several_folds"] == 2
    assert found["recordings_with_author_and_class_in_another_fold"] == 2, "those of x alone"
    assert found["recordings_by_fold"] == {"1": 2, "2": 2}


def test_a_difference_is_of_the_same_recordings(params: Params) -> None:
    own = {"a": True, "b": True, "c": False, "d": True}
    other = {"a": False, "b": True, "c": False, "d": True}
    author_of = {"a": "x", "b": "x", "c": "y", "d": "z"}
    found = authors.compared(own, other, author_of, {"a", "b"}, params)
    whole, shared = found["all"], found["shared"]
    assert (whole["own_folds"], whole["by_author"], whole["difference"]) == (0.75, 0.5, -0.25)
    assert whole["difference_low"] == -0.5, "only x, of two recordings, was drawn"
    assert whole["difference_high"] == 0
    assert (shared["recordings"], shared["difference"]) == (2, -0.5)
    assert shared["difference_low"] == shared["difference_high"] == -0.5, "of one author"


def test_credits_that_lack_something_are_named(tmp_path: Path) -> None:
    path = tmp_path / "credits.csv"
    with pytest.raises(SpikesoundError, match="no such file"):
        authors.read_authors(path)
    path.write_text("media_id,by\n1-1-A,x\n", encoding="utf-8")
    with pytest.raises(SpikesoundError, match=r"credits\.csv: expected columns .*author"):
        authors.read_authors(path)
    some = {"1-1-A": "x"}
    with pytest.raises(SpikesoundError, match="no author of 1-2-A"):
        authors.folds_by_author({"1-1-A": "1", "1-2-A": "2"}, some, some, 1)


def test_folds_are_written_under_a_name_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authors, "BUILD", tmp_path)
    one, other = (authors.written({"1-1-A": fold}) for fold in "12")
    assert one != other
    assert read_folds(one) == {"1-1-A": "1"}
