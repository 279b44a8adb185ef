"""Faults of the hardware that runs a network: of its synapses, its neurons, its spikes.

A fault works on a copy of a network that is ready for inference. Draws are keyed by the layer's
number and not by the model, and so are the same for a spiking network and its twin: the same
neurons are stuck, and the same weights are off by the same share of their layer's deviation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from spikesound.core.seeds import derive, numpy_generator
from spikesound.models.layers import Layer, hidden
from spikesound.snn.neurons.spiking import substeps
from spikesound.snn.quantisation.weights import quantise_weights, synapses

Change = Callable[[torch.Tensor], torch.Tensor]
Fault = Callable[[nn.Module, float, int, Sequence[float]], None]
"""Changes a network: the level, a seed, and the highest activation of each layer."""


def weight_noise(network: nn.Module, level: float, seed: int, peaks: Sequence[float]) -> None:
    r"""Add to each synaptic weight a draw of :math:`N(0, (\mathrm{level} \cdot \sigma_l)^2)`.

    :math:`\sigma_l` is the standard deviation of the layer's weights.
    """
    with torch.no_grad():
        for number, weight in enumerate(synapses(network).values()):
            draws = numpy_generator(seed, "weights", number).standard_normal(weight.shape)
            noise = torch.from_numpy(draws.astype(np.float32))
            weight.add_(level * weight.std() * noise)


def weight_bits(network: nn.Module, level: float, seed: int, peaks: Sequence[float]) -> None:
    """Quantise the synaptic weights to a number of bits, without training."""
    quantise_weights(network, int(level))


def stuck_silent(network: nn.Module, level: float, seed: int, peaks: Sequence[float]) -> None:
    """Hold a share of the neurons, drawn at random, at 0."""
    _stick(network, level, seed, [0.0] * len(peaks))


def stuck_firing(network: nn.Module, level: float, seed: int, peaks: Sequence[float]) -> None:
    """Let a share of the neurons fire at every step; a ReLU is held at its layer's peak.

    The peak is the layer's largest activation on the clean clips.
    """
    _stick(network, level, seed, peaks)


def dropped_spikes(network: nn.Module, level: float, seed: int, peaks: Sequence[float]) -> None:
    """Lose each spike of a hidden neuron with a probability; of a ReLU each activation.

    The encoder's spikes are not lost.
    """
    for number, layer in enumerate(hidden(network)):
        generator = torch.Generator().manual_seed(derive(seed, "spikes", number))

        several = substeps(layer.neuron) > 1

        def lose(
            out: torch.Tensor, generator: torch.Generator = generator, several: bool = several
        ) -> torch.Tensor:
            if several:  # numbers, of which each spike may be lost
                return torch.binomial(out, torch.full_like(out, 1 - level), generator)
            return out * (torch.rand(out.shape, generator=generator) >= level)

        _change(layer, lose)


WEIGHT_FAULTS: dict[str, Fault] = {"weight_noise": weight_noise, "weight_bits": weight_bits}
"""Of any network."""

FAULTS: dict[str, Fault] = {
    "weight_noise": weight_noise,
    "stuck_silent": stuck_silent,
    "stuck_firing": stuck_firing,
    "dropped_spikes": dropped_spikes,
    "weight_bits": weight_bits,
}
"""Those of neurons are not defined for networks whose only neurons are gates."""


def faults_of(network: nn.Module) -> dict[str, Fault]:
    """Return the faults that are defined for a network."""
    return FAULTS if hidden(network) else WEIGHT_FAULTS


def faulty(
    network: nn.Module, name: str, level: float, seed: int, peaks: Sequence[float] = ()
) -> nn.Module:
    """Return a copy of a network with a fault; the network stays as it is.

    Parameters
    ----------
    peaks : the output of each hidden layer's neurons that are stuck firing (:func:`firing`)
    """
    broken = copy.deepcopy(network)
    faults_of(network)[name](broken, level, seed, peaks)
    return broken


def firing(network: nn.Module, run: Callable[[nn.Module], object]) -> list[float]:
    """Return the output of a firing neuron of each hidden layer: of a spiking one the most spikes.

    Parameters
    ----------
    run : runs the network on clean clips
    """
    layers = hidden(network)
    peaks = [float(substeps(layer.neuron)) if layer.spiking else 0.0 for layer in layers]
    if all(layer.spiking for layer in layers):
        return peaks

    def watch(number: int) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def record(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
            peaks[number] = max(peaks[number], float(output.detach().max()))

        return record

    hooks = [
        _neuron(layer).register_forward_hook(watch(i))
        for i, layer in enumerate(layers)
        if not layer.spiking
    ]
    try:
        run(network)
    finally:
        for hook in hooks:
            hook.remove()
    return peaks


def _stick(network: nn.Module, share: float, seed: int, values: Sequence[float]) -> None:
    for number, (layer, value) in enumerate(zip(hidden(network), values, strict=True)):
        masks: dict[torch.Size, torch.Tensor] = {}

        def hold(
            out: torch.Tensor,
            number: int = number,
            value: float = value,
            masks: dict[torch.Size, torch.Tensor] = masks,
        ) -> torch.Tensor:
            shape = out.shape[2:]  # without time and batch: the places of the neurons
            if shape not in masks:
                draws = numpy_generator(seed, "neurons", number).random(tuple(shape))
                masks[shape] = torch.from_numpy(draws < share)
            return torch.where(masks[shape], value, out)

        _change(layer, hold)


def _neuron(layer: Layer) -> nn.Module:
    assert layer.neuron is not None
    return layer.neuron


def _change(layer: Layer, change: Change) -> None:
    _neuron(layer).register_forward_hook(lambda module, inputs, output: change(output))
