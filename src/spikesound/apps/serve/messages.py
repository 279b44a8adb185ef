"""Messages from the server to the page, as JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.apps.live.traced import TracedChunk, TracedFrame, layer_sizes
from spikesound.features.mel_scale import mel_frequencies_hz
from spikesound.inference.backends import streaming
from spikesound.models.calibration import NONE
from spikesound.models.loading import TrainedModel

TICKS_HZ = (500, 1000, 2000, 5000, 10_000)
ROWS = 24
"""Rows that a layer is shown in at most; each is the mean of neighbouring neurons."""

LIMIT = 2.0
"""Membrane potentials are sent from minus to plus so many thresholds."""


def about(model: TrainedModel, formats: Iterable[str]) -> dict[str, Any]:
    """Return the model's description, which the page reads before any sound.

    Parameters
    ----------
    formats : of labels, by name
    """
    spec, decision = model.spec, model.spec.decision
    assert decision is not None
    sizes = layer_sizes(model)
    network: Any = model.network
    return {
        "model": spec.model,
        "spiking": bool(sizes),
        "membranes": LIMIT if streaming(network)[0] == "event_driven" else None,
        "hop_s": model.front_end.hop_s,
        "bins": spec.bins,
        "input": "Mel spectrogram" if _is_mel(model) else "Features",
        "ticks": _ticks(model),
        "layers": [{"neurons": size, "rows": min(ROWS, size)} for size in sizes],
        "classes": [
            {"id": label, "name": name, "threshold": threshold}
            for label, name, threshold in zip(
                spec.classes, spec.names, decision.thresholds, strict=True
            )
        ],
        "formats": list(formats),
    }


def describe(
    chunk: TracedChunk, thresholds: npt.NDArray[np.float64], levels: list[float]
) -> dict[str, Any]:
    """Return the message for a chunk of sound.

    ``frames``: for each processed frame the features and, layer by layer, the share of neurons of
    each row that spiked, all as 0 to 255; the spikes per neuron; and ``spikes``, a bit a neuron,
    each layer filled up to whole bytes, as base64; where they are traced, ``potentials``, a byte a
    neuron, 0 to 255 for minus to plus :data:`LIMIT` thresholds, as base64. ``results``: for each
    frame whose result is known the scores, and which classes are at or above their thresholds.
    ``opened``: the events that began, ``events``: those that ended, under the labels that they
    began with, and whether they are ``refused``: of none of the classes. ``levels``: of the frames
    whose samples are complete, in dB of full scale.
    """
    return {
        "frames": [_frame(frame) for frame in chunk.traced],
        "results": [
            {
                "scores": [round(float(score), 4) for score in result.scores],
                "active": (result.scores >= thresholds).tolist(),
            }
            for result in chunk.results
        ],
        "opened": [event._asdict() for result in chunk.results for event in result.opened],
        "events": [
            {**event._asdict(), "label": label, "refused": event.label == NONE}
            for event, label in zip(chunk.ended, chunk.ended_as, strict=True)
        ],
        "levels": levels,
    }


def _is_mel(model: TrainedModel) -> bool:
    return list(model.front_end.features.kinds) == ["mel"]


def _ticks(model: TrainedModel) -> list[dict[str, Any]]:
    """Return marks of the input's axis: a frequency in Hz, and the bin, with fractions."""
    if not _is_mel(model):
        return []
    features = model.front_end.features
    low_hz, high_hz = features.low_hz, features.high_hz
    centres_hz = mel_frequencies_hz(features.mels + 2, low_hz, high_hz)[1:-1]
    bins = np.interp(TICKS_HZ, centres_hz, np.arange(features.mels))
    return [
        {"hz": hz, "bin": round(float(at), 2)}
        for hz, at in zip(TICKS_HZ, bins, strict=True)
        if centres_hz[0] < hz < centres_hz[-1]
    ]


def _frame(frame: TracedFrame) -> dict[str, Any]:
    message = {
        "mel": _bytes(frame.features),
        "layers": [_bytes(_rows(layer)) for layer in frame.spikes],
        "rates": [round(float(layer.mean()), 4) for layer in frame.spikes],
        "rate": round(frame.rate, 4),
        "spikes": _bits(frame.spikes),
    }
    if frame.potentials:
        message["potentials"] = _levels(np.concatenate(frame.potentials))
    return message


def _levels(potentials: npt.NDArray[np.float32]) -> str:
    """Return potentials as a byte each, as base64."""
    within = np.clip(potentials, -LIMIT, LIMIT)
    levels = np.round((within + LIMIT) * (255 / (2 * LIMIT))).astype(np.uint8)
    return base64.b64encode(levels.tobytes()).decode()


def _bits(layers: list[npt.NDArray[np.float32]]) -> str:
    return base64.b64encode(b"".join(np.packbits(layer > 0).tobytes() for layer in layers)).decode()


def _rows(layer: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Average neighbouring neurons to at most ROWS rows."""
    bounds = np.linspace(0, len(layer), min(ROWS, len(layer)) + 1).astype(int)
    sums: npt.NDArray[np.float32] = np.add.reduceat(layer, bounds[:-1])
    return (sums / np.diff(bounds)).astype(np.float32)


def _bytes(values: npt.NDArray[np.float32]) -> list[int]:
    return [int(value) for value in np.clip(np.round(255 * values), 0, 255)]
