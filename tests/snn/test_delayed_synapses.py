"""Learnt delays of synapses and axons: a slow reference, narrowing, what an optimiser moves."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from spikesound.params import SynapticDelayParams
from spikesound.snn.neurons import DelayedSynapses

KINDS: list[Literal["synaptic", "axonal"]] = ["synaptic", "axonal"]


def layer(kind: Literal["synaptic", "axonal"], **changes: object) -> DelayedSynapses:
    values = {"kind": kind, "largest": 8, "sigma": 4.0, "rate": 10.0, "narrowing_batches": 20}
    torch.manual_seed(0)
    return DelayedSynapses(SynapticDelayParams.model_validate(values | changes), 3, 4)


def inputs(steps: int = 25) -> torch.Tensor:
    return (torch.rand(steps, 2, 3, generator=torch.Generator().manual_seed(1)) < 0.3).float()


def slow(synapses: DelayedSynapses, x: torch.Tensor) -> torch.Tensor:
    """Each weight times the input its rounded delay ago."""
    delays = synapses.delays.detach()
    out = torch.zeros(len(x), x.shape[1], 4)
    for t in range(len(x)):
        for j in range(4):
            for i in range(3):
                delay = round(float(delays[i] if delays.dim() == 1 else delays[j, i]))
                if t - delay >= 0:
                    out[t, :, j] += synapses.weight[j, i].item() * x[t - delay, :, i]
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_in_evaluation_currents_are_those_of_a_slow_reference(
    kind: Literal["synaptic", "axonal"],
) -> None:
    synapses, x = layer(kind).eval(), inputs()
    assert len({round(each) for each in synapses.delays.flatten().tolist()}) > 1
    assert torch.allclose(synapses(x), slow(synapses, x), atol=1e-6)
    biased = torch.nn.Parameter(torch.arange(4.0))
    synapses.bias = biased
    assert torch.allclose(synapses(x), slow(synapses, x) + biased, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_streaming_gives_the_same_currents(
    kind: Literal["synaptic", "axonal"], training: bool
) -> None:
    synapses, x = layer(kind).train(training), inputs()
    with torch.no_grad():
        whole = synapses(x)
        state = synapses.initial_state(x[0])
        for frame, expected in zip(x, whole, strict=True):
            out, state = synapses.step(frame, state)
            assert torch.allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_width_narrows_with_the_batches_and_is_kept(
    kind: Literal["synaptic", "axonal"],
) -> None:
    synapses, x = layer(kind), inputs()
    widths = []
    for _ in range(30):
        widths.append(synapses.sigma)
        synapses(x)
    assert widths[0] == 4.0
    assert widths[10] == pytest.approx((4.0 * 0.5) ** 0.5)
    assert widths[20:] == [pytest.approx(0.5)] * 10
    copy = layer(kind)
    copy.load_state_dict(synapses.state_dict())
    assert copy.sigma == synapses.sigma
    with torch.no_grad():
        synapses(x)
    assert synapses.batches == 30, "only batches that are learnt from count"


@pytest.mark.parametrize("kind", KINDS)
def test_an_optimiser_moves_delays_by_the_rate(kind: Literal["synaptic", "axonal"]) -> None:
    synapses, x = layer(kind), inputs()
    before = synapses.delays.detach().clone()
    optimiser = torch.optim.Adam(synapses.parameters(), lr=0.01)
    synapses(x).square().sum().backward()
    optimiser.step()
    moved = (synapses.delays.detach() - before).abs()
    assert moved.max().item() == pytest.approx(0.01 * 10.0, rel=1e-3)


def test_weight_decay_draws_delays_to_the_middle() -> None:
    synapses = layer("axonal")
    with torch.no_grad():
        synapses.place.mul_(0)
    assert synapses.delays.tolist() == [4.0, 4.0, 4.0]


@pytest.mark.slow
def test_delays_of_a_teacher_are_found() -> None:
    x = inputs(80)
    teacher = layer("axonal").eval()
    with torch.no_grad():
        teacher.place.copy_((torch.tensor([1.0, 7.0, 4.0]) - 4) / 10)
        teacher.weight.copy_(torch.tensor([[1.0, 0.8, 0.5]] * 4))
        target = teacher(x)
    student = layer("axonal", narrowing_batches=100)
    with torch.no_grad():
        student.weight.copy_(teacher.weight)
    optimiser = torch.optim.Adam(student.parameters(), lr=0.02)
    for _ in range(200):
        optimiser.zero_grad()
        (student(x) - target).square().mean().backward()
        optimiser.step()
    assert student.delays.round().tolist() == [1.0, 7.0, 4.0]
