"""Local learning: spike-timing-dependent plasticity under winner-take-all, linear read-out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive
from spikesound.models.build import build
from spikesound.models.networks.wta import WTA
from spikesound.models.spec import Spec
from spikesound.params import LocalParams, MemristorParams, STDPParams, WTAParams
from spikesound.tasks.task import batched
from spikesound.training.job import Job, Trained
from spikesound.training.methods.count_readout import read_counts
from spikesound.training.methods.surrogate import step_weights
from spikesound.training.methods.synapses import Ideal, Memristors, Synapses

# A neuron's first pattern is imprinted: the weights it starts with are a patch's traces, this far
# from the middle to the bounds, where the product rule would have no force.
IMPRINT = 0.9


def train_stdp(job: Job) -> Trained:
    """Learn a layer without labels by spike timing, then a linear read-out of its spike counts.

    The network is `spikesound.models.networks.wta.WTA`, whatever that of the task is, with the
    task's decay, threshold and refractory period. See :func:`learn` for the rule,
    :class:`spikesound.training.methods.synapses.Ideal` for the synapse, and
    :func:`spikesound.training.methods.count_readout.read_counts` for the read-out, which alone sees
    labels. All is done in seconds, and a run that was killed starts from the beginning.

    Raises
    ------
    SpikesoundError
        If the inputs are not spikes, the neuron is not LIF, or clips are shorter than the frames
        of a neuron's input.
    """
    method: STDPParams = job.method
    generator = torch.Generator().manual_seed(derive(job.seed, "stdp"))

    def synapses(start: torch.Tensor) -> Synapses:
        return Ideal(start, rule=method.rule, rate_up=method.rate_up, rate_down=method.rate_down)

    return _train(job, method, synapses, generator, refractory=None)


def train_memristor(job: Job) -> Trained:
    """Do as :func:`train_stdp` with memristor-like synapses and refractory neurons.

    See :class:`spikesound.training.methods.synapses.Memristors`. The read-out's weights are
    ordinary ones.

    Raises
    ------
    SpikesoundError
        As in :func:`train_stdp`.
    """
    method: MemristorParams = job.method
    generator = torch.Generator().manual_seed(derive(job.seed, "memristor"))

    def synapses(start: torch.Tensor) -> Synapses:
        return Memristors(
            start,
            levels=method.levels,
            nonlinearity_up=method.nonlinearity_up,
            nonlinearity_down=method.nonlinearity_down,
            lowest=method.lowest,
            variation=method.variation,
            generator=generator,
        )

    return _train(job, method, synapses, generator, refractory=method.refractory)


def _train(
    job: Job,
    method: LocalParams,
    synapses: Callable[[torch.Tensor], Synapses],
    generator: torch.Generator,
    *,
    refractory: int | None,
) -> Trained:
    spec = _spec(job, method, refractory)
    network = cast(WTA, build(spec))
    started = time.perf_counter()
    learn(network, Patches(job, network, generator), synapses, method)
    return read_counts(network, replace(job, spec=spec), started)


def _spec(job: Job, method: LocalParams, refractory: int | None) -> Spec:
    where = f"{job.spec.model}: its method"
    if not job.training.spikes:
        raise SpikesoundError(
            f"{where} learns from the times of spikes, and encoding "
            f"{job.spec.encoding!r} has none; choose another encoding"
        )
    if job.spec.neuron != "lif":
        raise SpikesoundError(
            f"{where} has leaky integrate-and-fire neurons; the model's neuron is "
            f"{job.spec.neuron!r}, valid: lif"
        )
    frames = job.training.inputs.shape[2]
    if frames < method.frames:
        raise SpikesoundError(
            f"{where}: frames: a receptive field of {method.frames} frames is longer than the "
            f"clips, {frames} frames"
        )
    neuron = job.spec.neuron_params | {"reset": "none", "learn_beta": False}
    if refractory is not None:
        neuron |= {"refractory": refractory}
    encoding = job.spec.encoding_section()
    weights = step_weights(job.step_values) if encoding and encoding.weighted else None
    return job.spec.model_copy(
        update={
            "network": "wta",
            "network_params": WTAParams(neurons=method.neurons, frames=method.frames).model_dump(),
            "neuron_params": neuron,
            "readout": "rate",
            "step_weights": weights and list(weights),
        }
    )


class Patches:
    """Draws pieces of the training clips, as long as a neuron's input."""

    def __init__(self, job: Job, network: WTA, generator: torch.Generator) -> None:
        self.clips, self.network, self.generator = job.training, network, generator

    def draw(self, count: int) -> torch.Tensor:
        """Return the inputs (time, patch, input) of ``count`` places drawn at random."""
        frames = self.network.frames
        rows = torch.randint(len(self.clips), (count,), generator=self.generator).numpy()
        last = self.clips.inputs.shape[2] - frames + 1
        places = torch.randint(last, (count,), generator=self.generator).tolist()
        clips = batched(self.clips.batch(rows), frames=False)
        parts = [clips[:, i, start : start + frames] for i, start in enumerate(places)]
        return self.network.weighted(torch.stack(parts, 1).flatten(2))


