"""What the server tells the page, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.apps.live.traced import Moment, Seen, layer_sizes
from spikesound.models.detector_spec import DetectorSpec
from spikesound.models.networks.detector import Detector

ROWS = 24
"""A layer is shown in so many rows at most, each of so many neighbouring neurons."""


def about(spec: DetectorSpec, network: Detector, formats: Iterable[str]) -> dict[str, Any]:
    """Return what the page must know of the model before it hears.

    Parameters
    ----------
    formats : of labels, by name
    """
    decision = spec.decision
    assert decision is not None
    sizes = layer_sizes(spec, network)
    return {
        "model": spec.model,
        "spiking": spec.neuron is not None or spec.recurrent is not None,
        "hop_s": spec.front_end.hop_s,
        "bins": spec.bins,
        "layers": [{"neurons": size, "rows": min(ROWS, size)} for size in sizes],
        "classes": [
            {"id": label, "name": name, "threshold": threshold}
            for label, name, threshold in zip(
                spec.classes, spec.names, decision.thresholds, strict=True
            )
        ],
        "formats": list(formats),
    }


def told(moment: Moment, thresholds: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return what a piece of sound gave.

    ``seen``: for each frame the features and, layer by layer, the share of neurons of each row that
    spiked, all as 0 to 255, and the spikes per neuron. ``heard``: for each frame that is decided
    the scores, and which classes sound, by the thresholds. ``events``: those that ended.
    """
    return {
        "seen": [_seen(seen) for seen in moment.seen],
        "heard": [
            {
                "scores": [round(float(score), 4) for score in heard.scores],
                "active": (heard.scores >= thresholds).tolist(),
            }
            for heard in moment.heard
        ],
        "events": [event._asdict() for event in moment.ended],
    }


def _seen(seen: Seen) -> dict[str, Any]:
    return {
        "mel": _bytes(seen.features),
        "layers": [_bytes(_rows(layer)) for layer in seen.spikes],
        "rates": [round(float(layer.mean()), 4) for layer in seen.spikes],
        "rate": round(seen.rate, 4),
    }


def _rows(layer: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Average neighbouring neurons to at most ROWS rows."""
    bounds = np.linspace(0, len(layer), min(ROWS, len(layer)) + 1).astype(int)
    sums: npt.NDArray[np.float32] = np.add.reduceat(layer, bounds[:-1])
    return (sums / np.diff(bounds)).astype(np.float32)


def _bytes(values: npt.NDArray[np.float32]) -> list[int]:
    return [int(value) for value in np.clip(np.round(255 * values), 0, 255)]
