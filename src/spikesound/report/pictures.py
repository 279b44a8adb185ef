"""The still pictures of the report: features, spikes, confusion matrices."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikesound.report.families import Family
from spikesound.report.inputs import Clip
from spikesound.report.png import data_uri, magma, tint
from spikesound.report.svg import Panel, Picture, Tick
from spikesound.report.theme import COLOURS

_FULL_CELL = 0.6  # opacity of a whole row: ink stays readable on it, on a light and a dark page
_MOST_STEPS = 4  # each in its own panel; of more, the mean is shown
_MOST_NAMES = 40  # on an axis; more cannot be read
_LONGEST_NAME = 20
_TIME_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)
_MOST_TIMES = 6


def features(clip: Clip, title: str) -> str:
    """Return a picture of the clip's features over time."""
    frames, bins = clip.features.shape
    span_s = frames / clip.frame_rate_hz
    low, high = float(clip.features.min()), float(clip.features.max())
    share = (clip.features.T[::-1] - low) / max(high - low, 1e-9)
    unit = f" {clip.feature_unit}" if clip.feature_unit else ""
    scale = Panel(
        data_uri(np.linspace(1, 0, 64)[:, None], magma()),
        title=clip.feature_unit,
        y_ticks=[(0.03, str(round(low))), (0.97, str(round(high)))],
        width_px=12,
    )
    return Picture(
        [Panel(data_uri(share, magma()), x_ticks=time_ticks(span_s)), scale],
        height_px=150,
        alt=(
            f"{title}: features of {span_s:.1f} s, {bins} bins over {frames} frames, "
            f"from {low:.0f} to {high:.0f}{unit}."
        ),
        x_label="Time, s",
        y_ticks=_bin_ticks(clip.bin_names),
    ).svg()


def raster(clip: Clip, title: str) -> str:
    """Return a picture of the spikes of each time step side by side, or their mean where many."""
    spikes = clip.spikes
    assert spikes is not None
    steps = len(spikes)
    where, unit = (f" in {steps} time steps", "step") if steps > 1 else ("", "frame")
    layers = spikes.mean(axis=0)[None] if steps > _MOST_STEPS else spikes
    top = max(float(layers.max()), 1e-9)
    span_s = clip.features.shape[0] / clip.frame_rate_hz
    panels = [
        Panel(
            data_uri(layer.T[::-1] / top, tint(COLOURS["snn"])),
            title=_panel_title(step, steps),
            x_ticks=[(0, "0" if step == 1 else ""), (round(span_s) / span_s, str(round(span_s)))],
        )
        for step, layer in enumerate(layers, start=1)
    ]
    return Picture(
        panels,
        height_px=110,
        alt=(
            f"{title}: spikes of {clip.spikes_of}{where}; "
            f"{spikes.mean() * 100:.1f} % of its neurons fire in a {unit}."
        ),
        x_label="Time, s",
        y_ticks=[(0.05, "low"), (0.95, "high")],
    ).svg()


def confusion(model: str, counts: NDArray[np.int64], names: Sequence[str], family: Family) -> str:
    """Return a picture of how many clips of each label (rows) were predicted as each (columns)."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    readable = len(names) <= _MOST_NAMES
    places = (np.arange(len(names)) + 0.5) / len(names)
    short = [shortened(name) for name in names] if readable else []
    where = "" if readable else " (place in class order)"
    cells = [
        (places[column], 1 - places[row], str(counts[row, column]))
        for row, column in np.argwhere(counts > 0)
    ]
    image = data_uri(share * _FULL_CELL, tint(COLOURS[family]))
    return Picture(
        [Panel(image, x_ticks=list(zip(places, short, strict=False)))],
        height_px=390,
        alt=_confusion_alt(model, counts, names),
        x_label=f"Predicted{where}",
        y_label=f"Actual{where}",
        y_ticks=list(zip(1 - places, short, strict=False)),
        slanted=readable,
        tick_px=min(10, 260 / len(names)) if readable else 10,
        cells=cells if readable else (),
    ).svg()


def _panel_title(step: int, steps: int) -> str:
    if steps == 1:
        return ""
    return f"All {steps} steps" if steps > _MOST_STEPS else f"Step {step}"


def _confusion_alt(model: str, counts: NDArray[np.int64], names: Sequence[str]) -> str:
    right, clips = int(np.trace(counts)), int(counts.sum())
    alt = f"Confusion matrix of {model}: {right} of {clips} clips classified correctly"
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    if wrong.any():
        row, column = divmod(int(wrong.argmax()), len(names))
        clips = wrong[row, column]
        alt += f"; most often, {names[row]} was predicted as {names[column]} ({clips} clips)"
    return alt + "."


def time_ticks(span_s: float) -> list[Tick]:
    fitting = [step for step in _TIME_STEPS_S if span_s / step <= _MOST_TIMES]
    step = fitting[0] if fitting else span_s / _MOST_TIMES
    return [(at / span_s, f"{at:g}") for at in np.arange(0, span_s * 1.001, step).round(6)]


def _bin_ticks(names: Sequence[str], most: int = 3) -> list[Tick]:
    count = len(names)
    places = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))
    return [((place + 0.5) / count, shortened(_whole(names[int(place)]))) for place in places]


def _whole(name: str) -> str:
    """Return a bin's name without ``mel`` and without decimals, which no picture needs."""
    return re.sub(r"\.\d+(?= Hz)", "", name.removeprefix("mel "))


def shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip(" ,") + "…"
