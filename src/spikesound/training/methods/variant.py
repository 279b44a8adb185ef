"""Variants of a trained ANN: with few bits, or with few activations. Opponents of a spiking net."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn
from torch.func import functional_call

from spikesound.core.errors import SpikesoundError
from spikesound.models import classifier_spec
from spikesound.models.networks.cnn import CNN, Block
from spikesound.params import VariantParams
from spikesound.snn.decoding import cross_entropy
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.snn.quantisation.weights import fake_quantise, quantise_weights, synapses
from spikesound.training.loop import Plain, train
from spikesound.training.methods.convert import percentiles
from spikesound.training.task import Task, Trained

_RANGE_PERCENTILE = 99.9  # of a layer's activations: where the rounded ReLU's range starts


def train_variant(task: Task, source: nn.Module) -> Trained:
    """Train a trained network on, as the variant that ``task.method`` describes.

    With ``activation_bits`` b each ReLU is clipped and rounded to :math:`2^b` values
    (:class:`~spikesound.snn.quantisation.qcfs.QCFS`), its range learnt. With ``weight_bits`` the
    network computes with rounded weights while the full ones are trained; the result has the
    rounded ones.
    With ``sparsity`` :func:`hoyer_density` times that weight is added to the loss. The weights kept
    are the last epoch's: the lowest validation loss would be that of the densest.

    Parameters
    ----------
    task : its spec is the variant's, its method a :class:`~spikesound.params.VariantParams`
    source : the trained network, which stays as it is

    Raises
    ------
    SpikesoundError
        If a layer of the source is silent on the training clips.

    References
    ----------
    Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-
    arithmetic-only inference"; Yan et al. 2024, arXiv 2409.08290 (the twin of
    :math:`\\lceil \\log_2(T + 1) \\rceil` bits); Kurtz et al. 2020, "Inducing and exploiting
    activation sparsity for fast neural network inference".
    """
    method: VariantParams = task.method
    network = classifier_spec.build(task.spec)
    if not isinstance(network, CNN) or not isinstance(source, CNN):
        raise SpikesoundError("variants: only of network 'cnn'")
    network.load_state_dict(source.state_dict(), strict=False)
    if method.activation_bits is not None:
        ranges = percentiles(
            source, task.training, _RANGE_PERCENTILE, len(task.training), key="variants"
        )
        for block, top in zip(network.blocks, ranges, strict=True):
            assert isinstance(block.neuron, QCFS)
            with torch.no_grad():
                block.neuron.log_scale.fill_(top).log_()
    params = task.params.model_copy(
        update={"epochs": method.epochs, "learning_rate": method.learning_rate}
    )
    trained = train(network, replace(task, params=params), Variant(method), keep_last=True)
    if method.weight_bits is not None:
        quantise_weights(trained.network, method.weight_bits)
    return trained


class Variant(Plain):
    """Cross-entropy with rounded weights, plus the weighted density of the activations."""

    def __init__(self, method: VariantParams) -> None:
        self.method = method

    def backward(self, network: nn.Module, x: torch.Tensor, targets: torch.Tensor) -> float:
        """Leave the gradients of a batch's loss in the parameters, and return the loss."""
        assert isinstance(network, CNN)
        with _recorded(network) as activations:
            loss = cross_entropy(self.scores(network, x), targets)
        if self.method.sparsity:
            loss = loss + self.method.sparsity * hoyer_density(activations)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def scores(self, network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """Return the scores (batch, class) of inputs (time, batch, frame, bin)."""
        bits = self.method.weight_bits
        weights = {} if bits is None else synapses(network)
        rounded = {name: fake_quantise(weight, bits or 0) for name, weight in weights.items()}
        scores: torch.Tensor = functional_call(network, rounded, (x,))
        return scores


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


@contextmanager
def _recorded(network: CNN) -> Iterator[list[torch.Tensor]]:
    recorded: list[torch.Tensor] = []

    def record(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        recorded.append(output)

    neurons = [block.neuron for block in network.blocks if isinstance(block, Block)]
    hooks = [neuron.register_forward_hook(record) for neuron in neurons]
    try:
        yield recorded
    finally:
        for hook in hooks:
            hook.remove()
