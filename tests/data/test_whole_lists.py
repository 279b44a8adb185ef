"""Lists from the web that came damaged: noticed by their number of rows, or by hash."""

from __future__ import annotations

from pathlib import Path

import pytest
from odd_mirror import FAULTS, Asked, OddMirror, Reply
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.whole import OFFICIAL, check_list
from spikesound.data.ontology import Ontology
from spikesound.data.sources.audioset import AudioSet
from spikesound.params import ListedParams, Params, RemoteFile

BALANCED = ROOT / "data/audioset/balanced_train_segments.csv"


def source(address: str, cache: Path, **more: str) -> AudioSet:
    of = Params.load(ROOT / "params.yaml").sources.audioset
    file = RemoteFile(url=address, hash=more.get("hash"))
    params = of.model_copy(update={"segments": {"train": file}, "folds": None})
    assert isinstance(params, ListedParams)
    return AudioSet(params, Ontology.load(ROOT / "data/audioset/ontology.json"), cache)


@pytest.mark.slow
def test_a_list_that_is_cut_without_a_length_is_refused_and_fetched_again(tmp_path: Path) -> None:
    recordings = {"list.csv": BALANCED.read_bytes()}
    cut = "no length, broken off"
    assert FAULTS[cut](Asked(0, None, "", b"abcd", b"")) == Reply(body=b"ab", length=None)
    with OddMirror(recordings, {"list.csv": cut}) as mirror:
        listed = source(f"{mirror.url}/list.csv", tmp_path)
        with pytest.raises(
            SpikesoundError, match=r"11,\d\d\d of 22,160 rows; the transfer was cut"
        ):
            listed.listing()
        assert not list((tmp_path / "audioset").iterdir())
        assert len(listed.listing().clips) > 22_000
    assert mirror.asked["list.csv"] == 2


def test_a_list_on_this_machine_is_the_users_own(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("\n".join(BALANCED.read_text(encoding="utf-8").split("\n")[:103]))
    assert len(source(str(own), tmp_path).listing().clips) == 100


@pytest.mark.parametrize("address", OFFICIAL)
def test_the_official_lists_have_known_numbers_of_rows(tmp_path: Path, address: str) -> None:
    path = tmp_path / "list"
    path.write_text("a, 0, 10, x\nb, 0, 10, x\n")
    with pytest.raises(SpikesoundError, match=rf": 2 of {OFFICIAL[address].rows:,} rows"):
        check_list(path, f"http://storage.googleapis.com/{address}")
    assert not path.exists()


@pytest.mark.parametrize("name", ["balanced_train_segments.csv", "eval_segments.csv"])
def test_an_official_list_with_one_changed_byte_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = (ROOT / "data/audioset" / name).read_bytes()
    path.write_bytes(whole)
    address = f"http://storage.googleapis.com/us_audioset/youtube_corpus/v1/csv/{name}"
    check_list(path, address)
    path.write_bytes(whole.replace(b"/m/0", b"/m/1", 1))
    with pytest.raises(SpikesoundError, match="expected hash sha256:"):
        check_list(path, address)
    assert not path.exists()


def test_headers_are_no_rows_and_a_list_without_a_number_is_taken(tmp_path: Path) -> None:
    for text in (
        "# num_ytids=1, num_segs=1, num_unique_labels=1\n# YTID, start_seconds\na, 0, 10, x\n\n",
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\na_0\t0\t1\t/m/x\n",
        "a, 0, 10, x\n",
    ):
        path = tmp_path / "list"
        path.write_text(text)
        check_list(path, "http://example.org/list.csv")
        assert path.exists()
    path.write_text("# num_segs=2\nsegment_id\t\na_0\t0\t1\n")
    with pytest.raises(SpikesoundError, match="1 of 2 rows"):
        check_list(path, "http://example.org/list.csv")
    path.write_text("# num_segs=2\n#NAME?, 0, 1, x\na, 0, 1, x\n")
    check_list(path, "http://example.org/list.csv")
