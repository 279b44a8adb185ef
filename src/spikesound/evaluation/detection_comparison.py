"""Detectors side by side, and each spiking one less its conventional twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.evaluation.detection_baseline import MODEL

Values = Mapping[str, npt.NDArray[np.float64]]

COMPARED = ("psds1", "psds2", "event_f1", "segment_f1", "map")
"""Metrics of which the differences are given."""

TWINS = {"snn-tcn": "ann-tcn", "snn-alif": "ann-gru"}
"""Of ``tcn`` the same network with ReLU; of ``alif`` the conventional recurrent one."""


def pairs(models: Sequence[str], labels: Sequence[str]) -> list[tuple[str, str]]:
    """Return each spiking detector with its twin, and every detector with the baseline."""
    twins = [
        (f"{spiking}-{kind}", f"{twin}-{kind}")
        for spiking, twin in TWINS.items()
        if spiking in models and twin in models
        for kind in labels
    ]
    return twins + [(f"{model}-{kind}", MODEL) for model in models for kind in labels]


def difference(first: Values, second: Values, confidence: float) -> dict[str, float]:
    """Return each metric of the first less that of the second, with its interval.

    Both met the same resamples of clips: the interval is that of a paired percentile bootstrap.
    """
    found: dict[str, float] = {}
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    for name in COMPARED:
        whole, *drawn = first[name] - second[name]
        low, high = np.quantile([value for value in drawn if np.isfinite(value)], tails)
        found |= {name: float(whole), f"{name}_low": float(low), f"{name}_high": float(high)}
    return found


def verdict(first: str, second: str, found: Mapping[str, float]) -> str:
    """Say in a sentence which of two has the better PSDS, if a difference is shown."""
    parts = []
    for name, key in (("PSDS 1", "psds1"), ("PSDS 2", "psds2")):
        low, high = found[f"{key}_low"], found[f"{key}_high"]
        shown = "no difference shown" if low <= 0 <= high else "better" if low > 0 else "worse"
        parts.append(f"{name} {found[key]:+.3f} [{low:+.3f}, {high:+.3f}], {shown}")
    return f"{first} less {second}: {'; '.join(parts)}"


def markdown(
    metrics: Mapping[str, Mapping[str, Any]], power: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return the table of detectors in Markdown.

    Parameters
    ----------
    metrics : of each detector
    power : microwatts in ``events``, ``background`` and ``silence``, of those that were counted
    """
    heads = [
        "Model", "PSDS 1", "PSDS 2", "Event F1", "Segment F1", "mAP", "Delay, s (median, 95 %)",
        "Missed", "False alarms/h", "Power in sound, µW", "background", "silence",
    ]  # fmt: skip
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for name, found in metrics.items():
        uw = power.get(name, {})
        lines.append(
            [
                name,
                *(_ranged(found, key) for key in COMPARED),
                f"{_number(found['delay_median_s'], 2)}, {_number(found['delay_95_s'], 2)}",
                _number(found["missed_share"], 2),
                _number(found["false_alarms_per_hour"], 0),
                *(_number(uw.get(kind), 2) for kind in ("events", "background", "silence")),
            ]
        )
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _ranged(found: Mapping[str, Any], key: str) -> str:
    value, low, high = (_number(found[f"{key}{end}"], 3) for end in ("", "_low", "_high"))
    return f"{value} [{low}–{high}]"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
