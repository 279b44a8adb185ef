"""At most one spike a neuron: a fine-tuned, rounded twin, whose activations become times."""

from __future__ import annotations

from dataclasses import replace

import torch

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.folding import fold
from spikesound.models.layers import hidden, layers_of
from spikesound.models.networks.clip_pooling import copy_attention
from spikesound.models.networks.single_spike import SingleSpikeCNN
from spikesound.models.spec import Spec
from spikesound.params import FineTuneParams, SingleSpikeParams
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.training.job import Job, Trained
from spikesound.training.loop import validate
from spikesound.training.methods.fine_tune import train_fine_tuned

NETWORKS = {"cnn": ("single_spike_cnn", SingleSpikeCNN)}
"""For a kind of network that kind, and its class, which reads the times of spikes."""


def train_single_spike(job: Job) -> Trained:
    r"""Return a network of neurons that spike at most once, fine-tuned from the conventional twin.

    The twin's activations are rounded to :math:`n = 2^b - 1` levels and, with ``sparsity``, made
    few (:func:`.fine_tune.train_fine_tuned`). What a rounded ReLU of the range
    :math:`\lambda` gives, the time of a spike gives as well, exactly
    (:class:`spikesound.snn.neurons.single_spike.SingleSpike`): with

    .. math:: w_l \leftarrow w_l \frac{\lambda_{l-1}}{\lambda_l} \frac{n + 1}{2}, \qquad
              b_l \leftarrow \frac{b_l}{\lambda_l}

    a neuron spikes at step n - k for the k-th level, and not at all for an activation of zero. The
    first layer's input is a steady current: it has no factor :math:`\lambda_0 (n + 1) / 2`.

    Raises
    ------
    SpikesoundError
        If the input is not directly coded, the network's spikes cannot be read by their times, or
        as :func:`.fine_tune.train_fine_tuned`.

    References
    ----------
    Stanojevic et al. 2024, "High-performance deep spiking neural networks with 0.3 spikes per
    neuron" (the exact map of a ReLU network, and training of the one as of the other).
    """
    method: SingleSpikeParams = job.method
    spec = single_spike_spec(job.spec, 2**method.bits - 1)
    twin = job.spec.with_neuron("relu", {}, steps=1, encoding=None, encoding_params=None)
    tuning = FineTuneParams(
        activation_bits=method.bits,
        weight_bits=method.weight_bits,
        sparsity=method.sparsity,
        epochs=method.epochs,
        learning_rate=method.learning_rate,
    )
    rounded = train_fine_tuned(replace(job, spec=twin, method=tuning))
    return as_times(rounded, job, spec)


def single_spike_spec(spec: Spec, steps: int) -> Spec:
    """Return the spec of the network with windows of so many steps.

    Raises
    ------
    SpikesoundError
        If the input is not directly coded, or the network's spikes cannot be read by their times.
    """
    code = spec.encoding_section()
    if code is None or code.spikes:
        raise SpikesoundError(
            f"{spec.model}: single spikes need encoding 'direct', got {spec.encoding!r}"
        )
    if spec.network not in NETWORKS:
        raise SpikesoundError(
            f"{spec.model}: network {spec.network!r} has no read-out of times; valid: "
            f"{', '.join(NETWORKS)}"
        )
    return spec.with_neuron(
        "single_spike", {}, network=NETWORKS[spec.network][0], steps=steps, folded=True,
        encoding_params=(spec.encoding_params or {}) | {"steps": steps},
    )  # fmt: skip


def as_times(rounded: Trained, job: Job, spec: Spec) -> Trained:
    """Return the network whose spike times are the activations of a rounded twin, validated."""
    twin, network = rounded.network.eval(), build(spec)
    fold(twin)
    before, steps = 1.0, spec.steps
    with torch.no_grad():
        for number, (layer, old) in enumerate(zip(hidden(network), hidden(twin), strict=True)):
            neuron, new, given = old.neuron, layer.synapses, old.synapses
            assert isinstance(neuron, QCFS)
            assert isinstance(new, torch.nn.Conv2d)
            assert isinstance(given, torch.nn.Conv2d)
            assert new.bias is not None
            assert given.bias is not None
            scale = float(neuron.scale)
            factor = before * (steps + 1) / 2 if number else 1.0
            new.weight.copy_(given.weight * (factor / scale))
            new.bias.copy_(given.bias / scale)
            before = scale
        last, given_last = layers_of(network)[-1].synapses, layers_of(twin)[-1].synapses
        assert isinstance(last, torch.nn.Linear)
        assert isinstance(given_last, torch.nn.Linear)
        last.weight.copy_(given_last.weight * before)
        last.bias.copy_(given_last.bias)
    copy_attention(network, twin)
    source = {
        name.replace("validation", "source"): rounded.result[name] for name in job.task.figures
    }
    figures = validate(network, replace(job, spec=spec))
    return Trained(spec, network, rounded.history, rounded.result | source | figures)
