"""Areas under curves of noise, and paired differences of them, of both tasks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import write_table
from spikesound.evaluation.robustness.areas import (
    area_weights,
    areas,
    join,
    paired_areas,
)
from spikesound.evaluation.robustness.compare import RESULTS, TABLE, compare_robustness
from spikesound.evaluation.robustness.conditions import NOISY
from spikesound.evaluation.robustness.evaluate import summary
from spikesound.evaluation.robustness.scoring import EVENT, SCORING, SEGMENT
from spikesound.evaluation.settings import Settings

CLASSIFICATION, DETECTION = SCORING["classification"], SCORING["detection"]


def clip_areas(results: pd.DataFrame) -> pd.DataFrame:
    """Return each clip's own area, and whether it was a hit on clean sound, clip by clip."""
    curves = []
    for noise in NOISY:
        rows = results[results["condition"] == noise]
        hits = rows.pivot_table(index="clip_id", columns="level", values="hit", aggfunc="mean")
        curves.append(hits @ area_weights([float(level) for level in hits.columns]))
    clean = results[results["condition"] == "clean"].set_index("clip_id")["hit"]
    return pd.DataFrame({"area": sum(curves) / 4, "clean": clean.astype(float)}).sort_index()


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=9, unique=True), st.integers(0, 99))
def test_the_area_is_the_trapezoids_over_the_range(levels: list[int], seed: int) -> None:
    accuracy = np.random.default_rng(seed).random(len(levels))
    area = float(area_weights(levels) @ accuracy)
    assert accuracy.min() - 1e-9 <= area <= accuracy.max() + 1e-9
    order = np.argsort(levels)
    x, y = np.array(levels)[order], accuracy[order]
    if len(levels) > 1:
        trapezoids = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) / (x[-1] - x[0])
        assert area == pytest.approx(trapezoids)


def test_an_area_worked_by_hand() -> None:
    assert area_weights([20, 0, -10]) @ [0.9, 0.6, 0.2] == pytest.approx((15 + 4) / 30)


def results_of(shift: float, seed: int = 0, clips: int = 60) -> pd.DataFrame:
    """Return hits that become fewer with noise; a greater shift has fewer."""
    generator = np.random.default_rng(seed)
    ease = generator.normal(0, 5, clips)
    cases = [("clean", 0.0, 30.0), *((n, float(d), float(d)) for n in NOISY for d in (20, 10, 0))]
    parts = [
        pd.DataFrame(
            {
                "clip_id": [f"c{i:03d}" for i in range(clips)],
                "condition": name,
                "level": level,
                "predicted": "/m/1",
                "hit": ease + snr > 5 + (shift if name != "clean" else 0),
            }
        )
        for name, level, snr in cases
    ]
    return pd.concat(parts, ignore_index=True)


RECORDINGS = {f"c{i:03d}": f"r{i // 3}" for i in range(60)}
SETTINGS = Settings(resamples=500, permutations=1999, confidence=0.95, seed=0, margin=0.02)


def test_a_models_area_is_the_mean_of_its_clips_and_joins_with_others() -> None:
    results = results_of(5)
    drawn = {"generator": np.random.default_rng(0), "resamples": 100, "confidence": 0.95}
    table = summary("snn-a", results, RECORDINGS, CLASSIFICATION, **drawn)  # type: ignore[arg-type]
    other = summary("ann-a", results_of(0), RECORDINGS, CLASSIFICATION, **drawn)  # type: ignore[arg-type]
    whole, found = join({"ann-a": other, "snn-a": table}, "accuracy")
    assert list(whole["model"].unique()) == ["ann-a", "snn-a"]
    assert len(whole) == len(table) + len(other)
    assert list(table["level"][:4]) == [0.0, 20.0, 10.0, 0.0], "in the order of the run"
    shares = results.groupby(["condition", "level"])["hit"].mean()
    for row in table.itertuples():
        assert row.accuracy == pytest.approx(shares[row.condition, row.level], abs=1e-4)
    assert set(found["snn-a"]) == {f"{n}_area" for n in NOISY} | {
        "noise_area",
        "noise_area_relative",
    }
    per_clip = clip_areas(results)
    assert found["snn-a"]["noise_area"] == pytest.approx(per_clip["area"].mean(), abs=1e-3)
    relative = per_clip["area"].mean() / per_clip["clean"].mean()
    assert found["snn-a"]["noise_area_relative"] == pytest.approx(relative, abs=1e-3)
    assert found["ann-a"]["noise_area"] > found["snn-a"]["noise_area"]
    assert areas(table[table["condition"] == "clean"], "accuracy") == {}


