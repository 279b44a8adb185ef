"""Shards: what is written is read back, in any order, and damage is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import FEATURE_INDEX, read_table
from spikesound.features.shards import Shards, write_shards


def rows_of(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "clip_id": [f"clip-{number}" for number in range(count)],
            "fold": [str(number % 2) for number in range(count)],
            "media_id": [f"media-{number}" for number in range(count)],
            "recording": [f"recording-{number}" for number in range(count)],
            "labels": [["/m/a"] if number % 3 else ["/m/a", "/m/b"] for number in range(count)],
        }
    )


def arrays_of(count: int, dtype: str = "float16") -> np.ndarray:
    return (np.arange(count * 6).reshape(count, 2, 3) % 200).astype(dtype)


def written(out: Path, count: int = 7, shard_clips: int = 3) -> Shards:
    write_shards(out, rows_of(count), iter(arrays_of(count)), shard_clips)
    return Shards(out)


@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_all_clips_come_back_in_the_order_written(tmp_path: Path, dtype: str) -> None:
    index = write_shards(tmp_path, rows_of(7), iter(arrays_of(7, dtype)), 3)
    shards = Shards(tmp_path)
    loaded = shards.load()
    assert loaded.dtype == dtype
    assert np.array_equal(loaded, arrays_of(7, dtype))
    assert len(shards) == 7
    assert shards.index.to_dict("records") == index.to_dict("records")
    assert shards.index[list(rows_of(1).columns)].equals(rows_of(7))


def test_shards_hold_as_many_clips_as_asked_for(tmp_path: Path) -> None:
    shards = written(tmp_path)
    assert [len(values) for _, values in shards.parts()] == [3, 3, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "index.parquet",
        "shard-00000.npz",
        "shard-00001.npz",
        "shard-00002.npz",
    ]


def test_parts_pair_rows_with_their_arrays(tmp_path: Path) -> None:
    parts = list(written(tmp_path).parts())
    assert [place for rows, _ in parts for place in rows.index] == list(range(7))
    for rows, values in parts:
        assert np.array_equal(values, arrays_of(7)[rows.index])


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(order=st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_clips_come_in_the_order_asked_for(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    shards = written(tmp_path_factory.mktemp("shards"))
    loaded = shards.load([f"clip-{number}" for number in order])
    assert np.array_equal(loaded, arrays_of(7)[order])


def test_equal_content_gives_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "one")
    # Zip files carry dates: those of another day must not show.
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1900000000")
    written(tmp_path / "two")
    names = [{path.name for path in (tmp_path / part).iterdir()} for part in ("one", "two")]
    assert names[0] == names[1]
    assert "shard-00000.npz" in names[0]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_shards_are_plain_npz_files(tmp_path: Path) -> None:
    written(tmp_path)
    with np.load(tmp_path / "shard-00001.npz") as content:
        assert content.files == ["x"]
        assert np.array_equal(content["x"], arrays_of(7)[3:6])


def test_earlier_shards_are_removed(tmp_path: Path) -> None:
    written(tmp_path, count=9, shard_clips=2)
    assert np.array_equal(written(tmp_path, count=2, shard_clips=2).load(), arrays_of(2))
    assert [path.name for path in tmp_path.glob("*.npz*")] == ["shard-00000.npz"]


def test_only_one_shards_arrays_are_held(tmp_path: Path) -> None:
    held = 0

    def watched():  # type: ignore[no-untyped-def]
        nonlocal held
        for number, array in enumerate(arrays_of(7)):
            done = len(list(tmp_path.glob("*.npz")))
            held = max(held, number + 1 - 3 * done)
            yield array

    write_shards(tmp_path, rows_of(7), watched(), 3)
    assert held <= 4  # a full shard is written when the clip after it is asked for


@pytest.mark.parametrize(
    ("count", "message"),
    [(6, "no array for clip 'clip-6'"), (8, "more arrays than the 7 clips")],
)
def test_arrays_must_be_as_many_as_clips(tmp_path: Path, count: int, message: str) -> None:
    written(tmp_path)
    with pytest.raises(SpikesoundError, match=message):
        write_shards(tmp_path, rows_of(7), iter(arrays_of(count)), 3)
    assert not (tmp_path / "index.parquet").exists(), "the index of earlier shards stayed behind"


@pytest.mark.parametrize("odd", [np.zeros((2, 4), np.float16), np.zeros((2, 3), np.float32)])
def test_arrays_must_be_alike(tmp_path: Path, odd: np.ndarray) -> None:
    arrays = [*arrays_of(4), odd, *arrays_of(2)]
    with pytest.raises(SpikesoundError, match=r"clip 'clip-4' has float\d+ \(2, \d\), the first"):
        write_shards(tmp_path, rows_of(7), iter(arrays), 3)


def test_a_clip_that_comes_twice_is_refused(tmp_path: Path) -> None:
    rows = rows_of(4).assign(clip_id=["a", "b", "a", "c"])
    with pytest.raises(SpikesoundError, match="clip 'a' comes twice"):
        write_shards(tmp_path, rows, iter(arrays_of(4)), 3)


def test_no_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match="no clips to write"):
        write_shards(tmp_path, rows_of(0), iter([]), 3)


def test_an_unknown_clip_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"index\.parquet: no clip 'x' \(1 unknown\)"):
        written(tmp_path).load(["clip-1", "x"])


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    shards = written(tmp_path)
    (tmp_path / "shard-00001.npz").unlink()
    with pytest.raises(SpikesoundError, match=r"shard-00001\.npz: missing"):
        shards.load()
    assert len(shards.load(["clip-0", "clip-6"])) == 2, "other shards still serve"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = content.index(arrays_of(7)[3:6].tobytes()) + 4
    content[place] ^= 1
    path.write_bytes(bytes(content))


def rename_the_array(path: Path) -> None:
    np.savez(path, y=arrays_of(3))


def shorten_the_array(path: Path) -> None:
    np.savez(path, x=arrays_of(2))


def put_objects(path: Path) -> None:
    np.savez(path, x=np.array([{}, {}, {}], object))


@pytest.mark.parametrize(
    "damage", [truncate, empty, flip_a_bit, rename_the_array, shorten_the_array, put_objects]
)
def test_a_damaged_shard_is_named(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    shards = written(tmp_path)
    damage(tmp_path / "shard-00001.npz")
    with pytest.raises(SpikesoundError, match=r"shard-00001\.npz: damaged .*run its stage again"):
        shards.load()


def test_a_folder_without_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"index\.parquet: no such table"):
        Shards(tmp_path)


def test_the_index_is_the_declared_table(tmp_path: Path) -> None:
    written(tmp_path)
    index = read_table(tmp_path / "index.parquet", FEATURE_INDEX)
    assert index["row"].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert index["shard"].iloc[-1] == "shard-00002.npz"
