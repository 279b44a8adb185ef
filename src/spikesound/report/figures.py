"""The pictures of the report, each as an SVG element with its text for those who do not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from spikesound.evaluation.summary import Metrics, family
from spikesound.evaluation.table import percent
from spikesound.report.inputs import Example
from spikesound.report.svg import INK, drawing, to_svg

# Mid-tones, each at least 3:1 against a white and against a near-black page.
COLOURS = {"baseline": "#7d8590", "ann": "#3b82f6", "snn": "#e8590c"}

_TRAINING = COLOURS["baseline"]
_CELL = "#2563eb"
_DARK_CELL = 0.7  # share from which white reads better than ink on a light page
_MOST_STEPS = 4  # each in its own panel; more are summed
_MOST_NAMES = 40  # on an axis; more cannot be read
_LONGEST_NAME = 20


def accuracy_intervals(summary: Mapping[str, Metrics]) -> str:
    """Draw each model's accuracy as a dot on its interval."""
    models = [name for name in summary if name != "dataset"]
    confidence = f"{float(summary['dataset']['confidence']) * 100:g} %"
    told = []
    with drawing(52 + 26 * len(models)) as figure:
        axes = figure.subplots()
        for row, name in enumerate(models):
            figures = summary[name]
            at, low, high = (
                float(figures[key]) * 100 for key in ("accuracy", "accuracy_low", "accuracy_high")
            )
            colour = COLOURS[family(name)]
            axes.plot([low, high], [row, row], color=colour, linewidth=2.5, solid_capstyle="round")
            axes.plot([at], [row], "o", color=colour, markersize=7)
            told.append(f"{name} {at:.1f} % ({low:.1f} to {high:.1f})")
        axes.set_yticks(range(len(models)), models)
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.set_xlabel(f"Accuracy, % (bar: {confidence} interval)")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        alt = f"Accuracy of each model with its {confidence} interval: {'; '.join(told)}."
        return to_svg(figure, "accuracy", alt)


def wave_and_features(example: Example, title: str) -> str:
    """Draw the clip's wave over its features, on one axis of time."""
    seconds = len(example.samples) / example.rate_hz
    frames, bins = example.features.shape
    with drawing(300) as figure:
        wave, image = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2])
        times, low, high = _envelope(example.samples, seconds)
        wave.fill_between(times, low, high, color=COLOURS["ann"], linewidth=0.4)
        wave.set_ylabel("Amplitude")
        wave.tick_params(axis="x", length=0, labelbottom=False)
        span = frames / example.frame_rate_hz
        shown = image.imshow(
            example.features.T.astype(np.float32),
            origin="lower",
            aspect="auto",
            extent=(0, span, -0.5, bins - 0.5),
            cmap="magma",
            interpolation="none",
        )
        _bin_ticks(image, example.bin_names)
        image.set_xlim(0, max(span, seconds))
        image.set_xlabel("Time, s")
        bar = figure.colorbar(shown, ax=image, fraction=0.05, pad=0.02)
        bar.ax.set_title(example.feature_unit, size=10)
        bar.outline.set_visible(False)
        alt = (
            f"{title}: wave over {seconds:.1f} s, and its features below it, {bins} bins "
            f"over {frames} frames."
        )
        return to_svg(figure, "wave", alt)


def spike_raster(example: Example, title: str) -> str:
    """Draw the spikes of each time step side by side, or their number where there are many."""
    spikes = example.spikes
    assert spikes is not None
    steps = len(spikes)
    summed = steps > _MOST_STEPS
    layers = spikes.sum(axis=0)[None] / max(1, spikes.sum(axis=0).max()) if summed else spikes
    span = example.features.shape[0] / example.frame_rate_hz
    columns = 1 if len(layers) == 1 else 2
    rows = -(-len(layers) // columns)
    with drawing(300 if rows > 1 else 240) as figure:
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in panels.flat[len(layers) :]:
            axes.set_visible(False)
        for step, (axes, layer) in enumerate(zip(panels.flat, layers, strict=False)):
            axes.imshow(
                _tinted(layer.T.astype(np.float64), COLOURS["snn"]),
                origin="lower",
                aspect="auto",
                extent=(0, span, -0.5, layer.shape[1] - 0.5),
                interpolation="none",
            )
            axes.set_title(f"All {steps} steps" if summed else f"Step {step + 1} of {steps}")
            _bin_ticks(axes, example.bin_names)
        figure.supxlabel("Time in the clip, s", fontsize=11)
        alt = (
            f"{title} in {example.encoding} coding: {int(spikes.sum())} spikes in {steps} time "
            f"steps, {spikes.mean() * 100:.1f} % of all places."
        )
        return to_svg(figure, "spikes", alt)


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
        axes.imshow(_tinted(share, _CELL), interpolation="none", aspect="auto")
        if len(names) <= _MOST_NAMES:
            size = min(10, 260 / len(names))
            axes.set_xticks(range(len(names)), short, rotation=55, ha="right", size=size)
            axes.xaxis.set_tick_params(pad=1)
            for tick in axes.get_xticklabels():
                tick.set_rotation_mode("anchor")
            axes.set_yticks(range(len(names)), short, size=size)
            for row, column in np.argwhere(counts > 0):
                colour = "white" if share[row, column] > _DARK_CELL else INK
                text = str(counts[row, column])
                axes.text(
                    column, row, text, ha="center", va="center_baseline", color=colour, size=size
                )
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


def _envelope(
    samples: NDArray[np.floating], seconds: float, columns: int = 600
) -> tuple[NDArray[np.float64], NDArray[np.floating], NDArray[np.floating]]:
    """Return times, lowest and highest sample of equal stretches: all that a picture can show."""
    starts = np.linspace(0, len(samples), min(columns, len(samples)), endpoint=False, dtype=int)
    low = np.minimum.reduceat(samples, starts)
    high = np.maximum.reduceat(samples, starts)
    return starts / len(samples) * seconds, low, high


def _tinted(strength: NDArray[np.float64], colour: str) -> NDArray[np.float64]:
    """Return an RGBA picture: the colour, as opaque as the strength (0 to 1) says."""
    picture = np.empty((*strength.shape, 4))
    picture[..., :3] = to_rgb(colour)
    picture[..., 3] = strength
    return picture


def _bin_ticks(axes: Axes, names: Sequence[str], most: int = 5) -> None:
    places = np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int))
    axes.set_yticks(places, [_short(names[int(place)]) for place in places])


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip(" ,") + "…"
