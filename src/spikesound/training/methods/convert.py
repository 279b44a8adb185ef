"""Conversion: a trained conventional network's weights, rescaled for neurons that count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models import classifier_spec
from spikesound.models.networks.cnn import CNN, Block
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

    def balanced(network: CNN) -> list[float]:
        clips = task.training.decoded(task.step_values)
        return percentiles(network, clips, method.percentile, task.params.batch_clips)

    return convert(task, source, balanced)


def train_source(task: Task, activation: Callable[[], nn.Module]) -> Trained:
    """Train the twin with the given activation on decoded inputs, at one time step.

    Raises
    ------
    SpikesoundError
        If the network has no batch norms that can be folded, before anything is trained.
    """
    spec = task.spec.model_copy(update={"neuron": None, "neuron_params": None, "steps": 1})
    classifier_spec.fold(
        classifier_spec.build(spec, activation)
    )  # refused now rather than after training
    decoded = replace(
        task,
        spec=spec,
        training=task.training.decoded(task.step_values),
        validation=task.validation.decoded(task.step_values),
    )
    return train(classifier_spec.build(spec, activation), decoded)


def convert(task: Task, source: Trained, scales: Callable[[CNN], Sequence[float]]) -> Trained:
    """Make the spiking network of a trained twin.

    Parameters
    ----------
    scales : gives, from the twin with its batch norms folded, each block's activation that a spike
        at every step stands for
    """
    twin = source.network.eval()
    if not isinstance(twin, CNN):
        raise SpikesoundError("only network 'cnn' can be converted")
    classifier_spec.fold(twin)
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
    assert isinstance(network, CNN)
    before = 1.0
    with torch.no_grad():
        for block, old, scale in zip(_blocks(network), _blocks(twin), found, strict=True):
            assert block.convolution.bias is not None
            assert old.convolution.bias is not None
            block.convolution.weight.copy_(old.convolution.weight * (before / scale))
            block.convolution.bias.copy_(old.convolution.bias / scale)
            before = scale
        network.readout.weight.copy_(twin.readout.weight * before)
        network.readout.bias.copy_(twin.readout.bias)
    loss, accuracy = validate(network, task)
    result = source.result | {
        "source_accuracy": source.result["validation_accuracy"],
        "validation_loss": loss,
        "validation_accuracy": accuracy,
    }
    return Trained(spec, network, source.history, result)


def percentiles(
    network: CNN,
    clips: Clips,
    percentile: float,
    batch_clips: int,
    *,
    key: str = "methods.convert.percentile",
) -> list[float]:
    """Return the percentile of each block's activations over clips, the mean of its batches'.

    Raises
    ------
    SpikesoundError
        If a block is silent.
    """
    found: list[list[float]] = [[] for _ in network.blocks]

    def watch(layer: int) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def hook(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
            found[layer].append(float(np.percentile(output.numpy(), percentile)))

        return hook

    hooks = [block.register_forward_hook(watch(i)) for i, block in enumerate(network.blocks)]
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            network(time_first(clips.batch(rows)))
    for hook in hooks:
        hook.remove()
    scales = [sum(batches) / len(batches) for batches in found]
    if min(scales) <= 0:
        raise SpikesoundError(
            f"{key}: layer {1 + int(np.argmin(scales))} is silent at "
            f"the {percentile:g}th percentile of its activations"
        )
    return scales


def _blocks(network: CNN) -> list[Block]:
    return [block for block in network.blocks if isinstance(block, Block)]
