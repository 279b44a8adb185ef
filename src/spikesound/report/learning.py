"""Learning curves: loss and validation accuracy of each model over the epochs, a line a fold."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from spikesound.evaluation.table import percent
from spikesound.report.plot import Axis, Choice, Plot, Series, Table, View
from spikesound.report.theme import Look

_MEASURES = {"loss": "Loss", "accuracy": "Validation accuracy"}
_ACCURACY = Axis("Validation accuracy, %", range=(0, 100))
_HEADS = ["Model", "Folds", "Epochs", "Lowest validation loss", "Best validation accuracy, %"]


def plot(curves: Mapping[str, pd.DataFrame], look: Mapping[str, Look], first: str) -> Plot | None:
    """Return the learning curves of each model, or None where no model has any.

    Parameters
    ----------
    curves
        For each model its epochs: fold, epoch, train_loss, validation_loss, validation_accuracy.
    look
        Of each model.
    first
        The model that is shown first, if it has learning curves.
    """
    if not curves:
        return None
    views = {}
    for model, table in curves.items():
        alt = _alt(model, table)
        views[f"{model}|loss"] = View(_losses(model, table, look[model]), alt, y=_loss(table))
        views[f"{model}|accuracy"] = View(
            _lines(model, table, "validation_accuracy", look[model].family, percent_of=True),
            alt,
            y=_ACCURACY,
        )
    return Plot(
        id="plot-learning",
        title="Learning curves",
        x=Axis("Epoch"),
        y=Axis("Loss"),
        views=views,
        table=Table(_HEADS, [_row(model, table) for model, table in curves.items()]),
        choices=(
            Choice(
                "model",
                "Model",
                [(model, model) for model in curves],
                first if first in curves else next(iter(curves)),
            ),
            Choice("measure", "Shown", list(_MEASURES.items()), "loss"),
        ),
        height=300,
    )


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
    percent_of: bool = False,
) -> list[Series]:
    """Return a line for each fold; a line ends where its training stopped."""
    lines = []
    for fold, rows in table.groupby("fold", sort=False):
        values = rows[column] * 100 if percent_of else rows[column]
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


def _alt(model: str, table: pd.DataFrame) -> str:
    best = table.groupby("fold")["validation_accuracy"].max()
    folds = "1 fold" if len(best) == 1 else f"{len(best)} folds"
    return (
        f"Learning curves of {model}, {folds}, up to {table['epoch'].max()} epochs: best "
        f"validation accuracy {percent(best.min())} to {percent(best.max())} %."
    )


def _row(model: str, table: pd.DataFrame) -> list[str]:
    folds = table.groupby("fold")
    epochs, losses = folds["epoch"].max(), folds["validation_loss"].min()
    best = folds["validation_accuracy"].max()
    return [
        model,
        str(len(best)),
        f"{epochs.min()} to {epochs.max()}",
        f"{losses.min():.3g} to {losses.max():.3g}",
        f"{percent(best.min())} to {percent(best.max())}",
    ]
