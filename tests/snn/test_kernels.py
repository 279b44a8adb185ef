"""Kernels of leaky integrate-and-fire: each backend against snnTorch and against the plain loop."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import snntorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from project import ROOT, SRC
from snntorch import surrogate
from spike_inputs import lif_params

from spikesound.core.errors import SpikesoundError
from spikesound.snn.kernels.lif import lif
from spikesound.snn.kernels.rule import RESETS, SURROGATE_CODES, Rule
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.surrogate import DERIVATIVES, SURROGATES

BACKENDS = ["torch", "numba"]
THEIRS = {
    "atan": lambda slope: surrogate.atan(alpha=slope),
    "fast_sigmoid": lambda slope: surrogate.fast_sigmoid(slope=slope),
    "straight_through": lambda slope: surrogate.straight_through_estimator(),
}


def drawn(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def results(spikes: torch.Tensor, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the spikes, and the gradients of a weighted sum of them."""
    weights = drawn(tuple(spikes.shape), 1)
    return [spikes.detach(), *torch.autograd.grad((spikes * weights).sum(), leaves)]


def ours(
    currents: torch.Tensor, beta: float, threshold: float, rule: Rule, backend: str
) -> list[torch.Tensor]:
    leaves = [currents.clone(), torch.tensor(beta), torch.tensor(threshold)]
    for leaf in leaves:
        leaf.requires_grad_()
    spikes = lif(leaves[0], leaves[1].clamp(0, 1), leaves[2], rule, backend)
    return results(spikes, leaves)


def snntorchs(
    currents: torch.Tensor, beta: float, threshold: float, rule: Rule
) -> list[torch.Tensor]:
    cell = snntorch.Leaky(
        beta=beta,
        learn_beta=True,
        threshold=threshold,
        learn_threshold=True,
        spike_grad=THEIRS[rule.surrogate](rule.slope),
        reset_mechanism=rule.reset,
    )
    leaf = currents.clone().requires_grad_()
    potential = torch.zeros_like(currents[0])
    spikes = []
    for current in leaf.unbind(0):
        spike, potential = cell(current, potential)
        spikes.append(spike)
    return results(torch.stack(spikes), [leaf, cell.beta, cell.threshold])


def assert_same(mine: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    """Spikes identical; currents' gradient within 1e-5 of its largest value.

    Gradients of decay and threshold are sums over all of it, of both signs, and are compared with
    what can be lost in such a sum.
    """
    assert torch.equal(mine[0], theirs[0])
    largest = theirs[1].abs().max()
    assert (mine[1] - theirs[1]).abs().max() <= 1e-5 * largest
    for a, b in zip(mine[2:], theirs[2:], strict=True):
        assert (a - b).abs() <= 1e-5 * (b.abs() + theirs[1].abs().sum())


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 20),
    shape=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    beta=st.floats(0, 1),
    threshold=st.floats(0.25, 2),
    reset=st.sampled_from(RESETS),
    name=st.sampled_from(sorted(THEIRS)),
    slope=st.floats(0.25, 25),
    seed=st.integers(0, 1000),
)
def test_spikes_and_gradients_are_snntorchs(  # type: ignore[no-untyped-def]
    backend, steps, shape, beta, threshold, reset, name, slope, seed
) -> None:
    currents = threshold * (0.3 + drawn((steps, *shape), seed))
    currents[0].flatten()[0] = 2 * threshold  # at least one spike
    rule = Rule(reset, 0, name, slope)
    theirs = snntorchs(currents, beta, threshold, rule)
    assert theirs[0].any()
    assert_same(ours(currents, beta, threshold, rule, backend), theirs)


def test_many_strips_of_neurons_give_what_one_gives() -> None:
    currents = drawn((30, 3, 1111))  # more than three strips, the last of them short
    rule = Rule()
    theirs = snntorchs(currents, 0.9, 1.0, rule)
    assert 0.01 < theirs[0].mean() < 0.5
    assert_same(ours(currents, 0.9, 1.0, rule, "numba"), theirs)


