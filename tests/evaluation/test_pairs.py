"""The pairs of models that are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from spikesound.evaluation.pairs import all_pairs, in_order, pair_key, twin_pairs
from spikesound.params import Params
from spikesound.params.table import Model

BASELINE = "baseline-logistic"
ROOT = Path(__file__).resolve().parents[2]


def of_task(params: Params, task: str) -> dict[str, Model]:
    return {name: model for name, model in params.table().items() if model.task == task}


def renamed(table: dict[str, Model], **names: str) -> dict[str, Model]:
    """Return models under other names: a row's name says nothing of it."""
    return {name: table[names[name].replace("_", "-")] for name in names}


def test_each_spiking_model_meets_its_twin_first_and_all_others(params: Params) -> None:
    table = of_task(params, "classification")
    models = renamed(
        table,
        b="ann_lstm",
        quantised="ann_cnn_int8",
        twin="ann_cnn",
        a="ann_gru",
        z="snn_cnn_surrogate",
        fires="snn_cnn_surrogate",
    )
    assert in_order(models, BASELINE) == [BASELINE, "a", "b", "quantised", "twin", "fires", "z"]
    found = all_pairs(models, BASELINE)
    against = ["quantised", "twin", "a", "b", BASELINE]
    assert [other for name, other in found if name == "z"] == against
    assert [other for name, other in found if name == "fires"] == [*against, "z"]
    assert found[-1] == ("fires", "z"), "among each other, once"
    assert len(found) == len(set(found)) == 11


def test_without_a_spiking_model_there_are_no_pairs(params: Params) -> None:
    table = of_task(params, "classification")
    conventional = {name: model for name, model in table.items() if not model.spiking}
    assert conventional
    assert all_pairs(conventional, BASELINE) == []


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_the_default_runs_pairs_are_those_of_its_files(task: str, params: Params) -> None:
    models = of_task(params, task)
    if task == "detection":
        stored = pd.read_csv(ROOT / "metrics/detection/compared/comparisons.csv")["pair"]
        assert [pair_key(pair) for pair in twin_pairs(models, "baseline-mel")] == list(stored)
    else:
        summary = json.loads((ROOT / "metrics/classification/summary.json").read_text())
        assert in_order(models, BASELINE) == [name for name in summary if name != "dataset"]
        assert len(all_pairs(models, BASELINE)) == 8
