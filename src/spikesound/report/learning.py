"""Learning curves: loss and validation metric of each model over the epochs, a line a fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from spikesound.evaluation.measures import CLASSIFICATION, DETECTION, Measure
from spikesound.report.numbers import value_of
from spikesound.report.plot import Axis, Choice, Plot, Series, Table, View
from spikesound.report.theme import Look

_MEASURES = {measure.key: measure for measure in (*CLASSIFICATION, *DETECTION)}
_PREFIX = "validation_"
_HEADS = ["Model", "Folds", "Epochs", "Lowest validation loss"]


def plot(curves: Mapping[str, pd.DataFrame], look: Mapping[str, Look], first: str) -> Plot | None:
    """Return the learning curves of each model, or None where no model has any.

    Parameters
    ----------
    curves
        For each model its epochs: fold, epoch, train_loss, validation_loss, and its task's
        figures, such as validation_accuracy.
    look
        Of each model.
    first
        The model that is shown first, if it has learning curves.
    """
    if not curves:
        return None
    views = {}
    measures = _measures(curves)
    for model, table in curves.items():
        alt = _alt(model, table, measures)
        views[f"{model}|loss"] = View(_losses(model, table, look[model]), alt, y=_loss(table))
        for measure in measures:
            views[f"{model}|{measure.key}"] = View(
                _lines(
                    model,
                    table,
                    _PREFIX + measure.key,
                    look[model].family,
                    scale=100 if measure.in_points else 1,
                ),
                alt,
                y=_axis(measure),
            )
    choices = [("loss", "Loss"), *((m.key, f"Validation {m.title}") for m in measures)]
    heads = [*_HEADS, *(f"Best validation {_with_unit(measure)}" for measure in measures)]
    return Plot(
        id="plot-learning",
        title="Learning curves",
        x=Axis("Epoch"),
        y=Axis("Loss"),
        views=views,
        table=Table(heads, [_row(model, table, measures) for model, table in curves.items()]),
        choices=(
            Choice(
                "model",
                "Model",
                [(model, model) for model in curves],
                first if first in curves else next(iter(curves)),
            ),
            Choice("measure", "Shown", choices, "loss"),
        ),
        height=300,
    )


def _measures(curves: Mapping[str, pd.DataFrame]) -> list[Measure]:
    """Return the validation metrics that every model has."""
    columns = [set(table.columns) for table in curves.values()]
    shared = set.intersection(*columns)
    return [measure for key, measure in _MEASURES.items() if _PREFIX + key in shared]


def _with_unit(measure: Measure) -> str:
    return f"{measure.title}, %" if measure.in_points else measure.title


def _axis(measure: Measure) -> Axis:
    top = 100 if measure.in_points else 1
    return Axis(f"Validation {_with_unit(measure)}", range=(0, top))


def _loss(table: pd.DataFrame) -> Axis:
    top = max(float(table[column].max()) for column in ("train_loss", "validation_loss"))
    return Axis("Loss (grey, dotted: training)", range=(0, 1.05 * top))


def _losses(model: str, table: pd.DataFrame, look: Look) -> list[Series]:
    training = _lines(model, table, "train_loss", "baseline", dash="dot")
    return training + _lines(model, table, "validation_loss", look.family)


def _lines(
    model: str,
    table: pd.DataFrame,
    column: str,
    family: str,
    *,
    dash: str = "solid",
    scale: float = 1,
) -> list[Series]:
    """Return a line for each fold; a line ends where its training stopped."""
    lines = []
    for fold, rows in table.groupby("fold", sort=False):
        values = rows[column] * scale
        # Four digits: what can be seen, and a page that stays small.
        lines.append(
            Series(
                name=f"{model}, fold {fold}",
                family=family,
                symbol="circle",
                dash=dash,
                x=[int(epoch) for epoch in rows["epoch"]],
                y=[float(f"{value:.4g}") for value in values],
                kind="thin",
            )
        )
    return lines


def _alt(model: str, table: pd.DataFrame, measures: Sequence[Measure]) -> str:
    count = table["fold"].nunique()
    folds = "1 fold" if count == 1 else f"{count} folds"
    losses = table.groupby("fold")["validation_loss"].min()
    best = [
        f"best validation {measure.title} {_best(table, measure)}"
        + (" %" if measure.in_points else "")
        for measure in measures
    ] or [f"lowest validation loss {losses.min():.3g} to {losses.max():.3g}"]
    return (
        f"Learning curves of {model}, {folds}, up to {table['epoch'].max()} epochs: "
        f"{', '.join(best)}."
    )


def _row(model: str, table: pd.DataFrame, measures: Sequence[Measure]) -> list[str]:
    folds = table.groupby("fold")
    epochs, losses = folds["epoch"].max(), folds["validation_loss"].min()
    return [
        model,
        str(len(epochs)),
        f"{epochs.min()} to {epochs.max()}",
        f"{losses.min():.3g} to {losses.max():.3g}",
        *(_best(table, measure) for measure in measures),
    ]


def _best(table: pd.DataFrame, measure: Measure) -> str:
    """Return the lowest and the highest of the folds' best values, without the sign of percent."""
    best = table.groupby("fold")[_PREFIX + measure.key].max()
    ends = (value_of(measure, best.min()), value_of(measure, best.max()))
    return " to ".join(end.removesuffix(" %") for end in ends)