@pytest.mark.parametrize("refractory", [0, 1, 3])
@pytest.mark.parametrize("name", SURROGATE_CODES)
@pytest.mark.parametrize("reset", RESETS)
def test_numba_is_the_plain_loop(reset: str, name: str, refractory: int) -> None:
    currents = drawn((25, 4, 50)) + 0.3
    rule = Rule(reset, refractory, name, 1.5)
    plain = ours(currents, 0.8, 0.9, rule, "torch")
    assert plain[0].any()
    assert_same(ours(currents, 0.8, 0.9, rule, "numba"), plain)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("reset", "spikes"),
    [
        # held for two steps after each spike; the potential stays at 2 - 1 = 1, at 0, or at 2
        ("subtract", [1, 0, 0, 0, 1, 0]),  # ... then 0.5 + 0.4 = 0.9, 0.45 + 0.6 = 1.05
        ("zero", [1, 0, 0, 0, 0, 1]),  # ... then 0.4, 0.8, 0.4 + 1 = 1.4
        ("none", [1, 0, 0, 1, 0, 0]),  # ... then 1 + 0.4 = 1.4
    ],
)
def test_refractory_trace_by_hand(backend: str, reset: str, spikes: list[int]) -> None:
    currents = torch.tensor([2.0, 9.0, 9.0, 0.4, 0.6, 1.0]).reshape(-1, 1)
    half, one = torch.tensor(0.5), torch.tensor(1.0)
    assert lif(currents, half, one, Rule(reset, 2), backend).flatten().tolist() == spikes


@settings(max_examples=25, deadline=None)
@given(refractory=st.integers(0, 5), seed=st.integers(0, 1000), reset=st.sampled_from(RESETS))
def test_no_two_spikes_come_within_the_refractory_period(
    refractory: int, seed: int, reset: str
) -> None:
    currents = 2 * drawn((40, 30), seed) + 1
    spikes = lif(currents, torch.tensor(0.9), torch.tensor(1.0), Rule(reset, refractory), "numba")
    assert spikes.any()
    for column in spikes.T:
        assert (column.nonzero().flatten().diff() > refractory).all()


def interpreted(folder: Path, code: str) -> None:
    """Run code with all of this module in a process of its own, where triton is interpreted.

    The interpreter is chosen when triton is imported.
    """
    pytest.importorskip("triton")
    script = folder / "run.py"
    lines = f"from test_kernels import *\n{code}print('done')\n"
    script.write_text(lines, encoding="utf-8")
    folders = (Path(__file__).parent, ROOT / "tests/support", SRC)
    paths = os.pathsep.join(str(folder) for folder in folders)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("done\n"), done.stderr


@pytest.mark.slow
def test_a_triton_kernel_is_the_plain_loop(tmp_path: Path) -> None:
    interpreted(
        tmp_path,
        "from itertools import product\n"
        "for refractory, reset, shape in product((0, 2), RESETS, ((11, 3, 21), (7, 1))):\n"
        "    for name in SURROGATE_CODES:\n"
        "        rule = Rule(reset, refractory, name, 1.5)\n"
        "        currents = drawn(shape) + 0.3\n"
        "        plain = ours(currents, 0.8, 0.9, rule, 'torch')\n"
        "        assert plain[0].any()\n"
        "        assert_same(ours(currents, 0.8, 0.9, rule, 'triton'), plain)\n"
        "        if rule.refractory == 0 and name in THEIRS:\n"
        "            assert_same(ours(currents, 0.8, 0.9, rule, 'triton'),\n"
        "                        snntorchs(currents, 0.8, 0.9, rule))\n"
        "empty, half = torch.zeros(0, 3), torch.tensor(0.5)\n"
        "assert lif(empty, half, half, Rule(), 'triton').shape == (0, 3)\n",
    )


@pytest.mark.slow
def test_triton_spikes_of_half_precision_are_those_of_float32(tmp_path: Path) -> None:
    interpreted(
        tmp_path,
        "from itertools import product\n"
        "rules = Rule(), Rule('zero', 2, 'fast_sigmoid'), Rule('none', 1, 'triangular', 0.5)\n"
        "for rule, shape in product(rules, ((11, 3, 21), (7, 1))):\n"
        "    for dtype in (torch.float16, torch.bfloat16):\n"
        "        assert_half_is_float32((drawn(shape) + 0.3).to(dtype), rule)\n"
        "        assert_potential_is_float32(dtype)\n",
    )


