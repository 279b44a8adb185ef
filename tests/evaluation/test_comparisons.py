"""Pairs of models: which, what is found of each, and what the sentence on it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scored import frame, random_matrix

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import numpy_generator
from spikesound.evaluation import comparisons as module
from spikesound.evaluation.bootstrap import percentiles, resampled
from spikesound.evaluation.clusters import clusters_of
from spikesound.evaluation.comparison_table import comparison_table
from spikesound.evaluation.comparisons import (
    compare_values,
    permutations_needed,
    read_differences,
)
from spikesound.evaluation.correction import holm
from spikesound.evaluation.differences import (
    BETTER,
    NOT_SHOWN,
    WORSE,
    Difference,
    read_difference,
    write_differences,
)
from spikesound.evaluation.measures import CLASSIFICATION, DETECTION, MULTILABEL, Measure
from spikesound.evaluation.paired import mcnemar_p
from spikesound.evaluation.predictions import to_frame, to_matrix
from spikesound.evaluation.settings import Settings
from spikesound.evaluation.summary import Metrics
from spikesound.evaluation.verdict import verdict as sentence
from spikesound.tasks import multilabel
from spikesound.tasks.classification.metrics import METRICS, correct, metrics, weighted_metrics

SETTINGS = Settings(resamples=200, permutations=400, confidence=0.95, seed=1, margin=0.02)
CLIPS = [f"clip{i:04d}" for i in range(120)]
ALONE = {clip: clip for clip in CLIPS}
IN_TWOS = {clip: f"r{i // 2}" for i, clip in enumerate(CLIPS)}
STRONG, WEAK = "snn-cnn-surrogate vs ann-cnn", "snn-cnn-surrogate vs baseline-logistic"


def comparisons(
    tables: Mapping[str, pd.DataFrame], recordings: Mapping[str, str], settings: Settings
) -> dict[str, Metrics]:
    """Compare the spiking models with the others."""
    spiking = [name for name in tables if name.startswith("snn-")]
    others = [name for name in ("ann-cnn", "baseline-logistic", "ann-a") if name in tables]
    pairs = [(a, b) for a in spiking for b in others]
    return module.comparisons(tables, pairs, recordings, settings)


def verdict(figures: Metrics, first: str, second: str, confidence: float) -> str:
    found = read_differences(figures, METRICS)
    return sentence(found, first, second, measures=CLASSIFICATION, confidence=confidence)


def differs(figures: Metrics, name: str, confidence: float) -> bool:
    found = read_difference(figures, name)
    assert found is not None
    return found.outcome(confidence) != NOT_SHOWN


def predictions(skill: float, seed: int = 0) -> pd.DataFrame:
    scored = random_matrix(len(CLIPS), 4, seed, skill=skill)
    return frame(scored.scores, scored.targets)


def of_models() -> dict[str, pd.DataFrame]:
    """Return a spiking model, a twin about as good on the same clips, and a far worse baseline."""
    good = predictions(0.6)
    twin = good.assign(score=good["score"].where(good.index % 9 > 0, 0.4))
    return {
        "baseline-logistic": predictions(0.0),
        "ann-cnn": twin,
        "snn-cnn-surrogate": good,
    }


def test_a_pairs_figures_are_those_of_the_two_models() -> None:
    tables = of_models()
    found = comparisons(tables, IN_TWOS, SETTINGS)
    assert list(found) == [STRONG, WEAK]
    ours, theirs = (to_matrix(tables[name]) for name in ("snn-cnn-surrogate", "baseline-logistic"))
    clusters = clusters_of(ours.clip_ids, IN_TWOS)
    draws = [
        resampled(
            partial(weighted_metrics, matrix),
            clusters,
            generator=numpy_generator(1, "bootstrap"),
            resamples=200,
        )
        for matrix in (ours, theirs)
    ]
    figures = found[WEAK]
    for name in METRICS:
        apart = metrics(ours)[name] - metrics(theirs)[name]
        low, high = percentiles((draws[0][name] - draws[1][name])[1:], 0.95)
        assert figures[f"{name}_difference"] == round(apart, 4)
        assert figures[f"{name}_difference_low"] == round(low, 4)
        assert figures[f"{name}_difference_high"] == round(high, 4)
    assert figures["clips"] == 120
    assert figures["recordings"] == 60
    assert json.loads(json.dumps(found)) == found
    assert comparisons(tables, IN_TWOS, SETTINGS) == found, "equal seeds, equal figures"


def test_paired_intervals_are_narrower_than_those_of_unrelated_models() -> None:
    good = predictions(0.6)
    near = good.assign(score=good["score"].where(good.index % 40 > 0, 0.4))
    apart = {"ann-cnn": near, "snn-cnn-x": good}
    low, high = (
        float(
            comparisons(apart, IN_TWOS, SETTINGS)["snn-cnn-x vs ann-cnn"][f"map_difference_{end}"]
        )
        for end in ("low", "high")
    )
    alone = resampled(
        partial(weighted_metrics, to_matrix(good)),
        clusters_of(CLIPS, IN_TWOS),
        generator=np.random.default_rng(0),
        resamples=200,
    )["map"][1:]
    assert high - low < np.ptp(percentiles(alone, 0.95)) / 2


def test_which_test_of_accuracy_hangs_on_the_recordings() -> None:
    tables = of_models()
    exact = mcnemar_p(*(correct(to_matrix(tables[n])) for n in ("snn-cnn-surrogate", "ann-cnn")))
    alone, in_twos = (comparisons(tables, r, SETTINGS)[STRONG] for r in (ALONE, IN_TWOS))
    assert alone["accuracy_test"] == "McNemar, exact"
    assert alone["accuracy_p"] == alone["accuracy_mcnemar_p"] == float(f"{exact:.3g}")
    assert in_twos["accuracy_test"] == "permutation by recording"
    assert in_twos["accuracy_mcnemar_p"] == alone["accuracy_mcnemar_p"]
    assert float(in_twos["accuracy_p"]) * 401 == pytest.approx(
        round(float(in_twos["accuracy_p"]) * 401), abs=0.3
    )


def test_the_correction_is_over_all_metrics_of_all_pairs() -> None:
    found = comparisons(of_models(), IN_TWOS, SETTINGS)
    places = [(key, name) for key in found for name in METRICS]
    raw = [float(found[key][f"{name}_p"]) for key, name in places]
    corrected = [float(found[key][f"{name}_p_corrected"]) for key, name in places]
    assert corrected == pytest.approx(holm(raw), rel=0.01)
    assert len(raw) == 6


def test_many_pairs_get_enough_permutations_to_show_something() -> None:
    needed = permutations_needed(300, 0.95)
    assert 300 / (1 + needed) < 0.05
    few = Settings(resamples=100, permutations=1, confidence=0.95, seed=1, margin=0.02)
    assert comparisons(of_models(), IN_TWOS, few)[WEAK]["permutations"] == permutations_needed(
        6, 0.95
    )
    assert comparisons(of_models(), IN_TWOS, SETTINGS)[WEAK]["permutations"] == 400


def test_the_verdicts_say_what_is_shown_and_what_is_not() -> None:
    found = comparisons(of_models(), IN_TWOS, SETTINGS)
    assert str(found[WEAK]["verdict"]).startswith(
        "snn-cnn-surrogate is better than baseline-logistic by "
    )
    same = comparisons(
        {"ann-cnn": predictions(0.6), "snn-cnn-x": predictions(0.6)}, ALONE, SETTINGS
    )
    said = str(same["snn-cnn-x vs ann-cnn"]["verdict"])
    assert said.startswith("no difference shown between snn-cnn-x and ann-cnn in accuracy (")


def figures(**corrected: float) -> dict[str, float]:
    shares = {"accuracy": (0.052, 0.021, 0.083), "macro_f1": (-0.03, -0.051, -0.0099),
              "map": (0.0, -0.0004, 0.034)}  # fmt: skip
    content = {}
    for name, (by, low, high) in shares.items():
        content |= {
            f"{name}_difference": by,
            f"{name}_difference_low": low,
            f"{name}_difference_high": high,
            f"{name}_p": 0.01,
            f"{name}_p_corrected": corrected.get(name, 1.0),
        }
    return content


def test_verdicts_by_hand() -> None:
    unsure = verdict(figures(), "A", "B", 0.95)
    assert unsure == (
        "no difference shown between A and B in accuracy (+2.1 to +8.3), macro F1 (-5.1 to -1.0) "
        "or mAP (+0.0 to +3.4); differences within these 95 % intervals, in points, are not "
        "ruled out"
    )
    mixed = verdict(figures(accuracy=0.004, macro_f1=0.049), "A", "B", 0.95)
    assert mixed == (
        "A is better than B by 5.2 points of accuracy (+2.1 to +8.3; corrected p 0.004); "
        "B is better than A by 3.0 points of macro F1 (-5.1 to -1.0; corrected p 0.049); "
        "no difference shown in mAP (+0.0 to +3.4); differences within these 95 % intervals, in "
        "points, are not ruled out"
    )
    assert not differs(figures(accuracy=0.05), "accuracy", 0.95), "not below 0.05"
    assert differs(figures(accuracy=0.0499), "accuracy", 0.95)
    whole = verdict(figures(accuracy=0.01, macro_f1=0.01, map=0.01), "A", "B", 0.95)
    assert NOT_SHOWN not in whole


def test_detections_verdict_by_hand() -> None:
    measures = (*DETECTION[:2], Measure("delay_95_s", "delay", decimals=2, lower_is_better=True))
    found = {
        "psds1": Difference(0.0231, 0.0021, 0.0402),
        "psds2": Difference(-0.0784, -0.0991, -0.0501),
        "delay_95_s": Difference(0.02, -0.3, 0.31),
    }
    assert sentence(found, "A", "B", measures=measures, confidence=0.95) == (
        "A is better than B by 0.023 of PSDS 1 (+0.002 to +0.040); "
        "B is better than A by 0.078 of PSDS 2 (-0.099 to -0.050); "
        "no difference shown in delay (-0.30 to +0.31); differences within these 95 % intervals "
        "are not ruled out"
    )
    slow = {"delay_95_s": Difference(0.5, 0.25, 0.75)}
    assert sentence(slow, "A", "B", measures=measures, confidence=0.95) == (
        "B is better than A by 0.50 of delay (+0.25 to +0.75)"
    )


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [
        (Difference(0.1, 0.05, 0.2), BETTER),
        (Difference(-0.1, -0.2, -0.05), WORSE),
        (Difference(0.1, 0.0, 0.2), NOT_SHOWN),
        (Difference(0.1, 0.05, 0.2, 0.01, 0.05), NOT_SHOWN),
        (Difference(-0.1, -0.2, 0.1, 0.01, 0.0499), WORSE),
    ],
)
def test_what_a_difference_shows(difference: Difference, outcome: str) -> None:
    assert difference.outcome(0.95) == outcome
    turned = {BETTER: WORSE, WORSE: BETTER}.get(outcome, outcome)
    assert difference.reversed().outcome(0.95) == turned
    assert difference.reversed().reversed() == difference
    assert difference.outcome(0.95, lower_is_better=True) == turned


def test_detectors_are_compared_resample_by_resample() -> None:
    generator = np.random.default_rng(0)
    names = [measure.key for measure in DETECTION]
    values = {model: {name: generator.random(201) for name in names} for model in ("a", "b")}
    values["a"]["map"][7] = np.nan
    tests = replace(SETTINGS, confidence=0.9)
    (pair, found), *_ = compare_values(values, [("a", "b")], DETECTION, tests).items()
    assert pair == ("a", "b")
    entry = write_differences(found)
    assert list(entry)[:4] == ["psds1", "psds1_low", "psds1_high", "psds1_p"]
    for name in names:
        apart = values["a"][name] - values["b"][name]
        assert entry[name] == apart[0]
        drawn = apart[1:][np.isfinite(apart[1:])]
        assert [entry[f"{name}_low"], entry[f"{name}_high"]] == list(
            np.quantile(drawn, [0.05, 0.95])
        )
        assert read_difference(entry, name) == found[name]
        error = drawn.std(ddof=1)
        assert entry[f"{name}_standard_error"] == pytest.approx(error)
        assert entry[f"{name}_p"] == pytest.approx(2 * stats.norm.sf(abs(apart[0]) / error))
    assert [entry[f"{name}_p_corrected"] for name in names] == holm(
        [entry[f"{name}_p"] for name in names]
    )
    with pytest.raises(SpikesoundError, match=r"unknown model to compare 'c'.*valid: a, b"):
        compare_values(values, [("a", "c")], DETECTION, tests)


def test_models_of_several_labels_are_compared_in_their_own_metrics() -> None:
    generator = np.random.default_rng(3)
    targets = generator.random((120, 4)) < 0.3
    tables = {}
    for name, skill in (("spiking", 0.9), ("twin", 0.1)):
        scores = np.clip(generator.random(targets.shape) + skill * targets, 0, 1)
        tables[name] = to_frame(CLIPS, ["1"] * 120, list("wxyz"), scores, targets)
    found = module.comparisons(tables, [("spiking", "twin")], ALONE, SETTINGS, multilabel=True)
    figures = found["spiking vs twin"]
    assert not any("accuracy" in key for key in figures)
    for name in multilabel.METRICS:
        assert figures[f"{name}_difference_low"] <= figures[f"{name}_difference"]
        assert figures[f"{name}_difference"] <= figures[f"{name}_difference_high"]
        assert figures[f"{name}_p_corrected"] < 0.05
    assert str(figures["verdict"]).startswith("spiking is better than twin by ")
    for measure in MULTILABEL:
        assert f"of {measure.title} (" in str(figures["verdict"])
    assert json.loads(json.dumps(found)) == found


def test_a_difference_that_does_not_exist_is_null_and_not_spoken_of() -> None:
    targets = np.tile([True, False], (120, 1))
    targets[0] = [False, True]
    scores = np.where(targets, 0.9, 0.1)  # perfect: d' is infinite in both
    table = to_frame(CLIPS, ["1"] * 120, ["x", "y"], scores, targets)
    found = module.comparisons(
        {"a": table, "b": table}, [("a", "b")], ALONE, SETTINGS, multilabel=True
    )["a vs b"]
    assert found["d_prime_difference"] is None
    assert found["d_prime_p"] == 1
    assert "d′" not in str(found["verdict"])
    lines = comparison_table({"a vs b": found}, 0.95, measures=MULTILABEL).splitlines()
    assert lines[3].split() == ["d′", *"–––––––"]


def test_a_pair_of_a_model_without_predictions_is_refused() -> None:
    with pytest.raises(SpikesoundError, match=r"unknown model to compare 'snn-b'.*valid: ann-a"):
        module.comparisons({"ann-a": predictions(0.6)}, [("snn-b", "ann-a")], ALONE, SETTINGS)


def test_the_table_of_pairs_by_hand() -> None:
    lines = comparison_table({"a vs b": figures(accuracy=0.004)}, 0.95).splitlines()
    assert [line.split() for line in lines] == [
        [
            "Pair",
            "Metric",
            "Points",
            "95",
            "%",
            "interval",
            "p",
            "p",
            "corrected",
            "Shown",
            "Equivalence",
            "Detectable",
        ],
        [
            "a",
            "vs",
            "b",
            "accuracy",
            "+5.2",
            "+2.1",
            "to",
            "+8.3",
            "0.01",
            "0.004",
            "better",
            "–",
            "–",
        ],
        [
            "macro",
            "F1",
            "-3.0",
            "-5.1",
            "to",
            "-1.0",
            "0.01",
            "1",
            "no",
            "difference",
            "shown",
            "–",
            "–",
        ],
        ["mAP", "+0.0", "+0.0", "to", "+3.4", "0.01", "1", "no", "difference", "shown", "–", "–"],
    ]
    assert len({len(line) for line in lines}) == 1


def test_models_on_other_clips_labels_or_targets_are_not_paired() -> None:
    good = predictions(0.6)
    fewer = good[good["clip_id"] != "clip0007"]
    with pytest.raises(SpikesoundError, match=r"ann-a .* snn-a-b: clip 'clip0007' is in one"):
        comparisons({"ann-a": good, "snn-a-b": fewer}, ALONE, SETTINGS)
    label = good[good["label"] != "/m/3"]
    held = label.groupby("clip_id")["target"].transform("any")
    part = good[good["clip_id"].isin(label[held]["clip_id"])]
    with pytest.raises(SpikesoundError, match="label '/m/3'"):
        comparisons({"ann-a": label[held], "snn-a-b": part}, ALONE, SETTINGS)
    turned = good.assign(
        target=np.roll(good["target"].to_numpy().reshape(-1, 4), 1, axis=1).ravel()
    )
    with pytest.raises(SpikesoundError, match="other true labels"):
        comparisons({"ann-a": good, "snn-a-b": turned}, ALONE, SETTINGS)
    with pytest.raises(SpikesoundError, match="no recording of clip 'clip0000'"):
        comparisons({"ann-a": good, "snn-a-b": good}, {}, SETTINGS)


def test_the_order_of_rows_and_labels_does_not_matter() -> None:
    tables = of_models()
    mixed = {
        name: table.sample(frac=1, random_state=3) if name == "ann-cnn" else table
        for name, table in tables.items()
    }
    assert comparisons(mixed, ALONE, SETTINGS) == comparisons(tables, ALONE, SETTINGS)


def test_without_a_spiking_model_there_is_nothing_to_compare() -> None:
    assert comparisons({"ann-a": predictions(0.6)}, ALONE, SETTINGS) == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resamples": 0}, "resamples: must be at least 1, got 0"),
        ({"permutations": 0}, "permutations: must be at least 1, got 0"),
        ({"confidence": 1.0}, r"confidence: must be between 0 and 1, got 1\.0"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, float], message: str) -> None:
    with pytest.raises(SpikesoundError, match=message):
        replace(SETTINGS, **change)  # type: ignore[arg-type]
