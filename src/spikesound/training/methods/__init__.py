"""Training methods by kind: from a job to a trained network."""

from __future__ import annotations

from collections.abc import Callable

from spikesound.training.job import Job, Trained
from spikesound.training.loop import train_backprop
from spikesound.training.methods.distilled import train_distilled
from spikesound.training.methods.fine_tune import train_fine_tuned
from spikesound.training.methods.head import train_head
from spikesound.training.methods.integer import train_integer
from spikesound.training.methods.kmeans import train_kmeans
from spikesound.training.methods.linear_head import train_linear_head
from spikesound.training.methods.presentations import train_presented
from spikesound.training.methods.proxy import train_proxy
from spikesound.training.methods.pruned import train_pruned
from spikesound.training.methods.qcfs import train_qcfs
from spikesound.training.methods.regularised import train_regularised
from spikesound.training.methods.sigma_delta import train_sigma_delta
from spikesound.training.methods.single_spike import train_single_spike
from spikesound.training.methods.som import train_som
from spikesound.training.methods.stdp import train_memristor, train_stdp
from spikesound.training.methods.surrogate import train_surrogate
from spikesound.training.methods.transfer import train_transferred, train_transferred_spiking
from spikesound.training.methods.tuned import train_tuned
from spikesound.training.methods.tuned_integer import train_tuned_integer
from spikesound.training.methods.zero_shot import train_zero_shot

METHODS: dict[str, Callable[[Job], Trained]] = {
    "backprop": train_backprop,
    "fine_tune": train_fine_tuned,
    "surrogate": train_surrogate,
    "transfer": train_transferred,
    "transfer_surrogate": train_transferred_spiking,
    "convert": train_presented,
    "qcfs": train_qcfs,
    "proxy": train_proxy,
    "stdp": train_stdp,
    "memristor": train_memristor,
    "som": train_som,
    "regularised": train_regularised,
    "distilled": train_distilled,
    "integer": train_integer,
    "single_spike": train_single_spike,
    "sigma_delta": train_sigma_delta,
    "pruned": train_pruned,
    "kmeans": train_kmeans,
    "zero_shot": train_zero_shot,
    "linear_head": train_linear_head,
    "head": train_head,
    "tuned": train_tuned,
    "tuned_integer": train_tuned_integer,
}
"""The training methods by kind."""
