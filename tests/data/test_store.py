"""The store: what is put is got, half of it never, and damage is noticed."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesound.core.errors import SpikesoundError
from spikesound.data.fetch.fetched import Fetched, keep, recall
from spikesound.data.store import Store, digest

KEY = digest("a")
parts = st.lists(
    st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False), max_size=3
)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.slow
@given(parts, parts)
def test_different_parts_have_different_keys(
    one: list[str | int | float], other: list[str | int | float]
) -> None:
    same = [repr(part) for part in one] == [repr(part) for part in other]
    assert (digest(*one) == digest(*other)) == same


def test_keys_do_not_run_parts_together_and_last() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(1) != digest("1")
    # SHA-256 of '["a", 1]': keys must be the same in every run and on every machine.
    assert digest("a", 1) == "2657442bb4a48d62f780ea60395ef2d203da2669fa41cdc1f4f080b25ddb1a6a"


def test_what_is_put_is_got(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get(KEY) is None
    path = store.put(KEY, b"sound")
    assert path.parent.parent.parent == tmp_path
    assert Store(tmp_path).get(KEY) == path
    assert path.read_bytes() == b"sound"


def test_putting_again_replaces(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, b"one")
    assert store.put(KEY, b"two").read_bytes() == b"two"
    assert len(files(tmp_path)) == 1


def test_a_write_that_breaks_off_leaves_nothing_to_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        store.put(KEY, b"half")
    assert store.get(KEY) is None
    assert files(tmp_path) == []


def test_many_writers_of_one_key_leave_one_whole_file(tmp_path: Path) -> None:
    store, content = Store(tmp_path), os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.put(KEY, content), range(40)))
    assert [path.read_bytes() for path in files(tmp_path)] == [content]


@pytest.mark.parametrize("key", ["", "abc", "../../../etc", "ABCDEF0123"])
def test_what_is_not_a_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(SpikesoundError, match="not a key"):
        Store(tmp_path).put(key, b"")
    assert files(tmp_path) == []


def test_a_clip_is_recalled_as_it_was_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    clip = Fetched(b"fLaC\n\n{}", 4.5, 2)
    keep(store, KEY, clip)
    assert recall(store, KEY) == clip
    assert recall(store, digest("b")) is None


@pytest.mark.parametrize("damage", [b"", b"{}\nabc", b"[1]\nabc", b"\xff\nabc", b"no line"])
def test_a_damaged_clip_is_not_recalled(tmp_path: Path, damage: bytes) -> None:
    store = Store(tmp_path)
    store.put(KEY, damage)
    assert recall(store, KEY) is None


def test_a_clip_that_lost_a_byte_is_not_recalled(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, KEY, Fetched(b"fLaC and much more", 1.0, 1))
    path = store.get(KEY)
    assert path is not None
    path.write_bytes(path.read_bytes()[:-1])
    assert recall(store, KEY) is None


def test_size_and_content_of_a_key_are_there_or_none(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert store.size(KEY) is None
    assert store.read(KEY) is None
    store.put(KEY, b"sound")
    assert store.size(KEY) == 5
    assert store.read(KEY) == b"sound"


def test_a_store_that_is_sent_elsewhere_is_still_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("data/store")
    store.put(KEY, b"sound")
    sent = pickle.dumps(store)
    monkeypatch.chdir("/")
    assert pickle.loads(sent).read(KEY) == b"sound"


def test_a_store_may_lie_on_another_file_system() -> None:
    store = Store("memory://bucket/store")
    store.put(KEY, b"sound")
    sent = pickle.loads(pickle.dumps(store))
    assert sent.read(KEY) == b"sound"
    assert sent.size(KEY) == 5
    assert str(sent.get(KEY)).startswith("memory://")
    assert sent.get(digest("b")) is None
