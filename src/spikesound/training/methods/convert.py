"""Conversion: a trained conventional network's weights, rescaled for neurons that count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.folding import fold
from spikesound.models.layers import Layer, hidden, layers_of
from spikesound.models.networks.clip_pooling import copy_attention
from spikesound.params import ConvertParams, IFParams
from spikesound.snn.neurons.if_ import IF
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train, validate
from spikesound.training.methods.percentiles import percentiles
from spikesound.training.methods.surrogate import step_weights

# The spike's derivative is not used: a converted network is not trained any more.
NEURON = IFParams(threshold=1.0, initial=0.5, surrogate="atan", slope=2.0)


def train_converted(job: Job) -> Trained:
    """Return the ANN twin, trained on decoded spikes and converted.

    The twin's input is, as its single step, the sum of the decoding weights of the input's spikes
    (:attr:`spikesound.snn.encoding.Encoding.step_values`); for direct coding those are the
    features. It is trained by the same recipe. Thresholds are balanced on the training clips: with
    :math:`\\lambda_l` the given percentile of layer l's activations,

    .. math:: w_l \\leftarrow w_l \\frac{\\lambda_{l-1}}{\\lambda_l}, \\qquad
              b_l \\leftarrow \\frac{b_l}{\\lambda_l}, \\qquad \\theta_l = 1

    so that a neuron's spikes per step stand for its activation over :math:`\\lambda_l`.

    Returns
    -------
    The converted network; its result has the twin's accuracy on the same validation clips as
    ``source_accuracy``.

    References
    ----------
    Diehl et al. 2015, "Fast-classifying, high-accuracy spiking deep networks through weight and
    threshold balancing"; Rueckauer et al. 2017, "Conversion of continuous-valued deep networks to
    efficient event-driven networks for image classification", section 2 (percentile, batch norm).
    """
    method: ConvertParams = job.method
    source = train_source(job, "relu", {})

    def balanced(network: nn.Module) -> list[float]:
        clips = job.training.decoded(job.step_values)
        return percentiles(network, clips, method.percentile, job.recipe.batch_clips)

    return convert(job, source, balanced)


def train_source(job: Job, activation: str, params: dict[str, int]) -> Trained:
    """Return the twin with the given activation, trained on decoded inputs, at one time step.

    Raises
    ------
    SpikesoundError
        If the network cannot be converted, before anything is trained.
    """
    spec = job.spec.with_neuron(activation, params, steps=1, encoding=None, encoding_params=None)
    check_convertible(build(spec))
    decoded = replace(
        job,
        spec=spec,
        training=job.training.decoded(job.step_values),
        validation=job.validation.decoded(job.step_values),
    )
    return train(build(spec), decoded)


CONVERTIBLE = ("convolution", "linear", "pooling", "frame_pooling")
"""Kinds of layers that a spiking network computes by rates as a conventional one by values."""


def check_convertible(network: nn.Module) -> None:
    """Check that a network is one feed-forward layer behind the other, with norms that fold.

    Raises
    ------
    SpikesoundError
        If it is not; the message names the layer.
    """
    for layer in layers_of(network):
        if layer.kind not in CONVERTIBLE or layer.by_frame or layer.reads:
            raise SpikesoundError(
                f"layer {layer.name!r} ({layer.kind}) cannot be converted; expected layers one "
                f"behind the other, of kinds {', '.join(CONVERTIBLE)}"
            )
    fold(network)


def convert(job: Job, source: Trained, scales: Callable[[nn.Module], Sequence[float]]) -> Trained:
    """Return the spiking network of a trained twin.

    Parameters
    ----------
    scales : returns, of the twin with its batch norms folded, each hidden layer's activation that a
        spike at every step stands for
    """
    twin = source.network.eval()
    fold(twin)
    found = list(scales(twin))
    spec = job.spec.with_neuron(
        "integrate_and_fire",
        NEURON,
        folded=True,
        step_weights=list(step_weights(job.step_values)) if job.training.spikes else None,
    )
    network = build(spec, lambda: IF(NEURON))
    before = 1.0
    with torch.no_grad():
        for layer, old, scale in zip(hidden(network), hidden(twin), found, strict=True):
            weight, bias = _weights(layer)
            old_weight, old_bias = _weights(old)
            weight.copy_(old_weight * (before / scale))
            bias.copy_(old_bias / scale)
            before = scale
        weight, bias = _weights(layers_of(network)[-1])
        old_weight, old_bias = _weights(layers_of(twin)[-1])
        weight.copy_(old_weight * before)
        bias.copy_(old_bias)
    copy_attention(network, twin)
    source_figures = {
        name.replace("validation", "source"): source.result[name] for name in job.task.figures
    }
    result = source.result | source_figures | validate(network, job)
    return Trained(spec, network, source.history, result)


def _weights(layer: Layer) -> tuple[torch.Tensor, torch.Tensor]:
    synapses = layer.synapses
    assert synapses is not None
    weight, bias = synapses.weight, synapses.bias
    assert isinstance(weight, torch.Tensor)
    assert isinstance(bias, torch.Tensor)
    return weight, bias