def learn(
    network: WTA,
    patches: Patches,
    synapses: Callable[[torch.Tensor], Synapses],
    method: LocalParams,
) -> None:
    """Set a network's weights and thresholds by spike timing, without labels.

    Each batch of patches is processed, and wherever a neuron wins, its weights move with the traces
    of its inputs at that step, which decay as its membrane does:

    .. math:: x_t = \\min(1, \\beta x_{t-1} + s_t)

    An input that spiked at or before the winner, and not long ago, is strengthened, any other
    weakened. Of several wins of a neuron in a batch the mean trace counts. Thresholds follow:

    .. math:: \\theta_j = \\max(\\theta, \\tfrac12 \\lVert w_j \\rVert^2 + b_j), \\qquad
              b_j \\leftarrow b_j + \\eta \\left(\\frac{n_j}{\\bar n} - 1\\right)

    where :math:`n_j` are the neuron's wins in the batch and :math:`\\bar n` those of an even share.
    Where each input spikes once, and without b, the winner is the neuron whose weights lie nearest
    to the traces, if nearer than silence does; b wakes those that never win.

    Parameters
    ----------
    synapses : makes the layer's synapses from the weights (neuron, input) at the start

    References
    ----------
    Masquelier & Thorpe 2007, "Unsupervised learning of visual features through spike timing
    dependent plasticity"; Kheradpisheh et al. 2018; Diehl & Cook 2015, "Unsupervised learning of
    digit recognition using spike-timing-dependent plasticity" (traces, homeostasis). The threshold
    at half the squared weights is that of competitive learning.
    """
    neuron = network.neuron
    start = patches.draw(method.neurons)
    step = torch.randint(len(start), (method.neurons,), generator=patches.generator)
    imprint = traces(start, neuron.beta)[step, torch.arange(method.neurons)]
    rule = synapses(0.5 + IMPRINT * (imprint - 0.5))
    bias = torch.zeros(method.neurons)
    _set(network, rule, bias)
    for _ in range(method.batches):
        inputs = patches.draw(method.batch_patches)
        spikes = neuron(inputs @ rule.weights().T).flatten(0, 1)  # (time x patch, neuron)
        wins = spikes.sum(0)
        seen = spikes.T @ traces(inputs, neuron.beta).flatten(0, 1)
        rule.potentiate(wins > 0, seen / wins.clamp(min=1).unsqueeze(1))
        share = len(inputs) * method.batch_patches / method.neurons
        bias += method.homeostasis * (wins / share - 1)
        _set(network, rule, bias)


def traces(inputs: torch.Tensor, beta: float) -> torch.Tensor:
    """Return the traces (time, ...) of inputs (time, ...): see :func:`learn`."""
    trace = torch.zeros_like(inputs[0])
    found = []
    for now in inputs.unbind(0):
        trace = (beta * trace + now).clamp(max=1)
        found.append(trace)
    return torch.stack(found)


def _set(network: WTA, rule: Synapses, bias: torch.Tensor) -> None:
    weights = rule.weights()
    with torch.no_grad():
        network.weight.copy_(weights.view_as(network.weight))
    neuron = network.neuron
    neuron.threshold.copy_((weights.pow(2).sum(1) / 2 + bias).clamp(min=neuron.least))
