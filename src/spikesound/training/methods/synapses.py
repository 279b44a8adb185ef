"""Synapses of local learning: how a win moves the weights of the neuron that won.

A win comes with the traces of the winner's inputs: 1 where an input has just spiked, less the
longer ago, 0 where it has not spiked before. Weights are in [0, 1].
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import torch


class Synapses(Protocol):
    """The weights (neuron, input) of a layer, and their rule."""

    def weights(self) -> torch.Tensor:
        """Return the weights as the neurons see them."""
        ...

    def potentiate(self, won: torch.Tensor, traces: torch.Tensor) -> None:
        """Change the weights of the winners.

        Parameters
        ----------
        won : bool (neuron,), those that have won at least once
        traces : (neuron, input) in [0, 1], the mean over each neuron's wins
        """
        ...


class Ideal:
    """Weights of any value: up where the input spiked before the winner, down where not.

    .. math::
        \\Delta w = a_+ \\, x \\, w (1 - w) - a_- (1 - x) \\, w (1 - w) \\text{ (product)}, \\qquad
        \\Delta w = a_+ \\, x (1 - w) - a_- (1 - x) \\, w \\text{ (soft)}

    with trace x. For x of 0 and 1, ``product`` is the rule of Kheradpisheh et al.: weights go to 0
    or 1. Under ``soft`` they settle where both halves balance, with equal rates at the mean trace.

    Parameters
    ----------
    weights : (neuron, input) at the start, in [0, 1]
    rate_up, rate_down : a+ and a-, in [0, 1]

    References
    ----------
    Kheradpisheh et al. 2018, "STDP-based spiking deep convolutional neural networks for object
    recognition", equation 3; Masquelier & Thorpe 2007; Gutig et al. 2003 (soft bounds).
    """

    def __init__(
        self,
        weights: torch.Tensor,
        *,
        rule: Literal["soft", "product"],
        rate_up: float,
        rate_down: float,
    ) -> None:
        self._weights = weights.clone()
        self.rule, self.rate_up, self.rate_down = rule, rate_up, rate_down

    def weights(self) -> torch.Tensor:
        """Return the weights (neuron, input)."""
        return self._weights

    def potentiate(self, won: torch.Tensor, traces: torch.Tensor) -> None:
        """Change the weights of the winners; see :class:`Synapses`."""
        old = self._weights[won]
        up, down = self.rate_up * traces[won], self.rate_down * (1 - traces[won])
        if self.rule == "product":
            change = (up - down) * old * (1 - old)
        else:
            change = up * (1 - old) - down * old
        self._weights[won] = (old + change).clamp(0, 1)


def conductances(levels: int, nonlinearity: float, lowest: float) -> torch.Tensor:
    """Return the conductance after each number of pulses from the lowest, over the highest.

    .. math:: G(p) = B \\, (1 - e^{-p / A}) + G_{min}, \\qquad
              B = \\frac{G_{max} - G_{min}}{1 - e^{-P / A}}, \\qquad A = P / \\nu

    for p = 0 ... P, with P = levels - 1 and :math:`G_{max} = 1`. With nonlinearity :math:`\\nu` 0
    the steps are equal, above it the first ones are the largest, below it the last ones.

    Parameters
    ----------
    lowest : G_min over G_max

    Returns
    -------
    float tensor (levels,), rising

    References
    ----------
    Chen, Peng & Yu 2018, "NeuroSim: a circuit-level macro model for benchmarking neuro-inspired
    architectures in online learning", whose device model this is.
    """
    share = np.linspace(0, 1, levels)
    if abs(nonlinearity) > 1e-6:  # below, the steps are equal to the last figure of float32
        share = np.expm1(-nonlinearity * share) / np.expm1(-nonlinearity)
    return torch.from_numpy(lowest + (1 - lowest) * share).float()


def after_depression(rising: torch.Tensor, nonlinearity: float) -> torch.Tensor:
    """Return for each level the level that a depressing pulse leaves it in.

    Depression runs along the mirrored curve, :math:`G(p) = G_{max} - B (1 - e^{-(P - p) / A})`
    with its own nonlinearity, and rests at the nearest of the device's levels, one lower at least.

    Parameters
    ----------
    rising : (levels,), of :func:`conductances`
    """
    levels, lowest = len(rising), float(rising[0])
    # Descending conductances after 0, 1, ... depressing pulses from the highest.
    falling = 1 + lowest - conductances(levels, nonlinearity, lowest).double().numpy()
    done = np.arange(levels)
    pulses = np.interp(-rising.double().numpy(), -falling, done)
    reached = np.interp(np.minimum(pulses + 1, levels - 1), done, falling)
    nearest = np.abs(reached[:, None] - rising.double().numpy()).argmin(1)
    return torch.from_numpy(np.minimum(nearest, np.maximum(done - 1, 0)))


class Memristors:
    """Devices of a few levels of conductance, each moved by one pulse at a win.

    A winner's device gets a potentiating pulse with the probability of its trace, else a depressing
    one: the mean change is that of the soft rule, in the device's own steps. The weight is the
    conductance over the highest; with ``variation`` each device's is multiplied by a factor of its
    own, normal around 1.

    Memristor-like, after Kim et al. 2021: limited levels and the exponential nonlinearity are
    common to both, the device's curves are NeuroSim's, the rest of their circuit is not modelled.

    Parameters
    ----------
    weights : (neuron, input) in [0, 1]; devices start at the nearest level
    levels, nonlinearity_up, nonlinearity_down, lowest : see :func:`conductances`
    variation : standard deviation of the devices' factors
    generator : of the factors and the pulses

    References
    ----------
    Kim et al. 2021, "Spiking neural network (SNN) with memristor synapses having non-linear weight
    update", Frontiers in Computational Neuroscience 15.
    """

    def __init__(
        self,
        weights: torch.Tensor,
        *,
        levels: int,
        nonlinearity_up: float,
        nonlinearity_down: float,
        lowest: float,
        variation: float,
        generator: torch.Generator,
    ) -> None:
        self.rising = conductances(levels, nonlinearity_up, lowest)
        self.below = after_depression(self.rising, nonlinearity_down)
        middles = (self.rising[1:] + self.rising[:-1]) / 2
        self.level = torch.bucketize(weights, middles)
        self.generator = generator
        factors = 1 + variation * torch.randn(weights.shape, generator=generator)
        self.factors = factors.clamp(min=0)

    def weights(self) -> torch.Tensor:
        """Return the weights (neuron, input) as the neurons see them."""
        return self.rising[self.level] * self.factors

    def potentiate(self, won: torch.Tensor, traces: torch.Tensor) -> None:
        """Send the winners' devices a pulse each; see :class:`Synapses`."""
        old = self.level[won]
        draws = torch.rand(old.shape, generator=self.generator)
        higher = (old + 1).clamp(max=len(self.rising) - 1)
        self.level[won] = torch.where(draws < traces[won], higher, self.below[old])
