"""Metric files, the table of results, and the files that DVC plots."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scored import frame, matrix, random_matrix, status

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.columns import detection_table, markdown_table, text_table
from spikesound.evaluation.curves import (
    confusion_counts,
    curves_frame,
    read_curves,
    write_classes,
    write_confusion,
    write_curves,
)
from spikesound.evaluation.summary import Metrics, compare, model_metrics
from spikesound.params import Params
from spikesound.params.evaluation import EvaluateParams
from spikesound.tasks import multilabel
from spikesound.tasks.classification.metrics import METRICS, metrics
from spikesound.tasks.classification.scores import ScoreMatrix

RECORDINGS = {f"clip{i:04d}": f"r{i // 2}" for i in range(50)}
NAMES = {"/m/0": "Dog", "/m/1": "Rain, heavy", "/m/2": "Clock"}


@pytest.fixture
def quick(params: Params) -> EvaluateParams:
    return params.evaluate.model_copy(update={"resamples": 100})


def of_model(quick: EvaluateParams, seed: int = 0, clips: int = 40, **extras: float) -> Metrics:
    scored = random_matrix(clips, 3, seed, skill=0.4)
    predictions = frame(scored.scores, scored.targets)
    return model_metrics(predictions, status(clips), extras, quick, 1, recordings=RECORDINGS)


def test_a_models_file_is_flat_rounded_and_says_what_it_rests_on(quick: EvaluateParams) -> None:
    scored = random_matrix(30, 3, 0)
    predictions = frame(scored.scores, scored.targets)
    content = model_metrics(
        predictions,
        status(32, absent=3),
        {"spike_rate": 0.123456},
        quick,
        1,
        recordings=RECORDINGS,
    )
    for name, value in metrics(scored).items():
        assert content[name] == round(value, 4)
        assert content[f"{name}_low"] <= content[name] <= content[f"{name}_high"]
    assert (content["clips_asked"], content["clips_present"], content["clips_scored"]) == (
        35,
        32,
        30,
    )
    assert content["spike_rate"] == 0.123456
    assert json.loads(json.dumps(content)) == content
    assert not any(isinstance(value, (dict, list)) for value in content.values())


def test_the_same_seed_gives_the_same_file(quick: EvaluateParams) -> None:
    assert of_model(quick) == of_model(quick)


def test_an_extra_that_cannot_stand_in_the_file_is_named(quick: EvaluateParams) -> None:
    with pytest.raises(SpikesoundError, match="'accuracy': already exists"):
        of_model(quick, accuracy=1.0)
    with pytest.raises(SpikesoundError, match="'spike_rate': expected a finite number, got nan"):
        of_model(quick, spike_rate=float("nan"))
    with pytest.raises(SpikesoundError, match=r"'layers': expected a number or a text, got \[1\]"):
        of_model(quick, layers=[1])  # type: ignore[arg-type]


def test_the_summary_keeps_the_order_and_states_the_clips_once(quick: EvaluateParams) -> None:
    names = ["baseline-logistic", "ann-lstm", "ann-cnn", "snn-cnn-surrogate"]
    summary = compare({name: of_model(quick, seed) for seed, name in enumerate(names)})
    assert list(summary) == [*names, "dataset"]
    assert summary["dataset"]["clips_scored"] == 40
    assert "manifest" in summary["dataset"]
    assert "manifest" not in summary["ann-cnn"]
    assert set(METRICS) <= set(summary["ann-cnn"])


def test_models_on_other_clips_are_not_compared(quick: EvaluateParams) -> None:
    first = of_model(quick)
    with pytest.raises(
        SpikesoundError, match=r"snn-a-b cannot be compared with ann-a: clips_asked"
    ):
        compare({"ann-a": first, "snn-a-b": of_model(quick, clips=41)})
    with pytest.raises(SpikesoundError, match=r"manifest: expected .*got other"):
        compare({"ann-a": first, "snn-a-b": {**first, "manifest": "other"}})


def test_what_cannot_be_summarised_is_named(quick: EvaluateParams) -> None:
    with pytest.raises(SpikesoundError, match="no model"):
        compare({})
    with pytest.raises(SpikesoundError, match="model name 'dataset' is that of"):
        compare({"dataset": of_model(quick)})
    damaged = {key: value for key, value in of_model(quick).items() if key != "map_low"}
    with pytest.raises(SpikesoundError, match="metrics of ann-a: map_low missing"):
        compare({"ann-a": damaged})


def test_the_interval_of_a_model_is_over_recordings(quick: EvaluateParams) -> None:
    scored = random_matrix(40, 3, 0, skill=0.4)
    predictions = frame(scored.scores, scored.targets)
    few = {clip: str(i // 20) for i, clip in enumerate(scored.clip_ids)}
    pairs_of, of_two = (
        model_metrics(predictions, status(40), {}, quick, 1, recordings=recordings)
        for recordings in (RECORDINGS, few)
    )
    assert pairs_of["accuracy"] == of_two["accuracy"]
    assert pairs_of["accuracy_low"] != of_two["accuracy_low"]
    with pytest.raises(SpikesoundError, match="no recording of clip 'clip0000'"):
        model_metrics(predictions, status(40), {}, quick, 1, recordings={})


def test_figures_of_other_stages_join_the_summary(quick: EvaluateParams) -> None:
    models = {"ann-a": of_model(quick), "snn-a-b": of_model(quick)}
    summary = compare(models, {"snn-a-b": {"energy_nj": 12.5}})
    assert summary["snn-a-b"]["energy_nj"] == 12.5
    assert "energy_nj" not in summary["ann-a"]
    assert "energy_nj" not in models["snn-a-b"], "what was given is left as it is"
    with pytest.raises(SpikesoundError, match="unknown model with extra metrics 'snn-a-c'"):
        compare(models, {"snn-a-c": {"energy_nj": 1.0}})
    with pytest.raises(SpikesoundError, match="'accuracy': already exists"):
        compare(models, {"ann-a": {"accuracy": 1.0}})
    with pytest.raises(SpikesoundError, match="'energy_nj': expected a finite number, got inf"):
        compare(models, {"ann-a": {"energy_nj": float("inf")}})


def summary_of_two() -> dict[str, Metrics]:
    shares: Metrics = {}
    for name, value in {"accuracy": 0.9, "macro_f1": 0.8999, "map": 0.95}.items():
        shares |= {name: value, f"{name}_low": 0.85, f"{name}_high": 0.9312}
    return {
        "ann-cnn": {**shares, "parameters": 98442, "train_s_per_epoch": 1.5},
        "snn-cnn-surrogate": {
            **shares,
            "spike_rate": 0.0815,
            "parameters": 98446,
            "train_s_per_epoch": 3.0,
        },
        "dataset": {"confidence": 0.9, "clips_scored": 400},
    }


def test_the_markdown_table_by_hand() -> None:
    assert markdown_table(summary_of_two()).splitlines() == [
        "| Model | Accuracy [90 % interval] | Macro F1 | mAP | Spike rate | Parameters "
        "| Training, s/epoch | Training, × ann-cnn |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| ann-cnn | 90.0 % [85.0–93.1] | 0.900 | 0.950 | – | 98,442 | 1.50 | 1.00 |",
        "| snn-cnn-surrogate | 90.0 % [85.0–93.1] | 0.900 | 0.950 | 8.2 % | 98,446 | 3.00 | 2.00 |",
    ]


def test_costs_are_columns_where_a_model_has_them() -> None:
    summary = summary_of_two()
    summary["ann-cnn"] |= {"energy_nj": 123456.7, "memory_kb": 385.2}
    heads, _, ann, snn = markdown_table(summary).splitlines()
    assert "| Parameters | Energy, nJ/clip | Memory, kB | Training, s/epoch |" in heads
    assert "| 98,442 | 123,457 | 385 | 1.50 |" in ann
    assert "| 98,446 | – | – | 3.00 |" in snn


def test_without_the_reference_there_is_no_ratio() -> None:
    summary = summary_of_two()
    del summary["ann-cnn"]
    assert markdown_table(summary).splitlines()[2].endswith("| 3.00 | – |")


def test_the_columns_of_the_terminal_table_are_aligned() -> None:
    lines = text_table(summary_of_two()).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].index("mAP") + len("mAP") == lines[2].index("0.950") + len("0.950")


def test_the_table_of_models_with_several_labels_by_hand() -> None:
    figures = {"map": 0.5, "map_low": 0.4, "map_high": 0.6, "auc": 0.9, "lwlrap": 0.75}
    summary = {"a": {**figures, "d_prime": None}, "dataset": {"confidence": 0.9}}
    heads, _, row = markdown_table(summary).splitlines()
    assert heads.startswith("| Model | mAP [90 % interval] | AUC | d′ | lwlrap | Spike rate |")
    assert row.startswith("| a | 0.500 [0.400–0.600] | 0.900 | – | 0.750 | – |")


def test_the_table_of_detectors_by_hand() -> None:
    figures = {
        f"{name}{end}": value
        for name in ("psds1", "psds2", "event_f1", "segment_f1", "map")
        for end, value in (("", 0.5), ("_low", 0.25), ("_high", 0.75))
    }
    figures |= {"delay_median_s": 0.5, "delay_95_s": None, "missed_share": 0.125}
    figures |= {"false_alarms_per_hour": 217.6, "events_uw": 1.5, "background_uw": 1, "psds2": None}
    assert detection_table({"a": figures}).splitlines() == [
        "| Model | PSDS 1 | PSDS 2 | Event F1 | Segment F1 | mAP | Delay, s (median, 95 %) "
        "| Missed | False alarms/h | Power in sound, µW | background | silence |",
        "| --- |" + " ---: |" * 11,
        "| a | 0.500 [0.250–0.750] | – [0.250–0.750] | 0.500 [0.250–0.750] "
        "| 0.500 [0.250–0.750] | 0.500 [0.250–0.750] | 0.50, – | 0.12 | 218 | 1.50 | 1.00 | – |",
    ]


def test_the_file_of_a_model_with_several_labels(quick: EvaluateParams) -> None:
    generator = np.random.default_rng(0)
    targets = generator.random((40, 3)) < 0.4
    targets[:, 2] = False
    targets[0] = False
    table = frame(np.clip(generator.random((40, 3)) + 0.4 * targets, 0, 1), targets)
    content = model_metrics(
        table, status(40), {"spike_rate": 0.1}, quick, 1, recordings=RECORDINGS, multilabel=True
    )
    for name in multilabel.METRICS:
        assert content[f"{name}_low"] <= content[name] <= content[f"{name}_high"]
    assert (content["classes"], content["classes_scored"]) == (3, 2)
    assert "accuracy" not in content
    assert content["spike_rate"] == 0.1
    assert json.loads(json.dumps(content)) == content
    both = compare({"a": content, "b": content}, names=multilabel.METRICS)
    assert both["a"]["lwlrap"] == content["lwlrap"]


def test_a_perfect_model_has_an_infinite_d_prime_which_is_null(quick: EvaluateParams) -> None:
    targets = np.random.default_rng(1).random((40, 2)) < 0.5
    content = model_metrics(
        frame(targets * 0.9, targets),
        status(40),
        {},
        quick,
        1,
        recordings=RECORDINGS,
        multilabel=True,
    )
    assert content["d_prime"] is content["d_prime_high"] is None
    assert content["auc"] == content["map"] == 1
    assert "NaN" not in json.dumps(content)
    assert "Infinity" not in json.dumps(content)


def test_each_labels_metrics_are_a_row_of_the_classes_file(tmp_path: Path) -> None:
    targets = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=bool)
    scores = np.array([[0.9, 0.2, 0], [0.8, 0.6, 0.1], [0.4, 0.7, 0], [0.1, 0.3, 0]])
    scored = ScoreMatrix(("a", "b", "c", "d"), tuple(NAMES), scores, targets, multilabel=True)
    path = tmp_path / "classes" / "a.csv"
    write_classes(scored, NAMES, path)
    assert path.read_text().splitlines() == [
        "name,label,clips,average_precision,auc,d_prime,lwlrap",
        "Dog,/m/0,2,0.833333,0.75,0.953873,1",
        '"Rain, heavy",/m/1,2,1,1,inf,0.75',
        "Clock,/m/2,0,,,,",
    ]


def histories(epochs: int = 3) -> dict[str, pd.DataFrame]:
    one = pd.DataFrame(
        {
            "epoch": range(1, epochs + 1),
            "seconds": 0.5,
            "train_loss": 2.0,
            "validation_loss": 2.123456789,
            "validation_accuracy": 0.5,
        }
    )
    return {"1": one, "2": one.iloc[:2]}


def test_learning_curves_are_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "curves" / "ann-cnn.csv"
    write_curves(histories(), path)
    lines = path.read_text().splitlines()
    assert lines[0] == "fold,epoch,train_loss,validation_loss,validation_accuracy"
    assert lines[4] == "2,1,2,2.12346,0.5"
    assert list(read_curves(path)["fold"]) == ["1", "1", "1", "2", "2"]


def test_a_damaged_history_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match="no fold has a history"):
        curves_frame({})
    with pytest.raises(SpikesoundError, match="history of fold 1: no column epoch"):
        curves_frame({"1": histories()["1"].drop(columns="epoch")})
    with pytest.raises(SpikesoundError, match="history of fold 1: no epoch"):
        curves_frame(histories(0))
    with pytest.raises(SpikesoundError, match="no such file"):
        read_curves(tmp_path / "absent.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SpikesoundError, match=r"other.csv: expected columns .*got \['a', 'b'\]"):
        read_curves(tmp_path / "other.csv")


def test_each_clip_is_a_row_of_the_confusion_file(tmp_path: Path) -> None:
    scored = matrix(
        [[0.9, 0.1, 0], [0.2, 0.8, 0], [0.6, 0.3, 0.1]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    )
    path = tmp_path / "confusion" / "ann-cnn.csv"
    write_confusion(scored, NAMES, path)
    table = pd.read_csv(path)
    assert list(table.columns) == ["actual", "predicted"]
    assert table.to_numpy().tolist() == [
        ["Dog", "Dog"],
        ["Rain, heavy", "Rain, heavy"],
        ["Clock", "Dog"],
    ]
    assert confusion_counts(scored).tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    with pytest.raises(SpikesoundError, match="no display name of /m/2"):
        write_confusion(scored, {"/m/0": "Dog", "/m/1": "Rain"}, path)


def test_the_diagonal_of_the_confusion_is_what_accuracy_counts() -> None:
    scored = random_matrix(50, 4, 1, several=True)
    counts = confusion_counts(scored)
    assert counts.sum() == 50
    assert counts.trace() / 50 == metrics(scored)["accuracy"]
