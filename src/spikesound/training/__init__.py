"""Ways of training a spiking network, by name: from a task to a trained network."""

from __future__ import annotations

from collections.abc import Callable

from spikesound.training.methods.convert import train_converted
from spikesound.training.methods.proxy import train_proxy
from spikesound.training.methods.qcfs import train_qcfs
from spikesound.training.methods.som import train_som
from spikesound.training.methods.stdp import train_memristor, train_stdp
from spikesound.training.methods.surrogate import train_surrogate
from spikesound.training.task import Task, Trained

METHODS: dict[str, Callable[[Task], Trained]] = {
    "surrogate": train_surrogate,
    "convert": train_converted,
    "qcfs": train_qcfs,
    "proxy": train_proxy,
    "stdp": train_stdp,
    "memristor": train_memristor,
    "som": train_som,
}