def assert_potential_is_float32(dtype: torch.dtype) -> None:
    """Assert a spike at a potential of 1 + 2^-12, which half precision rounds to the threshold."""
    currents = torch.tensor([2.0**-11, 1.0], dtype=dtype).unsqueeze(1)
    half, one = torch.tensor(0.5), torch.tensor(1.0)
    assert lif(currents, half, one, Rule(), "torch").flatten().tolist() == [0, 0]
    assert lif(currents, half, one, Rule(), "triton").flatten().tolist() == [0, 1]


def assert_half_is_float32(currents: torch.Tensor, rule: Rule) -> None:
    """Assert spikes of the float32 loop, and its gradient rounded to the currents' type."""
    dtype = currents.dtype
    weights = drawn(tuple(currents.shape), 1).to(dtype)
    found = []
    for leaf, backend in ((currents, "triton"), (currents.float(), "torch")):
        leaves = [leaf.clone(), torch.tensor(0.8), torch.tensor(0.9)]
        for each in leaves:
            each.requires_grad_()
        spikes = lif(*leaves, rule, backend)
        assert spikes.dtype == leaf.dtype
        given = weights.to(leaf.dtype)
        found.append([spikes.detach(), *torch.autograd.grad(spikes, leaves, given)])
    (spikes, gradient, *scalars), (plain, wanted, *sums) = found
    assert plain.any()
    assert gradient.dtype == dtype
    assert torch.equal(spikes.float(), plain)
    # A whole step of the type and not half of one: the interpreter cuts bfloat16 off.
    rounding = torch.finfo(dtype).eps * wanted.abs() + torch.finfo(dtype).smallest_normal
    assert ((gradient.float() - wanted).abs() <= rounding + 1e-5 * wanted.abs().max()).all()
    for mine, theirs in zip(scalars, sums, strict=True):
        assert mine.dtype == torch.float32
        assert (mine - theirs).abs() <= 1e-5 * (theirs.abs() + wanted.abs().sum())


@pytest.mark.parametrize("name", SURROGATE_CODES)
def test_kernels_and_neurons_mean_the_same_surrogates(name: str) -> None:
    currents = torch.linspace(-3, 3, 41)[None]
    rule = Rule(surrogate=name, slope=0.7)
    _, gradient, _, _ = ours(currents, 0.5, 1.0, rule, "numba")
    expected = DERIVATIVES[name](currents - 1, 0.7) * drawn((1, 41), 1)
    assert torch.allclose(gradient, expected, rtol=1e-5, atol=1e-7)
    assert set(SURROGATE_CODES) == set(SURROGATES)


@pytest.mark.parametrize("refractory", [0, 3])
@pytest.mark.parametrize("reset", RESETS)
def test_a_stream_of_steps_gives_the_spikes_of_one_call(reset: str, refractory: int) -> None:
    neuron = LIF(lif_params(reset=reset, refractory=refractory))
    currents = drawn((30, 4, 20)) + 0.3
    state = neuron.initial_state(currents[0])
    spikes = []
    for current in currents:
        spike, state = neuron.step(current, state)
        spikes.append(spike)
    whole = neuron(currents)
    assert whole.any()
    assert torch.equal(torch.stack(spikes), whole)


def test_training_keeps_four_bytes_a_current_and_five_with_a_refractory_period() -> None:
    for refractory, most in ((0, 4), (2, 5)):
        sizes: list[int] = []

        def count(kept: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(kept.numel() * kept.element_size())
            return kept

        currents = drawn((50, 200)).requires_grad_()
        scalars = torch.tensor(0.9), torch.tensor(1.0)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda kept: kept):
            lif(currents, *scalars, Rule(refractory=refractory), "numba")
        assert sum(sizes) <= most * currents.numel()


def test_other_types_take_the_plain_loop_and_named_backends_refuse_them() -> None:
    currents = drawn((5, 6)).double()
    scalars = torch.tensor(0.9), torch.tensor(1.0)
    assert lif(currents, *scalars, Rule()).dtype == torch.float64
    with pytest.raises(SpikesoundError, match=r"'numba' takes float32 on cpu, not torch.float64"):
        lif(currents, *scalars, Rule(), "numba")


def test_a_second_backward_pass_is_refused_and_not_wrong() -> None:
    currents = drawn((5, 6)).requires_grad_()
    spikes = lif(currents, torch.tensor(0.9), torch.tensor(1.0), Rule(), "numba").sum()
    spikes.backward(retain_graph=True)
    with pytest.raises(SpikesoundError, match="runs once"):
        spikes.backward()


