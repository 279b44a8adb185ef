"""Tables keep their columns and dtypes, or say what is wrong; seeds hang on names alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from spikesound.core.errors import SpikesoundError, choose
from spikesound.core.schema import CLIPS, PREDICTIONS, read_table, write_table
from spikesound.core.seeds import derive, numpy_generator


def clips() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "fold": ["1", "2"],
            "clip_id": ["a_0", "b_500"],
            "media_id": ["a", "b"],
            "recording": ["a", "b"],
            "start_s": [0.0, 0.5],
            "end_s": [5.0, 5.5],
            "labels": [["/m/1"], ["/m/1", "/m/2"]],
        }
    )


def test_a_table_comes_back_in_the_schemas_order(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clips.parquet"
    write_table(clips(), CLIPS, path)
    found = read_table(path, CLIPS)
    assert list(found.columns) == CLIPS.names
    assert found["labels"].tolist() == [["/m/1"], ["/m/1", "/m/2"]]
    assert [file.name for file in path.parent.iterdir()] == ["clips.parquet"]


def test_other_columns_or_values_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    with pytest.raises(SpikesoundError, match=r"clips\.parquet: expected columns"):
        write_table(clips().drop(columns="fold"), CLIPS, path)
    with pytest.raises(SpikesoundError, match=r"clips\.parquet"):
        write_table(clips().assign(start_s="soon"), CLIPS, path)
    assert not path.exists()


def test_a_missing_damaged_or_foreign_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    with pytest.raises(SpikesoundError, match="no such table"):
        read_table(path, CLIPS)
    path.write_bytes(b"PAR1 half a table")
    with pytest.raises(SpikesoundError, match="not a Parquet table"):
        read_table(path, CLIPS)
    pq.write_table(CLIPS.empty_table(), path)
    with pytest.raises(SpikesoundError, match="or other dtypes"):
        read_table(path, PREDICTIONS)


def test_seeds_are_fixed_and_apart() -> None:
    assert derive(1, "augment", 3, "clip") == derive(1, "augment", 3, "clip")
    names = [(1, "a"), (2, "a"), (1, "b"), (1, "a", 0), (1, "a", 1), (1, "a0")]
    assert len({derive(*name) for name in names}) == len(names)
    assert 0 <= derive(0) < 2**63
    draws = [numpy_generator(1, "x").random() for _ in range(2)]
    assert draws[0] == draws[1]


def test_an_unknown_name_gets_the_nearest_and_all_valid_ones() -> None:
    with pytest.raises(SpikesoundError) as caught:
        choose({"latency": 1, "rate": 2}, "latancy", "encoding")
    assert str(caught.value) == (
        "unknown encoding 'latancy' (did you mean 'latency'?); valid: latency, rate"
    )
