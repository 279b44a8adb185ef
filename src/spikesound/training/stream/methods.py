"""Training methods of streamed clips, by kind: those that are one run of the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from spikesound.models.build import build
from spikesound.params import SurrogateParams
from spikesound.snn.quantisation.weights import quantise_weights
from spikesound.training.job import Job, Trained
from spikesound.training.methods.integer import train_integer
from spikesound.training.methods.surrogate import Backpropagation, step_weights
from spikesound.training.methods.truncated import check_truncation
from spikesound.training.stream.loop import train_streamed


def stream_backprop(job: Job) -> Trained:
    """Return a conventional network trained by backpropagation."""
    return train_streamed(build(job.spec), job)


def stream_surrogate(job: Job) -> Trained:
    """Return a spiking network trained as by
    :func:`spikesound.training.methods.surrogate.train_surrogate`.
    """
    method: SurrogateParams = job.method
    encoding = job.spec.encoding_section()
    weights = step_weights(job.step_values) if encoding and encoding.weighted else None
    update = {"readout": method.readout, "step_weights": weights and list(weights)}
    network = build(job.spec.model_copy(update=update))
    if method.truncate_steps is not None:
        check_truncation(network)
    spec = job.spec.model_copy(update=update)
    trained = train_streamed(network, replace(job, spec=spec), Backpropagation(job))
    if method.weight_bits is not None:
        quantise_weights(trained.network, method.weight_bits)
    return trained


def stream_integer(job: Job) -> Trained:
    """Return a network trained as by :func:`spikesound.training.methods.integer.train_integer`."""
    return train_integer(job, train_streamed)


STREAM_METHODS: dict[str, Callable[[Job], Trained]] = {
    "backprop": stream_backprop,
    "surrogate": stream_surrogate,
    "integer": stream_integer,
}
"""The methods that train on streamed clips."""
