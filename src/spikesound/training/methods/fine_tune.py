"""Fine-tuning of a trained ANN: quantised, or with sparse activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.layers import hidden, recorded
from spikesound.params import FineTuneParams
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.snn.quantisation.weights import fake_quantise, quantise_weights, synapses
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train
from spikesound.training.methods.percentiles import percentiles
from spikesound.training.objective import Objective

_RANGE_PERCENTILE = 99.9  # of a layer's activations: where the rounded ReLU's range starts


def train_fine_tuned(job: Job) -> Trained:
    """Return a trained network, fine-tuned as the method says.

    With ``activation_bits`` b each ReLU is clipped and rounded to :math:`2^b` values
    (:class:`~spikesound.snn.quantisation.qcfs.QCFS`), its range learnt. With ``weight_bits`` the
    network computes with quantised weights while the full ones are trained; the result has the
    quantised ones. With ``sparsity`` :func:`hoyer_density` times that weight is added to the loss.
    The weights kept are the last epoch's: the lowest validation loss would be that of the densest.

    Raises
    ------
    SpikesoundError
        If there is no network to start from, it is another one, it has gates in place of the
        neurons that are to be quantised, or one of its layers is silent on the training clips.

    References
    ----------
    Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-
    arithmetic-only inference"; Yan et al. 2024, arXiv 2409.08290 (the twin of
    :math:`\\lceil \\log_2(T + 1) \\rceil` bits); Kurtz et al. 2020, "Inducing and exploiting
    activation sparsity for fast neural network inference".
    """
    method: FineTuneParams = job.method
    if job.base is None:
        raise SpikesoundError(f"{job.spec.model}: fine-tuning starts from a trained model")
    bits, spec = method.activation_bits, job.spec
    if bits is not None:
        spec = spec.with_neuron("quantised_relu", {"levels": 2**bits - 1})
    network = build(spec)
    if not hidden(network) and (bits is not None or method.sparsity):
        raise SpikesoundError(
            f"{spec.model}: network {spec.network!r} has gates in place of neurons; expected "
            "activation_bits null and sparsity 0"
        )
    loaded = network.load_state_dict(job.base.state_dict(), strict=False)
    lost = [name for name in loaded.missing_keys if ".neuron." not in name] + loaded.unexpected_keys
    if lost:
        raise SpikesoundError(
            f"{spec.model}: the model to start from is another network: weights {lost[0]!r}"
        )
    if bits is not None:
        ranges = percentiles(
            job.base, job.training, _RANGE_PERCENTILE, len(job.training), key=spec.model
        )
        for layer, top in zip(hidden(network), ranges, strict=True):
            assert isinstance(layer.neuron, QCFS)
            with torch.no_grad():
                layer.neuron.log_scale.fill_(top).log_()
    recipe = job.recipe.model_copy(
        update={"epochs": method.epochs, "learning_rate": method.learning_rate}
    )
    job = replace(job, spec=spec, recipe=recipe)
    trained = train(network, job, FineTuning(job), keep_last=True)
    if method.weight_bits is not None:
        quantise_weights(trained.network, method.weight_bits)
    return trained


class FineTuning(Objective):
    """The task's loss with quantised weights, plus the weighted density of the activations."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.method: FineTuneParams = job.method

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the loss of a batch."""
        with recorded(network) as activations:
            loss = super().loss(network, x, targets)
        if self.method.sparsity:
            loss = loss + self.method.sparsity * hoyer_density(activations)
        return loss

    def output(self, network: nn.Module, x: torch.Tensor) -> Any:
        """Return the network's output, with quantised weights where the method requires them."""
        bits = self.method.weight_bits
        weights = {} if bits is None else synapses(network)
        rounded = {name: fake_quantise(weight, bits or 0) for name, weight in weights.items()}
        return functional_call(network, rounded, (x,))


def hoyer_density(activations: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return how many of the activations take part, whatever their scale, in the mean over layers.

    .. math:: H = \\frac{1}{L} \\sum_{l=1}^{L}
              \\frac{(\\sum_i |a_{l,i}|)^2}{N_l \\sum_i a_{l,i}^2}

    It is 1 where all of a layer's N activations are equal and k / N where k are equal and the
    others zero. A layer of zeros counts 0.

    Parameters
    ----------
    activations : for each layer a float tensor of any shape; at least one

    Returns
    -------
    float tensor of no axes

    References
    ----------
    Kurtz et al. 2020, "Inducing and exploiting activation sparsity for fast neural network
    inference", equation 2 (Hoyer square), here over the number of activations.
    """
    densities = [
        layer.abs().sum() ** 2 / (layer.square().sum().clamp(min=1e-12) * layer.numel())
        for layer in activations
    ]
    return torch.stack(densities).mean()
