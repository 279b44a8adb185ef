"""Ways of training a spiking network, by name: from a task to a trained network."""

from __future__ import annotations

from collections.abc import Callable

from spikesound.training.convert import train_converted
from spikesound.training.proxy import train_proxy
from spikesound.training.qcfs import train_qcfs
from spikesound.training.surrogate import train_surrogate
from spikesound.training.task import Task, Trained

METHODS: dict[str, Callable[[Task], Trained]] = {
    "surrogate": train_surrogate,
    "convert": train_converted,
    "qcfs": train_qcfs,
    "proxy": train_proxy,
}
