"""Learning curves: a line for each fold, that ends where training stopped."""

from __future__ import annotations

import pandas as pd
import pytest

from spikesound.report.learning import plot
from spikesound.report.theme import Look

TABLE = pd.DataFrame(
    {
        "fold": ["1", "1", "1", "2", "2"],
        "epoch": [1, 2, 3, 1, 2],
        "train_loss": [2.0, 1.0, 0.5, 2.2, 1.1],
        "validation_loss": [2.1, 1.2, 0.9, 2.3, 1.23456],
        "validation_accuracy": [0.2, 0.6, 0.7, 0.3, 0.5],
    }
)
LOOK = {"ann-cnn": Look("ann", "circle", "solid"), "snn-cnn": Look("snn", "star", "solid")}


def test_lines_are_those_of_the_table() -> None:
    made = plot({"ann-cnn": TABLE, "snn-cnn": TABLE[:3]}, LOOK, "snn-cnn")
    assert made is not None
    assert set(made.views) == {
        "ann-cnn|loss",
        "ann-cnn|accuracy",
        "snn-cnn|loss",
        "snn-cnn|accuracy",
    }
    assert made.first is made.views["snn-cnn|loss"]
    loss = made.views["ann-cnn|loss"]
    assert loss.y is not None
    assert loss.y.range == (0, pytest.approx(2.415))
    train1, train2, validation1, validation2 = loss.series
    assert (train1.family, train1.x, train1.y) == ("baseline", [1, 2, 3], [2.0, 1.0, 0.5])
    assert (train2.dash, train2.y) == ("dot", [2.2, 1.1])
    assert (validation1.family, validation1.dash) == ("ann", "solid")
    assert validation2.y == [2.3, 1.235], "four digits"
    accuracy = made.views["ann-cnn|accuracy"]
    assert [line.y for line in accuracy.series] == [[20.0, 60.0, 70.0], [30.0, 50.0]]
    assert accuracy.y is not None
    assert accuracy.y.range == (0, 100)
    assert accuracy.alt == (
        "Learning curves of ann-cnn, 2 folds, up to 3 epochs: best validation accuracy 50.0 to "
        "70.0 %."
    )
    assert made.table.rows == [
        ["ann-cnn", "2", "2 to 3", "0.9 to 1.23", "50.0 to 70.0"],
        ["snn-cnn", "1", "3 to 3", "0.9 to 0.9", "70.0 to 70.0"],
    ]


def test_the_first_with_curves_is_shown_where_the_first_has_none() -> None:
    made = plot({"ann-cnn": TABLE}, LOOK, "baseline")
    assert made is not None
    assert made.first is made.views["ann-cnn|loss"]


def test_models_that_learn_in_one_go_have_no_curves() -> None:
    assert plot({}, LOOK, "ann-cnn") is None


def test_without_a_validation_metric_the_loss_is_shown_alone() -> None:
    made = plot({"snn-cnn": TABLE.drop(columns="validation_accuracy")}, LOOK, "snn-cnn")
    assert made is not None
    assert set(made.views) == {"snn-cnn|loss"}
    assert made.first.alt == (
        "Learning curves of snn-cnn, 2 folds, up to 3 epochs: lowest validation loss 0.9 to 1.23."
    )
    assert made.table.heads[-1] == "Lowest validation loss"
