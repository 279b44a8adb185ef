"""The pictures of the report, each as an SVG element with its text for those who do not see it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from spikesound.evaluation.table import percent
from spikesound.report.families import family
from spikesound.report.inputs import Clip
from spikesound.report.svg import drawing, to_svg
from spikesound.report.theme import COLOURS

_TRAINING = COLOURS["baseline"]
_FULL_CELL = 0.6  # opacity of a whole row: ink stays readable on it, on a light and a dark page
_MOST_STEPS = 4  # each in its own panel; of more, the mean is shown
_MOST_NAMES = 40  # on an axis; more cannot be read
_LONGEST_NAME = 20


def features(clip: Clip, title: str, name: str) -> str:
    """Draw the clip's features over time."""
    frames, bins = clip.features.shape
    with drawing(150) as figure:
        axes = figure.subplots()
        shown = axes.imshow(
            clip.features.T.astype(np.float32),
            origin="lower",
            aspect="auto",
            extent=(0, frames / clip.frame_rate_hz, -0.5, bins - 0.5),
            cmap="magma",
            interpolation="none",
        )
        _bin_ticks(axes, clip.bin_names)
        axes.set_xlabel("Time, s")
        bar = figure.colorbar(shown, ax=axes, fraction=0.05, pad=0.02)
        bar.ax.set_title(clip.feature_unit, size=10)
        bar.outline.set_visible(False)
        low, high = float(clip.features.min()), float(clip.features.max())
        unit = f" {clip.feature_unit}" if clip.feature_unit else ""
        alt = (
            f"{title}: features of {frames / clip.frame_rate_hz:.1f} s, {bins} bins over {frames} "
            f"frames, from {low:.0f} to {high:.0f}{unit}."
        )
        return to_svg(figure, name, alt)


def raster(clip: Clip, title: str, name: str) -> str:
    """Draw where the spikes of each time step fall, side by side, or their mean where many."""
    spikes = clip.spikes
    assert spikes is not None
    steps = len(spikes)
    layers = spikes.mean(axis=0)[None] if steps > _MOST_STEPS else spikes
    top = max(float(layers.max()), 1e-9)
    span = clip.features.shape[0] / clip.frame_rate_hz
    with drawing(110) as figure:
        panels = figure.subplots(1, len(layers), sharey=True, squeeze=False)
        for step, (axes, layer) in enumerate(zip(panels.flat, layers, strict=True)):
            axes.imshow(
                _tinted(layer.T.astype(np.float64) / top, COLOURS["snn"]),
                origin="lower",
                aspect="auto",
                extent=(0, span, 0, 1),
                interpolation="none",
            )
            axes.set_title(f"All {steps} steps" if steps > _MOST_STEPS else f"Step {step + 1}")
            axes.set_yticks([0, 1], ["low", "high"])
            axes.set_xticks([0, round(span)])
        figure.supxlabel("Time, s", fontsize=10)
        alt = (
            f"{title}: spikes of {clip.spikes_of} in {steps} time steps; "
            f"{spikes.mean() * 100:.1f} % of its neurons fire in a step."
        )
        return to_svg(figure, name, alt)


def learning_curves(model: str, curves: pd.DataFrame) -> str:
    """Draw loss and validation accuracy over the epochs, a line a fold."""
    colour = COLOURS[family(model)]
    folds = list(dict.fromkeys(curves["fold"]))
    with drawing(200) as figure:
        loss, accuracy = figure.subplots(1, 2)
        for fold in folds:
            of_fold = curves[curves["fold"] == fold]
            epochs = of_fold["epoch"]
            loss.plot(epochs, of_fold["train_loss"], "--", color=_TRAINING, linewidth=0.9)
            loss.plot(epochs, of_fold["validation_loss"], color=colour, linewidth=1)
            accuracy.plot(epochs, of_fold["validation_accuracy"] * 100, color=colour, linewidth=1)
        loss.set_title("Loss")
        loss.set_ylim(bottom=0)
        keys = [Line2D([], [], color=_TRAINING, linestyle="--"), Line2D([], [], color=colour)]
        loss.legend(keys, ["training", "validation"], loc="upper right", handlelength=1.6)
        accuracy.set_title("Validation accuracy, %")
        accuracy.set_ylim(0, 100)
        for axes in (loss, accuracy):
            axes.set_xlabel("Epoch")
            axes.grid(axis="y")
        last = curves.groupby("fold")["validation_accuracy"].max()
        alt = (
            f"Learning curves of {model}, {len(folds)} {'fold' if len(folds) == 1 else 'folds'}, "
            f"up to {curves['epoch'].max()} epochs: best validation accuracy "
            f"{percent(last.min())} to {percent(last.max())} %."
        )
        return to_svg(figure, f"curves-{model}", alt)


def confusion(model: str, counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """Draw how many clips of each label (rows) were taken for each (columns)."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    short = [_short(name) for name in names]
    with drawing(390) as figure:
        axes = figure.subplots()
        cells = _tinted(share * _FULL_CELL, COLOURS[family(model)])
        axes.imshow(cells, interpolation="none", aspect="auto")
        if len(names) <= _MOST_NAMES:
            size = min(10, 260 / len(names))
            axes.set_xticks(range(len(names)), short, rotation=55, ha="right", size=size)
            axes.xaxis.set_tick_params(pad=1)
            for tick in axes.get_xticklabels():
                tick.set_rotation_mode("anchor")
            axes.set_yticks(range(len(names)), short, size=size)
            for row, column in np.argwhere(counts > 0):
                text = str(counts[row, column])
                axes.text(column, row, text, ha="center", va="center_baseline", size=size)
        axes.tick_params(length=0)
        where = "" if len(names) <= _MOST_NAMES else " (place in class order)"
        axes.set_xlabel(f"Taken for{where}")
        axes.set_ylabel(f"Actual{where}")
        for spine in axes.spines.values():
            spine.set_visible(True)
        return to_svg(figure, f"confusion-{model}", _confusion_alt(model, counts, names))


def _confusion_alt(model: str, counts: NDArray[np.int64], names: Sequence[str]) -> str:
    right, clips = int(np.trace(counts)), int(counts.sum())
    alt = f"Confusion matrix of {model}: {right} of {clips} clips named rightly"
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    if wrong.any():
        row, column = divmod(int(wrong.argmax()), len(names))
        clips = wrong[row, column]
        alt += f"; most often, {names[row]} was taken for {names[column]} ({clips} clips)"
    return alt + "."


def _tinted(strength: NDArray[np.float64], colour: str) -> NDArray[np.float64]:
    """Return an RGBA picture: the colour, as opaque as the strength (0 to 1) says."""
    picture = np.empty((*strength.shape, 4))
    picture[..., :3] = to_rgb(colour)
    picture[..., 3] = strength
    return picture


def _bin_ticks(axes: Axes, names: Sequence[str], most: int = 3) -> None:
    places = np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int))
    axes.set_yticks(places, [_short(_whole(names[int(place)])) for place in places])


def _whole(name: str) -> str:
    """Return a bin's name without ``mel`` and without decimals, which no picture needs."""
    return re.sub(r"\.\d+(?= Hz)", "", name.removeprefix("mel "))


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip(" ,") + "…"
