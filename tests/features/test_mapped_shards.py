"""Shards mapped where they lie: the arrays of the loader, few maps, damage in one line."""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import FEATURE_INDEX
from spikesound.features import mapped_shards
from spikesound.features.mapped_shards import MappedShards
from spikesound.features.shard_index import read_index
from spikesound.features.shards import Shards, write_shards

CLASSES = ["a", "b", "c"]


def written(folder: Path, count: int = 25, shard_clips: int = 4) -> np.ndarray:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(count, 5, 3)).astype(np.float16)
    rows = pd.DataFrame(
        {
            "clip_id": [f"clip{number:03}" for number in range(count)],
            "fold": [str(number % 3 + 1) for number in range(count)],
            "media_id": [f"m{number}" for number in range(count)],
            "recording": [f"r{number // 2}" for number in range(count)],
            "labels": [CLASSES[: number % 4] for number in range(count)],
        }
    )
    write_shards(folder, rows, iter(values), shard_clips)
    return values


def mapped(folder: Path) -> tuple[MappedShards, np.ndarray, np.ndarray]:
    index = read_index(folder / "index.parquet", CLASSES)
    return MappedShards(folder, index.names), index.shards, index.rows


def test_clips_are_those_that_were_written(tmp_path: Path) -> None:
    values = written(tmp_path)
    shards, numbers, rows = mapped(tmp_path)
    order = np.random.default_rng(1).permutation(len(values))
    assert np.array_equal(shards.take(numbers[order], rows[order]), values[order])
    assert (shards.shape, shards.dtype) == ((5, 3), np.float16)
    assert isinstance(shards._maps[0], np.memmap)


def test_few_shards_stay_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped_shards, "OPEN_AT_MOST", 2)
    values = written(tmp_path)
    shards, numbers, rows = mapped(tmp_path)
    assert np.array_equal(shards.take(numbers, rows), values)
    assert len(shards._maps) == 2


def test_another_process_maps_for_itself(tmp_path: Path) -> None:
    values = written(tmp_path)
    shards, numbers, rows = mapped(tmp_path)
    shards.take(numbers, rows)
    copy = pickle.loads(pickle.dumps(shards))
    assert not copy._maps
    assert np.array_equal(copy.take(numbers, rows), values)


def test_the_index_has_what_the_table_has(tmp_path: Path) -> None:
    written(tmp_path)
    index, table = read_index(tmp_path / "index.parquet", CLASSES), Shards(tmp_path).index
    assert index.ids.to_pylist() == table["clip_id"].tolist()
    assert [index.names[number] for number in index.shards] == table["shard"].tolist()
    assert index.rows.tolist() == table["row"].tolist()
    assert [index.fold_names[number] for number in index.folds] == table["fold"].tolist()
    same = index.groups[:, None] == index.groups
    names = table["recording"].to_numpy()
    assert np.array_equal(same, names[:, None] == names)
    present = index.present(np.arange(25))
    expected = [[label in labels for label in CLASSES] for labels in table["labels"]]
    assert np.array_equal(present > 0, expected)
    assert index.label_counts(np.arange(25)).tolist() == np.sum(expected, 0).tolist()
    assert index.label_counts(np.array([3, 7])).tolist() == [2, 2, 2]
    assert len(set(index.numbers.tolist())) == 25


def test_the_digest_of_the_shards_follows_their_content(tmp_path: Path) -> None:
    written(tmp_path / "one")
    written(tmp_path / "two")
    before = mapped(tmp_path / "one")[0].checksums()
    assert mapped(tmp_path / "two")[0].checksums() == before
    path = tmp_path / "two/shard-00003.npz"
    values = np.load(path)["x"]
    np.savez(path, x=values + np.float16(1))
    assert mapped(tmp_path / "two")[0].checksums() != before


def test_a_label_that_is_no_class_names_file_and_clip(tmp_path: Path) -> None:
    written(tmp_path)
    message = r"index\.parquet, clip 'clip003': unknown label 'c'; valid: a, b"
    with pytest.raises(SpikesoundError, match=message):
        read_index(tmp_path / "index.parquet", ["a", "b"])


def test_a_missing_or_damaged_index_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"index\.parquet: no such table"):
        read_index(tmp_path / "index.parquet", CLASSES)
    (tmp_path / "index.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(SpikesoundError, match="not a Parquet table"):
        read_index(tmp_path / "index.parquet", CLASSES)
    schema.write_table(FEATURE_INDEX.empty_table(), FEATURE_INDEX, tmp_path / "index.parquet")
    with pytest.raises(SpikesoundError, match="no clips to load"):
        read_index(tmp_path / "index.parquet", CLASSES)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def deflate(path: Path) -> None:
    np.savez_compressed(path, x=np.load(path)["x"])


def other_member(path: Path) -> None:
    np.savez(path, y=np.load(path)["x"])


def other_shape(path: Path) -> None:
    np.savez(path, x=np.zeros((4, 5, 2), np.float16))


def shorter(path: Path) -> None:
    np.savez(path, x=np.load(path)["x"][:1])


def header_only(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': 'x'}")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "missing, though the index names it"),
        (cut, "damaged"),
        (deflate, r"compressed; a stream needs shards that are stored"),
        (other_member, "damaged .*x.npy"),
        (other_shape, r"expected clips of float16 \(5, 3\), got float16 \(5, 2\)"),
        (shorter, r"damaged \(1 clips, the index has row 3\)"),
        (header_only, "damaged"),
    ],
)
def test_a_damaged_shard_is_one_line_with_its_name(
    tmp_path: Path, damage: object, message: str
) -> None:
    written(tmp_path)
    assert callable(damage)
    damage(tmp_path / "shard-00001.npz")
    shards, numbers, rows = mapped(tmp_path)
    shards.take(numbers[:4], rows[:4])
    with pytest.raises(SpikesoundError, match=message) as caught:
        shards.take(numbers[7:8], rows[7:8])
    assert re.search(r"shard-00001\.npz", str(caught.value))
