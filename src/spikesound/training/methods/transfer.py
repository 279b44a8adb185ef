"""Transfer learning: from a trained network to other classes."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.layers import layers_of
from spikesound.snn.quantisation.weights import quantise_weights
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train
from spikesound.training.methods.surrogate import Backpropagation, step_weights
from spikesound.training.methods.truncated import check_truncation


def train_transferred(job: Job) -> Trained:
    """Return a conventional network that starts from a trained one; all layers are trained.

    The read-out is new: it has the classes of this training.

    Raises
    ------
    SpikesoundError
        If there is no network to start from, or it is another one.

    References
    ----------
    Yosinski et al. 2014, "How transferable are features in deep neural networks?"
    """
    return train(transferred(job, build(job.spec)), job)


def train_transferred_spiking(job: Job) -> Trained:
    """Return a spiking network that starts from a trained one; by surrogate gradients.

    The read-out is new: see :func:`train_transferred`. The rest is as in
    :func:`spikesound.training.methods.surrogate.train_surrogate`, of which it has the parameters.
    """
    encoding = job.spec.encoding_section()
    weights = step_weights(job.step_values) if encoding and encoding.weighted else None
    spec = job.spec.model_copy(
        update={"readout": job.method.readout, "step_weights": weights and list(weights)}
    )
    network = transferred(job, build(spec))
    if job.method.truncate_steps is not None:
        check_truncation(network)
    trained = train(network, replace(job, spec=spec), Backpropagation(job))
    if job.method.weight_bits is not None:
        quantise_weights(trained.network, job.method.weight_bits)
    return trained


def transferred(job: Job, network: nn.Module) -> nn.Module:
    """Give a new network the weights of the one to start from, but for the read-out; return it."""
    name = job.spec.model
    if job.base is None:
        raise SpikesoundError(f"{name}: transfer learning starts from a trained model")
    head = _head(network)
    weights, new = job.base.state_dict(), network.state_dict()
    for key, value in new.items():
        if key in head:
            continue
        if key not in weights or weights[key].shape != value.shape:
            raise SpikesoundError(
                f"{name}: the model to start from is another network: weights {key!r}"
            )
        new[key] = weights[key]
    network.load_state_dict(new)
    return network


def _head(network: nn.Module) -> set[str]:
    """Return the names of the weights that belong to classes."""
    readouts = [layer for layer in layers_of(network) if layer.readout]
    parts = [part for layer in readouts for part in (layer.synapses, layer.neuron)]
    parts.append(getattr(network, "attention", None))  # over frames; no layer of a stream
    inside = {module for part in parts if part is not None for module in part.modules()}
    return {
        f"{prefix}.{name}"
        for prefix, module in network.named_modules()
        if module in inside
        for name in (*module._parameters, *module._buffers)
    }
