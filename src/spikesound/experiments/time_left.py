"""How long the rows of an experiment will take that are still missing, from those that are done."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from spikesound.experiments.row import Row, with_bases
from spikesound.params import Model, Params

UNIT_S = 0.75
"""Seconds of an epoch of the default conventional CNN, until a row was timed."""

PER_STEP = 0.5
"""An epoch of a spiking network at each time step, over one of its conventional twin."""

LEAST = 0.2
"""Share of the seconds expected below which a row's trainings were found, not done."""

DEFAULT_CHANNELS = [16, 32, 64, 128]


class TimeLeft:
    """Seconds that rows took, over what they were expected to take."""

    def __init__(self) -> None:
        self._seconds = self._work = 0.0

    def add(self, row: Row, seconds: float) -> None:
        """Count a row that was done now; one whose trainings were found says nothing."""
        work = work_of(row)
        if seconds >= LEAST * UNIT_S * work:
            self._seconds += seconds
            self._work += work

    def hours(self, rows: Sequence[Row]) -> float:
        """Return the hours that rows will take, if none of their trainings is there."""
        unit = self._seconds / self._work if self._work else UNIT_S
        return unit * sum(work_of(row) for row in rows) / 3600


def work_of(row: Row) -> float:
    """Return the work of a row's trainings, in epochs of the default conventional CNN."""
    trained = with_bases(row.model, row.params)
    return len(row.folds) * sum(_work(model, row.params) for model in trained)


def _work(model: Model, params: Params) -> float:
    if model.method_params.own_network:
        return 20.0
    steps = params.encodings[params.encoding].steps if model.row.reads == "spikes" else 0
    levels = 2.0 if model.method_params.direct else 0.0  # trained as its twin
    each = 1.0 if levels or not steps else 0.4 + PER_STEP * steps
    return model.epochs * each * max(0.3, _width(model))


def _width(model: Model) -> float:
    channels = getattr(model.network_params, "channels", None)
    return 1.0 if channels is None else _products(channels) / _products(DEFAULT_CHANNELS)


def _products(channels: Sequence[int]) -> float:
    widths = [1, *channels]
    return float(
        sum(one * other * 4.0**-depth for depth, (one, other) in enumerate(pairwise(widths)))
    )
