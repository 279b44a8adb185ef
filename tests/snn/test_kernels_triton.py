"""Triton kernels compiled for graphics processors that need not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
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
        self.memory: list[list[str]] = []  # loads and stores, in the order of the code

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        def call(*arguments: Any, **constants: Any) -> None:
            compiled = self.kernel.warmup(*arguments, grid=grid, **constants)
            self.sizes.append(len(compiled.asm["cubin"]))
            self.memory.append(re.findall(r"\b(ld|st)\.global", compiled.asm["ptx"]))

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


def assert_compiled(
    kernels: Any, shape: tuple[int, ...], rule: Rule, dtype: torch.dtype = torch.float32
) -> None:
    currents = torch.zeros(shape, dtype=dtype, requires_grad=True)
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


@pytest.mark.slow
@pytest.mark.parametrize("refractory", [0, 2])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_kernels_compile_for_half_precision(
    kernels: ModuleType, dtype: torch.dtype, refractory: int
) -> None:
    assert_compiled(kernels, (20, 2, 16), Rule(refractory=refractory), dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_loads_of_the_steps_ahead_come_before_the_first_store(
    kernels: ModuleType, dtype: torch.dtype
) -> None:
    assert_compiled(kernels, (20, 2, 16), Rule(), dtype)
    scalars, step = 2, 2  # decay and threshold; the backward pass loads gradient and potential
    for kernel, loads in ((kernels._forward, 1), (kernels._backward, step)):
        for memory in kernel.memory:
            ahead = memory.index("st")
            assert ahead >= scalars + loads * (kernels.AHEAD + 1), memory
            assert memory.count("st") >= kernels.AHEAD, "the loop is unrolled"


@pytest.mark.parametrize(
    ("columns", "multiprocessors", "block"),
    [
        (16384 * 16, 132, 256),  # 1024 programs, four a multiprocessor are 528
        (132 * 4 * 128, 132, 128),
        (132 * 4 * 128 - 128, 132, 64),
        (132 * 4 * 64, 132, 64),
        (256 * 64, 132, 32),
        (1, 132, 32),
        (256 * 64, 16, 256),
    ],
)
def test_small_networks_are_divided_into_more_programs(
    columns: int, multiprocessors: int, block: int
) -> None:
    from spikesound.snn.kernels import triton_lif

    assert triton_lif.block_of(columns, multiprocessors) == block


def test_the_device_of_the_tensors_is_the_current_one() -> None:
    from spikesound.snn.kernels import triton_lif

    guard = triton_lif._current(torch.device("cuda", 1))
    assert isinstance(guard, torch.cuda.device)
    assert guard.idx == 1
    with triton_lif._current(torch.device("cpu")):
        pass


def test_both_passes_are_launched_within_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikesound.snn.kernels import triton_lif

    events: list[str] = []

    @contextmanager
    def current(device: torch.device) -> Iterator[None]:
        events.append(str(device))
        yield
        events.append("left")

    class Launched:
        def __init__(self, name: str) -> None:
            self.name = name

        def __getitem__(self, grid: tuple[int, ...]) -> Any:
            return lambda *arguments, **constants: events.append(self.name)

    monkeypatch.setattr(triton_lif, "_current", current)
    for name in ("_forward", "_backward"):
        monkeypatch.setattr(triton_lif, name, Launched(name))
    currents = torch.zeros(3, 5, requires_grad=True)
    triton_lif.lif(currents, torch.tensor(0.5), torch.tensor(1.0), Rule()).sum().backward()
    assert events == ["cpu", "_forward", "left", "cpu", "_backward", "left"]
