"""Spiking and conventional networks on sound, compared by measurement.

A trained model takes a few lines::

    model = spikesound.load("data/models/detection/snn-tcn-strong")
    model.predict("street.wav"), model.detect("street.wav")

What this package offers is imported at its first use, so that ``import spikesound`` takes no time.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# OpenMP's threads spin by default while they wait for each other. When anything else runs on the
# machine, torch is then many times slower; sleeping costs nothing measurable when nothing does.
# It must be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if TYPE_CHECKING:
    from spikesound.apps.api import (
        NONE,
        Event,
        FrameResult,
        Model,
        Prediction,
        Stream,
        Window,
        cost,
        load,
    )
    from spikesound.apps.train.run import train
    from spikesound.core.errors import SpikesoundError

__all__ = [
    "NONE",
    "Event",
    "FrameResult",
    "Model",
    "Prediction",
    "SpikesoundError",
    "Stream",
    "Window",
    "cost",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "train":  # by the pipeline, whose packages the use of a model does not need
        from spikesound.core.extras import needing

        with needing("pipeline"):
            return import_module("spikesound.apps.train.run").train
    return getattr(import_module("spikesound.apps.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