def test_a_paired_difference_is_found_and_has_its_sign() -> None:
    better, worse = results_of(0), results_of(6)
    found = paired_areas(
        better, worse, RECORDINGS, np.random.default_rng(0), SETTINGS, CLASSIFICATION
    )
    assert found["difference_low"] > 0
    assert found["difference_low"] <= found["difference"] <= found["difference_high"]
    assert found["p"] < 0.001
    expected = clip_areas(better)["area"].mean() - clip_areas(worse)["area"].mean()
    assert found["difference"] == pytest.approx(expected)
    turned = paired_areas(
        worse, better, RECORDINGS, np.random.default_rng(0), SETTINGS, CLASSIFICATION
    )
    assert turned["difference"] == pytest.approx(-found["difference"])
    assert turned["relative_p"] < 0.001


def test_a_model_that_is_only_better_when_clean_is_no_better_in_relation() -> None:
    half = results_of(0)
    lost = {f"c{i:03d}" for i in range(0, 60, 2)}
    weaker = half.assign(hit=half["hit"] & ~half["clip_id"].isin(lost))
    found = paired_areas(
        half, weaker, RECORDINGS, np.random.default_rng(0), SETTINGS, CLASSIFICATION
    )
    assert found["p"] < 0.001
    assert abs(found["relative_difference"]) < 0.1
    assert found["relative_p"] > 0.05


@pytest.mark.slow
def test_equal_models_differ_by_nothing_and_p_is_uniform_where_they_are_exchangeable() -> None:
    same = paired_areas(
        results_of(0), results_of(0), RECORDINGS, np.random.default_rng(0), SETTINGS, CLASSIFICATION
    )
    assert same["difference"] == same["difference_low"] == same["difference_high"] == 0
    assert same["p"] == same["relative_p"] == 1
    below = [
        paired_areas(
            results_of(0, 2 * seed), results_of(0, 2 * seed + 1), RECORDINGS,
            np.random.default_rng(seed), SETTINGS, CLASSIFICATION,
        )["p"] < 0.2
        for seed in range(20)
    ]  # fmt: skip
    assert np.mean(below) == pytest.approx(0.2, abs=0.2)


def test_models_of_different_clips_are_not_compared() -> None:
    with pytest.raises(SpikesoundError, match="different clips"):
        paired_areas(
            results_of(0),
            results_of(0, clips=59),
            RECORDINGS,
            np.random.default_rng(0),
            SETTINGS,
            CLASSIFICATION,
        )


def detected(shift: int, seed: int = 0, clips: int = 40) -> pd.DataFrame:
    """Return counts of two classes that become worse with noise, and the more with the shift."""
    generator = np.random.default_rng(seed)
    parts = []
    for name, level in [("clean", 0.0), *((noise, snr) for noise in NOISY for snr in (20.0, 0.0))]:
        worse = shift + (level == 0.0) if name != "clean" else 0
        true = 1 + generator.integers(0, 4, 2 * clips)
        found = np.maximum(true - worse, 0)
        counts = {"tp": found, "fp": np.full(2 * clips, worse), "fn": true - found}
        parts.append(
            pd.DataFrame(
                {
                    "clip_id": np.repeat([f"c{i:03d}" for i in range(clips)], 2),
                    "condition": name,
                    "level": level,
                    "label": ["/m/1", "/m/2"] * clips,
                }
                | {f"segment_{key}": value for key, value in counts.items()}
                | {f"event_{key}": value for key, value in counts.items()}
            )
        )
    return pd.concat(parts, ignore_index=True)


def macro_f1(rows: pd.DataFrame, prefix: str) -> float:
    """Return the mean over classes of F1, by loops."""
    values = []
    for _, of_class in rows.groupby("label"):
        tp, fp, fn = (of_class[f"{prefix}_{count}"].sum() for count in ("tp", "fp", "fn"))
        values.append(2 * tp / (2 * tp + fp + fn))
    return float(np.mean(values))


def test_a_detectors_figures_are_f1_of_the_counts_of_all_clips() -> None:
    results = detected(0)
    results["event_fp"] += 1
    table = summary(
        "m", results, RECORDINGS, DETECTION, generator=np.random.default_rng(0), resamples=300,
        confidence=0.9,
    )  # fmt: skip
    assert list(table.columns[5:]) == [
        "segment_f1", "segment_f1_low", "segment_f1_high",
        "event_f1", "event_f1_low", "event_f1_high",
    ]  # fmt: skip
    for row in table.itertuples():
        rows = results[(results["condition"] == row.condition) & (results["level"] == row.level)]
        assert row.segment_f1 == pytest.approx(macro_f1(rows, "segment"), abs=1e-4)
        assert row.event_f1 == pytest.approx(macro_f1(rows, "event"), abs=1e-4)
        assert row.segment_f1_low <= row.segment_f1 <= row.segment_f1_high
    noisy = table[table["level"] == 0.0].iloc[1:]
    assert (noisy["segment_f1_low"] < noisy["segment_f1_high"]).all()
    found = areas(table, DETECTION.headline)
    by_level = [table.loc[(table["condition"] == "white"), "segment_f1"].mean()]
    assert found["white_area"] == pytest.approx(by_level[0], abs=1e-4)
    assert 0 < found["noise_area_relative"] < 1


