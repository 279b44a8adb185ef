"""Normalisation: exact percentiles of the training clips, and [0, 1] out of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spikesound.core.errors import SpikesoundError
from spikesound.features.normalisation import Group, apply, fit, load, save
from spikesound.features.shards import Shards, write_shards

ONE_LEVEL = [Group(2, levels=True)]


def shards_of(out: Path, values: np.ndarray, folds: list[str], shard_clips: int = 3) -> Shards:
    names = [f"clip-{number}" for number in range(len(values))]
    labels = [["/m/a"]] * len(values)
    places = {"media_id": names, "recording": names}
    rows = pd.DataFrame({"clip_id": names, "fold": folds, **places, "labels": labels})
    write_shards(out, rows, iter(values), shard_clips)
    return Shards(out)


def drawn(clips: int, bins: int, seed: int = 0, spread: float = 20.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.standard_normal((clips, 11, bins)) * spread - 30).astype(np.float16)


def test_levels_share_one_range_and_other_bins_have_their_own(tmp_path: Path) -> None:
    values = drawn(10, 5, spread=5)
    values[..., 4] *= 0.01
    folds = list("1122312312")
    groups = [Group(3, levels=True), Group(1, levels=False), Group(1, levels=False)]
    figures = fit(shards_of(tmp_path, values, folds), ["1", "2", "3"], groups, 80.0)
    for fold in "123":
        training = values[np.array(folds) != fold].astype(np.float64)
        levels, first, second = training[..., :3], training[..., 3], training[..., 4]

        def exact(part: np.ndarray, share: float) -> float:
            return float(np.quantile(part, share, method="inverted_cdf"))

        assert figures[fold]["low"] == [exact(levels, 0.05)] * 3 + [
            exact(first, 0.01),
            exact(second, 0.01),
        ]
        assert figures[fold]["high"] == [exact(levels, 0.995)] * 3 + [
            exact(first, 0.99),
            exact(second, 0.99),
        ]


def test_the_range_of_levels_is_at_most_range_db(tmp_path: Path) -> None:
    shards = shards_of(tmp_path, drawn(4, 2), list("1212"))
    figures = fit(shards, ["1"], ONE_LEVEL, 12.5)["1"]
    assert figures["low"] == [figures["high"][0] - 12.5] * 2


def test_range_db_does_not_touch_other_kinds(tmp_path: Path) -> None:
    shards = shards_of(tmp_path, drawn(4, 1), list("1212"))
    narrow, wide = (fit(shards, ["1"], [Group(1, levels=False)], db) for db in (0.1, 100.0))
    assert narrow == wide


def test_clips_of_the_held_out_fold_have_no_influence(tmp_path: Path) -> None:
    values, folds = drawn(9, 2), list("123123123")
    before = fit(shards_of(tmp_path / "a", values, folds), ["1", "2", "3"], ONE_LEVEL, 80.0)
    values[0] = 500  # a clip of fold 1, far louder than all others
    after = fit(shards_of(tmp_path / "b", values, folds), ["1", "2", "3"], ONE_LEVEL, 80.0)
    assert after["1"] == before["1"]
    assert after["2"] != before["2"]
    assert after["3"] != before["3"]


def test_clips_of_folds_that_are_never_held_out_are_training_clips(tmp_path: Path) -> None:
    values = drawn(4, 2)
    shards = shards_of(tmp_path, values, ["train", "train", "eval", "eval"])
    figures = fit(shards, ["eval"], ONE_LEVEL, 80.0)
    assert list(figures) == ["eval"]
    exact = np.quantile(values[:2].astype(np.float64), 0.995, method="inverted_cdf")
    assert figures["eval"]["high"] == [exact] * 2


def test_neither_the_order_nor_the_shards_matter(tmp_path: Path) -> None:
    values, folds = drawn(9, 2), list("123123123")
    one = fit(shards_of(tmp_path / "a", values, folds, 9), ["1"], ONE_LEVEL, 80.0)
    two = fit(shards_of(tmp_path / "b", values[::-1], folds[::-1], 2), ["1"], ONE_LEVEL, 80.0)
    assert one == two


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    part=arrays(
        np.float16,
        (2, 3, 1),
        elements=st.floats(-60000, 60000, width=16, allow_subnormal=True),
    )
)
def test_percentiles_are_exact_for_any_float16(
    part: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shards = shards_of(
        tmp_path_factory.mktemp("any"), np.concatenate([part, part * 0]), list("1122")
    )
    figures = fit(shards, ["2"], [Group(1, levels=False)], 80.0)["2"]
    exact = np.quantile(part.astype(np.float64), [0.01, 0.99], method="inverted_cdf")
    assert [figures["low"][0], figures["high"][0]] == list(exact)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    values=arrays(np.float16, (3, 4, 2), elements=st.floats(-200, 200, width=16)),
    low=st.floats(-100, 50),
    # Ranges are differences of float16 values: 0, or no less than its smallest step.
    span=st.just(0.0) | st.floats(2**-14, 120),
)
def test_applied_values_lie_between_0_and_1(values: np.ndarray, low: float, span: float) -> None:
    shares = apply(values, [low, low], [low + span, low + span])
    assert shares.dtype == np.float32
    assert shares.shape == values.shape
    assert ((shares >= 0) & (shares <= 1)).all()


def test_apply_by_hand() -> None:
    values = np.array([[-90, 5], [-80, 0], [-40, 2.5], [0, 10], [7, -1]], np.float16)
    shares = apply(values, [-80, 0], [0, 10])
    assert shares.tolist() == pytest.approx(
        np.array([[0, 0.5], [0, 0], [0.5, 0.25], [1, 1], [1, 0]])
    )


def test_a_bin_without_range_gives_0() -> None:
    assert apply(np.array([[1.0], [2.0], [3.0]]), [2.0], [2.0]).tolist() == [[0], [0], [0]]


def test_apply_leaves_its_input_alone() -> None:
    values = np.array([[1.0, 2.0]], np.float32)
    apply(values, [0.0, 0.0], [4.0, 4.0])
    assert values.tolist() == [[1.0, 2.0]]


def test_figures_come_back_as_saved(tmp_path: Path) -> None:
    path = tmp_path / "normalisation.json"
    save({"2": {"low": [-80.5, 0.1], "high": [0.0, 3.0]}}, path)
    low, high = load(path, "2")
    assert low.tolist() == pytest.approx([-80.5, 0.1])
    assert high.tolist() == [0.0, 3.0]
    assert low.dtype == high.dtype == np.float32


def test_an_unknown_fold_is_named_with_the_valid_ones(tmp_path: Path) -> None:
    shards = shards_of(tmp_path, drawn(4, 2), list("1212"))
    with pytest.raises(SpikesoundError, match=r"unknown fold .*'7'; valid: 1, 2"):
        fit(shards, ["1", "7"], ONE_LEVEL, 80.0)
    save(fit(shards, ["1"], ONE_LEVEL, 80.0), tmp_path / "n.json")
    with pytest.raises(SpikesoundError, match=r"unknown fold in .*n\.json '2'; valid: 1"):
        load(tmp_path / "n.json", "2")


def test_a_fold_that_leaves_no_training_clips_is_refused(tmp_path: Path) -> None:
    shards = shards_of(tmp_path, drawn(2, 2), list("11"))
    with pytest.raises(SpikesoundError, match="every clip is of fold '1'"):
        fit(shards, ["1"], ONE_LEVEL, 80.0)


@pytest.mark.parametrize("values", [drawn(4, 3), drawn(4, 2).astype(np.float32)])
def test_shards_of_other_parameters_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    shards = shards_of(tmp_path, values, list("1212"))
    with pytest.raises(SpikesoundError, match=r"float\d+ with \d bins, not float16 with 2"):
        fit(shards, ["1"], ONE_LEVEL, 80.0)


@pytest.mark.parametrize(
    "content", ["", "[1, 2]", "{", json.dumps({"1": {"low": [1]}}), '{"1": 3}']
)
def test_damaged_figures_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "normalisation.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SpikesoundError, match=r"normalisation\.json"):
        load(path, "1")


def test_missing_figures_are_named(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"normalisation\.json: no such file"):
        load(tmp_path / "normalisation.json", "1")
