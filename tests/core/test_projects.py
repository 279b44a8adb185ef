"""A copy of a project, in which DVC runs an experiment, shares what Git does not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikesound.core.errors import SpikesoundError
from spikesound.core.projects import project_of_copy, shared
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES
from spikesound.data.store import Store
from spikesound.params import FolderParams

COPY = ".dvc/tmp/exps/standalone/tmpabc"


def test_a_copy_is_told_by_its_place(tmp_path: Path) -> None:
    assert project_of_copy(tmp_path / "project" / COPY / "sub") == tmp_path / "project"
    assert project_of_copy(tmp_path / "project") is None
    assert project_of_copy(tmp_path / "project/.dvc/tmp") is None


def test_the_store_of_a_copy_is_its_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "project" / COPY
    copy.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    key = "ab" * 32
    Store("data/store").put(key, b"sound")
    assert str(shared(Path("data/store"))) == "data/store", "as it is, where it is no copy"
    monkeypatch.chdir(copy)
    assert Store("data/store").read(key) == b"sound"
    assert shared(Path("data/store")) == tmp_path / "project/data/store"
    assert Store(str(tmp_path / "elsewhere")).root == tmp_path / "elsewhere"
    assert str(Store("memory://store").root).startswith("memory:")


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_that_git_does_not_have_is_named_with_the_remedy(
    made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "project" / COPY
    (copy / "data/folder" if made else copy).mkdir(parents=True)
    params = FolderParams(folder="data/folder", table=None, folds=2, events=None, cut_s=None)
    monkeypatch.chdir(copy)
    source = SOURCES["folder"](params, Ontology({}, {}), tmp_path)
    with pytest.raises(
        SpikesoundError, match=r"no (such folder|recordings).*absolute path of a fol"
    ):
        source.listing()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpikesoundError, match=r"no such folder$"):
        SOURCES["folder"](params, Ontology({}, {}), tmp_path).listing()
