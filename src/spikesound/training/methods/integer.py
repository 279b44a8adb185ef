"""Integer training, binary inference: spikes are counted in training, given one by one after it."""

from __future__ import annotations

from dataclasses import replace

import torch

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.layers import layers_of
from spikesound.models.spec import Spec
from spikesound.params import IntegerLIFParams, IntegerParams, SpacedParams
from spikesound.snn.neurons.integer_lif import IntegerLIF
from spikesound.training.job import Job, Trained
from spikesound.training.loop import validate
from spikesound.training.methods.presentations import presented_clips
from spikesound.training.methods.regularised import Loop, spiking_spec, train_sparse

NEURON = "integer_lif"
BETA = 0.5
"""First decay of neurons that have none of their own."""


def train_integer(job: Job, loop: Loop | None = None) -> Trained:
    """Return a network of binary spikes that was trained with numbers of spikes.

    In training a neuron puts out how many of at most D spikes it has in a step
    (:class:`spikesound.snn.neurons.integer_lif.IntegerLIF`), which costs the time of one step. The
    network kept has D substeps for each step, and computes the same with spikes alone. A coded
    input comes at the first substep of its step (encoding ``spaced``), with weights of the first
    layer that are D times as large. A penalty on firing rates is that of
    :func:`.regularised.train_regularised`; a rate is of substeps.

    Parameters
    ----------
    loop : None: :func:`spikesound.training.loop.train`

    Raises
    ------
    SpikesoundError
        If the read-out is not ``rate``, the network's neurons are not its row's, or gradients are
        to be truncated.

    References
    ----------
    Luo et al. 2024, "Integer-valued training and spike-driven inference spiking neural network for
    high-performance and energy-efficient object detection", section 3.3.
    """
    method: IntegerParams = job.method
    if method.readout != "rate":
        raise SpikesoundError(
            f"{job.spec.model}: integer training reads rates; expected readout 'rate', got "
            f"{method.readout!r}"
        )
    own = job.spec.neuron_params
    neuron = IntegerLIFParams(
        beta=float(own.get("beta", BETA)),
        learn_beta=bool(own.get("learn_beta", True)),
        levels=method.levels,
        binary=False,
    )
    spec = spiking_spec(job).with_neuron(NEURON, neuron)
    network = build(spec, lambda: IntegerLIF(neuron))
    counted = train_sparse(job, network, spec, method.penalty, None, loop=loop)
    return one_by_one(counted, job, method.levels)


def one_by_one(counted: Trained, job: Job, substeps: int) -> Trained:
    """Return a network trained with numbers of spikes as one of spikes, validated again."""
    spec = binary_spec(counted.spec, substeps)
    network = build(spec)
    network.load_state_dict(counted.network.state_dict())
    if isinstance(spec.encoding_section(), SpacedParams):
        first = layers_of(network)[0].synapses
        assert first is not None
        assert isinstance(first.weight, torch.Tensor)
        with torch.no_grad():
            first.weight.mul_(substeps)  # of a step's substeps only the first has the input
    again = replace(job, spec=spec, validation=presented_clips(job.validation, spec))
    return Trained(spec, network, counted.history, counted.result | validate(network, again))


def binary_spec(spec: Spec, substeps: int) -> Spec:
    """Return the spec of the network of spikes, with so many substeps for each step."""
    code, steps = spec.encoding_section(), spec.steps * substeps
    params = spec.neuron_params | {"binary": True}
    if code is None or not code.spikes:
        direct = (spec.encoding_params or {}) | {"steps": steps}
        return spec.model_copy(
            update={"neuron_params": params, "steps": steps, "encoding_params": direct}
        )
    assert spec.encoding is not None
    encoding = SpacedParams.model_validate(
        {"steps": steps, "code": spec.encoding, "params": code.model_dump(), "every": substeps}
    )
    weights = spec.step_weights
    return spec.model_copy(
        update={
            "neuron_params": params,
            "steps": steps,
            "encoding": "spaced",
            "encoding_params": encoding.model_dump(),
            "step_weights": None
            if weights is None
            else [weight for weight in weights for _ in range(substeps)],
        }
    )
