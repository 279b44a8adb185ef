"""Triton kernels compiled for graphics processors that need not be there."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from spikesound.snn.kernels.rule import RESETS, SURROGATE_CODES, Rule

pytest.importorskip("triton")

SHAPES = [(7, 3, 61), (4, 16), (1, 5), (1, 16), (5, 1), (16, 1), (1, 1), (1, 1, 1), (2, 200)]
"""Triton makes a 1 a constant of the kernel, and treats multiples of 16 apart."""


class Ahead:
    """A kernel that is compiled by a call, with what the call would run it with, and not run."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.sizes: list[int] = []

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        def call(*arguments: Any, **constants: Any) -> None:
            compiled = self.kernel.warmup(*arguments, grid=grid, **constants)
            self.sizes.append(len(compiled.asm["cubin"]))

        return call


@pytest.fixture(params=[80, 90], ids=["sm_80", "sm_90"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, with kernels that are compiled for a processor of this generation."""
    from triton.backends.compiler import GPUTarget
    from triton.runtime.driver import driver

    from spikesound.snn.kernels import triton_lif

    if triton_lif.INTERPRETED:
        pytest.skip("TRITON_INTERPRET is set")
    generation = request.param
    stub = SimpleNamespace(
        get_current_target=lambda: GPUTarget("cuda", generation, 32),
        get_current_device=lambda: generation,
        get_current_stream=lambda device: 0,
    )
    monkeypatch.setattr(driver, "_active", stub)
    for name in ("_forward", "_backward"):
        monkeypatch.setattr(triton_lif, name, Ahead(getattr(triton_lif, name)))
    return triton_lif


def assert_compiled(kernels: Any, shape: tuple[int, ...], rule: Rule) -> None:
    currents = torch.zeros(shape, requires_grad=True)
    for given in (currents.detach(), currents):  # without and with what the backward pass needs
        spikes = kernels.lif(given, torch.tensor(0.5), torch.tensor(1.0), rule)
    spikes.sum().backward()
    assert len(kernels._forward.sizes) == 2
    assert len(kernels._backward.sizes) == 1
    assert min(kernels._forward.sizes + kernels._backward.sizes) > 0


@pytest.mark.slow
@pytest.mark.parametrize("refractory", [0, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_kernels_compile_for_every_shape(
    kernels: ModuleType, shape: tuple[int, ...], refractory: int
) -> None:
    assert_compiled(kernels, shape, Rule(refractory=refractory))


@pytest.mark.slow
@pytest.mark.parametrize("name", SURROGATE_CODES)
@pytest.mark.parametrize("reset", RESETS)
def test_kernels_compile_for_every_rule(kernels: ModuleType, reset: str, name: str) -> None:
    assert_compiled(kernels, (5, 1), Rule(reset, 1, name, 1.5))