def test_draws_of_a_fault_are_pooled() -> None:
    clean = detected(0).query("condition == 'clean'")
    worse = clean.assign(**dict.fromkeys(SEGMENT[:1], 0), segment_fn=3)
    both = [clean, worse]
    faults = [each.assign(condition="stuck_silent", level=0.1) for each in both]
    results = pd.concat([clean, *faults], ignore_index=True)
    table = summary(
        "m", results, RECORDINGS, DETECTION, generator=np.random.default_rng(0), resamples=100,
        confidence=0.9,
    )  # fmt: skip
    assert list(table["condition"]) == ["clean", "stuck_silent"]
    pooled = macro_f1(pd.concat(both), "segment")
    assert table["segment_f1"][1] == pytest.approx(pooled, abs=1e-4)
    assert set(EVENT) < set(results)


def test_a_paired_difference_of_detectors_is_that_of_their_areas() -> None:
    better, worse = detected(0), detected(1)
    generator = np.random.default_rng(0)
    found = paired_areas(better, worse, RECORDINGS, generator, SETTINGS, DETECTION)
    expected = []
    for results in (better, worse):
        noisy = [
            macro_f1(rows, "segment")
            for (name, _), rows in results.groupby(["condition", "level"])
            if name != "clean"
        ]
        expected.append(np.mean(noisy))  # two levels a noise count alike
    assert found["difference"] == pytest.approx(expected[0] - expected[1])
    assert 0 < found["difference_low"] <= found["difference"] <= found["difference_high"]
    assert found["p"] < 0.001
    same = paired_areas(better, better, RECORDINGS, generator, SETTINGS, DETECTION)
    assert same["difference"] == same["relative_difference"] == 0
    assert same["p"] == 1


def test_a_clip_that_misses_a_condition_is_an_error() -> None:
    results = results_of(0)
    with pytest.raises(SpikesoundError, match="not every clip"):
        summary(
            "m", results.iloc[:-1], RECORDINGS, CLASSIFICATION,
            generator=np.random.default_rng(0), resamples=100, confidence=0.9,
        )  # fmt: skip


def test_pairs_need_a_noise() -> None:
    clean = results_of(0).query("condition == 'clean'")
    with pytest.raises(SpikesoundError, match="none of the noises"):
        paired_areas(clean, clean, RECORDINGS, np.random.default_rng(0), SETTINGS, CLASSIFICATION)


@pytest.mark.parametrize("task", ["classification", "detection"])
@pytest.mark.parametrize("noise", [True, False])
def test_the_models_of_a_task_are_compared_where_a_noise_was_tested(
    task: str, noise: bool, tmp_path: Path
) -> None:
    made = {"classification": results_of, "detection": detected}[task]
    scoring = SCORING[task]
    models = {"snn-a": made(1), "ann-a": made(0), "ann-b": made(2)}
    for name, results in models.items():
        kept = results if noise else results.query("condition == 'clean'")
        folder = tmp_path / "robustness" / name
        write_table(kept, scoring.schema, folder / RESULTS)
        table = summary(
            name, kept, RECORDINGS, scoring, generator=np.random.default_rng(0), resamples=100,
            confidence=0.9,
        )  # fmt: skip
        table.to_csv(folder / TABLE, index=False)
    pairs = [("snn-a", "ann-a"), ("snn-a", "ann-b")]
    found = compare_robustness(
        task, list(models), pairs, RECORDINGS, SETTINGS, robustness=tmp_path / "robustness",
        out=tmp_path / "compared", plots=tmp_path / "plots",
    )  # fmt: skip
    whole = pd.read_csv(tmp_path / "plots" / "robustness.csv")
    assert list(whole["model"].unique()) == list(models)
    assert scoring.headline in whole
    assert json.loads((tmp_path / "compared" / "robustness.json").read_text()) == found
    compared = json.loads((tmp_path / "compared" / "noise_comparisons.json").read_text())
    if noise:
        assert found["ann-a"]["noise_area"] > found["snn-a"]["noise_area"]
        assert list(compared) == ["snn-a vs ann-a", "snn-a vs ann-b"]
        assert (
            compared["snn-a vs ann-a"]["difference"] < 0 < compared["snn-a vs ann-b"]["difference"]
        )
    else:
        assert found == {name: {} for name in models}
        assert compared == {}
