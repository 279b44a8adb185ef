"""Conversion: a trained conventional network's weights, rescaled for neurons that count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models import classifier_spec
from spikesound.models.layers import Layer, fold, hidden, layers_of, recorded
from spikesound.params import ConvertParams, IFParams
from spikesound.training.data import Clips
from spikesound.training.loop import time_first, train, validate
from spikesound.training.methods.surrogate import weighted_steps
from spikesound.training.task import Task, Trained

# The spike's derivative is not used: a converted network is not trained any more.
NEURON = IFParams(threshold=1.0, initial=0.5, surrogate="atan", slope=2.0)


def train_converted(task: Task) -> Trained:
    """Train the ANN twin on what the spikes are worth, and convert it.

    The twin sees, as its single step, the sum of what the input's spikes are worth
    (:data:`spikesound.snn.encoding.STEP_VALUES`); for direct coding those are the features. It is
    trained by the settings of ``train_snn``. Thresholds are balanced on the training clips: with
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
    method: ConvertParams = task.method
    source = train_source(task, nn.ReLU)

    def balanced(network: nn.Module) -> list[float]:
        clips = task.training.decoded(task.step_values)
        return percentiles(network, clips, method.percentile, task.params.batch_clips)

    return convert(task, source, balanced)


def train_source(task: Task, activation: Callable[[], nn.Module]) -> Trained:
    """Train the twin with the given activation on decoded inputs, at one time step.

    Raises
    ------
    SpikesoundError
        If the network cannot be converted, before anything is trained.
    """
    spec = task.spec.model_copy(update={"neuron": None, "neuron_params": None, "steps": 1})
    refused_now = classifier_spec.build(spec, activation)  # rather than after training
    check_convertible(refused_now)
    fold(refused_now)
    decoded = replace(
        task,
        spec=spec,
        training=task.training.decoded(task.step_values),
        validation=task.validation.decoded(task.step_values),
    )
    return train(classifier_spec.build(spec, activation), decoded)


def convert(task: Task, source: Trained, scales: Callable[[nn.Module], Sequence[float]]) -> Trained:
    """Make the spiking network of a trained twin.

    Parameters
    ----------
    scales : gives, from the twin with its batch norms folded, each hidden layer's activation that a
        spike at every step stands for
    """
    twin = source.network.eval()
    check_convertible(twin)
    fold(twin)
    found = list(scales(twin))
    spec = task.spec.model_copy(
        update={
            "neuron": "integrate_and_fire",
            "neuron_params": NEURON.model_dump(),
            "folded": True,
            "step_weights": list(weighted_steps(task.step_values))
            if task.training.spikes
            else None,
        }
    )
    network = classifier_spec.build(spec)
    balance(network, twin, found)
    loss, accuracy = validate(network, task)
    result = source.result | {
        "source_accuracy": source.result["validation_accuracy"],
        "validation_loss": loss,
        "validation_accuracy": accuracy,
    }
    return Trained(spec, network, source.history, result)


CONVERTIBLE = ("convolution", "linear", "pooling", "frame_pooling")
"""Kinds of layers that a spiking network computes by rates as a conventional one by values."""


def check_convertible(network: nn.Module) -> None:
    """Refuse a network that is not one feed-forward layer behind the other.

    Raises
    ------
    SpikesoundError
        If it has such a layer; the message names it.
    """
    for layer in layers_of(network):
        if layer.kind not in CONVERTIBLE or layer.by_frame or layer.reads:
            raise SpikesoundError(
                f"layer {layer.name!r} ({layer.kind}) cannot be converted; expected layers one "
                f"behind the other, of kinds {', '.join(CONVERTIBLE)}"
            )


def balance(network: nn.Module, twin: nn.Module, scales: Sequence[float]) -> None:
    """Copy the twin's weights and biases, each layer's rescaled to thresholds of 1."""
    before = 1.0
    with torch.no_grad():
        for layer, old, scale in zip(hidden(network), hidden(twin), scales, strict=True):
            (weight, bias), (old_weight, old_bias) = _synapses(layer), _synapses(old)
            weight.copy_(old_weight * (before / scale))
            bias.copy_(old_bias / scale)
            before = scale
        (weight, bias), (old_weight, old_bias) = (
            _synapses(layers_of(each)[-1]) for each in (network, twin)
        )
        weight.copy_(old_weight * before)
        bias.copy_(old_bias)


def _synapses(layer: Layer) -> tuple[torch.Tensor, torch.Tensor]:
    synapses = layer.synapses
    assert synapses is not None
    assert isinstance(synapses.weight, torch.Tensor)
    assert isinstance(synapses.bias, torch.Tensor)
    return synapses.weight, synapses.bias


def percentiles(
    network: nn.Module,
    clips: Clips,
    percentile: float,
    batch_clips: int,
    *,
    key: str = "methods.convert.percentile",
) -> list[float]:
    """Return the percentile of each hidden layer's activations, the mean of its batches'.

    Raises
    ------
    SpikesoundError
        If a layer is silent.
    """
    found: list[list[float]] = []
    network.eval()
    with torch.inference_mode(), recorded(network) as activations:
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            network(time_first(clips.batch(rows)))
            found.append([float(np.percentile(a.numpy(), percentile)) for a in activations])
            activations.clear()
    scales = [sum(batches) / len(batches) for batches in zip(*found, strict=True)]
    if min(scales) <= 0:
        raise SpikesoundError(
            f"{key}: layer {1 + int(np.argmin(scales))} is silent at "
            f"the {percentile:g}th percentile of its activations"
        )
    return scales
