"""Bounds of learnt constants: a clamp inside; from outside the gradient leads back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from spike_inputs import lif_params
from torch import nn

from spikesound.models.networks.causal import Integrator
from spikesound.models.networks.output import Output
from spikesound.params import ALIFParams, CubaLIFParams
from spikesound.snn.event_driven.spiking_linear import SpikingLinear
from spikesound.snn.neurons.alif import ALIF
from spikesound.snn.neurons.bounds import positive, unit
from spikesound.snn.neurons.cuba_lif import CubaLIF
from spikesound.snn.neurons.lif import LIF

SHARED = {"beta": 0.5, "learn_decays": True, "threshold": 1.0, "surrogate": "atan", "slope": 2.0}


def lif() -> LIF:
    return LIF(lif_params(learn_beta=True, learn_threshold=True))


def alif() -> ALIF:
    return ALIF(ALIFParams.model_validate(SHARED | {"rho": 0.9, "rise": 0.2}))


def cuba() -> CubaLIF:
    return CubaLIF(CubaLIFParams.model_validate(SHARED | {"alpha": 0.5}))


def linear() -> SpikingLinear:
    layer = SpikingLinear(4, 4, lif_params(learn_beta=True, learn_threshold=True))
    nn.init.eye_(layer.linear.weight).requires_grad_(False)
    nn.init.zeros_(layer.linear.bias).requires_grad_(False)
    return layer


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, -0.05, 1.05])
@pytest.mark.parametrize("gradient", [-2.0, 3.0])
def test_a_gradient_passes_unless_it_leads_further_out(value: float, gradient: float) -> None:
    x = torch.tensor(value, requires_grad=True)
    used = unit(x)
    assert used.item() == pytest.approx(min(max(value, 0.0), 1.0))
    (found,) = torch.autograd.grad(used * gradient, x)
    after = value - 0.01 * gradient  # of a step of descent
    further = not 0 <= value <= 1 and abs(after - 0.5) > abs(value - 0.5)
    assert found.item() == (0.0 if further else gradient)


def test_a_threshold_is_used_above_zero() -> None:
    for value in (-0.1, 0.0):
        assert 0 < positive(torch.tensor(value)).item() < 1e-30
    assert positive(torch.tensor(0.7)).item() == torch.tensor(0.7).item()


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (lif, "beta", 1.05),
        (lif, "beta", -0.05),
        (lif, "threshold", -0.05),
        (alif, "beta", 1.05),
        (alif, "rho", -0.01),
        (cuba, "alpha", 1.05),
        (cuba, "beta", -0.05),
        (linear, "neuron.beta", 1.05),
        (linear, "neuron.threshold", -0.05),
        (lambda: Integrator(4), "beta", 1.05),
        (lambda: Output("membrane_sum", nn.Identity), "beta", 1.05),
    ],
)
def test_a_constant_outside_its_bounds_comes_back(
    make: Callable[[], nn.Module], name: str, value: float
) -> None:
    module = make()
    constant = module.get_parameter(name)
    constant.data.fill_(value)
    currents = torch.rand(12, 3, 4, generator=torch.Generator().manual_seed(0))
    if isinstance(module, SpikingLinear):
        currents = (currents < 0.2).float()
    # A loss that falls on the way back: more is put out with a higher decay (less by an integrator,
    # which takes 1 - beta of its input), a lower threshold or a shorter adaptation.
    falls = value > 1 or name in ("rho", "threshold", "neuron.threshold")
    sign = 1.0 if falls != isinstance(module, Integrator) else -1.0
    optimiser = torch.optim.Adam([constant], 0.01)
    for _ in range(30):
        optimiser.zero_grad()
        (sign * module(currents).mean()).backward()
        optimiser.step()
        if 0 < constant.item() < 1:
            return
    raise AssertionError(f"{name} stayed at {constant.item()}")


def test_inside_the_bounds_nothing_differs_from_a_clamp() -> None:
    draws = torch.rand(100, generator=torch.Generator().manual_seed(0))
    ours, clamped = (draws.clone().requires_grad_() for _ in range(2))
    weights = torch.randn(100, generator=torch.Generator().manual_seed(1))
    assert torch.equal(unit(ours), clamped.clamp(0, 1))
    (one,) = torch.autograd.grad((unit(ours) * weights).sum(), ours)
    (other,) = torch.autograd.grad((clamped.clamp(0, 1) * weights).sum(), clamped)
    assert torch.equal(one, other)