def test_a_second_derivative_is_right_or_refused() -> None:
    """Of S = [w x > 1] with the atan surrogate h: dS/dx = w h(w x - 1), and its square's by w."""
    w, x = torch.tensor(1.0, requires_grad=True), torch.full((1, 1, 1), 0.8, requires_grad=True)

    def penalty(backend: str) -> torch.Tensor:
        spikes = lif(w * x, torch.tensor(0.9), torch.tensor(1.0), Rule(), backend)
        (slope,) = torch.autograd.grad(spikes.sum(), x, create_graph=True)
        return slope.square().sum()

    (found,) = torch.autograd.grad(penalty("torch"), w)
    squared = 1 + (math.pi * 0.2) ** 2  # h = 1 / (1 + (pi u)^2) at u = -0.2
    height, rise = 1 / squared, 2 * math.pi**2 * 0.2 / squared**2
    assert found.item() == pytest.approx(2 * height * (height + rise * 0.8), rel=1e-5)
    with pytest.raises(SpikesoundError, match=r"no second derivative.*'torch' has one"):
        penalty("numba")


def test_unknown_names_list_the_valid_ones() -> None:
    with pytest.raises(SpikesoundError, match=r"unknown reset 'half'.*none, subtract, zero"):
        Rule("half")
    with pytest.raises(SpikesoundError, match=r"unknown surrogate 'box'.*atan, fast_sigmoid"):
        Rule(surrogate="box")
    with pytest.raises(SpikesoundError, match=r"unknown backend 'numpy'.*numba, torch, triton"):
        lif(drawn((2, 2)), torch.tensor(0.9), torch.tensor(1.0), Rule(), "numpy")


def test_learnt_threshold_and_decay_of_the_neuron_get_gradients() -> None:
    neuron = LIF(lif_params(learn_beta=True, learn_threshold=True))
    neuron(drawn((10, 30))).sum().backward()
    for value in (neuron.beta, neuron.threshold):
        assert value.grad is not None
        assert value.grad.abs() > 0
    fixed = LIF(lif_params())
    assert not any(value.requires_grad for value in fixed.parameters())


def assert_keeps_layout(backend: str) -> None:
    """Assert it of spikes and gradient.

    Else what comes after it in a network with channels last is many times slower.
    """
    plain = torch.rand(3 * 2, 4, 5, 6).mul(2).contiguous(memory_format=torch.channels_last)
    currents = plain.unflatten(0, (3, 2)).requires_grad_()
    weights = drawn(tuple(currents.shape), 1)
    beta, threshold = torch.tensor(0.5), torch.tensor(1.0)
    spikes = lif(currents, beta, threshold, Rule(), backend)
    assert spikes.stride() == currents.stride()
    looped = lif(currents, beta, threshold, Rule(), "torch")
    assert torch.equal(spikes, looped)
    (gradient,) = torch.autograd.grad(spikes, currents, weights)
    assert gradient.stride() == currents.stride()
    (wanted,) = torch.autograd.grad(looped, currents, weights)
    assert torch.allclose(gradient, wanted, atol=1e-5)


def test_the_gradient_lies_in_memory_as_currents_whose_time_is_not_first() -> None:
    """Detectors' do, which a convolution makes; a batch norm that reads another order is slow."""
    currents = torch.rand(4, 5, 6, 3).permute(1, 0, 3, 2).requires_grad_()
    spikes = lif(currents, torch.tensor(0.5), torch.tensor(1.0), Rule(), "numba")
    (gradient,) = torch.autograd.grad(spikes.sum(), currents)
    assert gradient.stride() == currents.stride()


def test_the_gradient_of_currents_that_are_repeated_has_time_first() -> None:
    """As direct coding has them: the sum over time that follows goes through whole steps."""
    currents = torch.rand(1, 3, 4).expand(5, 3, 4).requires_grad_()
    spikes = lif(currents, torch.tensor(0.5), torch.tensor(1.0), Rule(), "numba")
    (gradient,) = torch.autograd.grad(spikes.sum(), currents)
    assert gradient.stride() == (12, 4, 1)


def test_the_fused_kernel_keeps_the_layout_of_its_currents() -> None:
    assert_keeps_layout("numba")
