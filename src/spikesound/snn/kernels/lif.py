"""Leaky integrate-and-fire: currents to spikes, by the backend that suits device and dtype."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from spikesound.core.errors import SpikesoundError, choose
from spikesound.snn.kernels import torch_lif
from spikesound.snn.kernels.memory_order import flattened, laid_as, memory_order, shaped
from spikesound.snn.kernels.rule import Rule, once
from spikesound.snn.kernels.untraced import untraced

Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Rule], torch.Tensor]

HAS_TRITON = find_spec("triton") is not None
TRITON_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def lif(
    currents: torch.Tensor,
    beta: torch.Tensor,
    threshold: torch.Tensor,
    rule: Rule,
    backend: str = "auto",
) -> torch.Tensor:
    """Map currents (time, ...) to spikes of the same shape, from rest.

    Equations: :func:`spikesound.snn.kernels.torch_lif.step`. Gradients reach currents, ``beta`` and
    ``threshold``. For training, ``numba`` and ``triton`` keep 4 bytes per current, 5 with a
    refractory period; they go backward once only (no ``retain_graph``) and have no second
    derivative. ``torch.compile`` calls them as they are; ``torch.export`` gets the plain loop.

    Spikes and the currents' gradient have the type of the currents. The potential has it too with
    ``torch``; ``triton`` computes in float32 whatever the type: its spikes are those of the plain
    loop on the same currents in float32.

    Parameters
    ----------
    currents : of any type; whole numbers and booleans are taken as floats
    beta, threshold : scalars; for ``torch`` also of the shape of one step, as one for each neuron
    backend : ``torch`` (any device and type), ``numba`` (processor, float32), ``triton`` (CUDA,
        float32, float16, bfloat16), or ``auto``: the fastest of them that can take these currents
        and scalars

    Raises
    ------
    SpikesoundError
        If the backend is not known, not installed, or cannot take these currents and scalars.
    """
    if not currents.is_floating_point():
        currents = currents.to(torch.get_default_dtype())
    name = _fitting(currents, beta, threshold) if backend == "auto" else backend
    return choose(KERNELS, name, "backend")(currents, beta, threshold, rule)


def _fitting(currents: torch.Tensor, beta: torch.Tensor, threshold: torch.Tensor) -> str:
    plain = torch.compiler.is_exporting() or not (beta.numel() == threshold.numel() == 1)
    if plain or not currents.numel():
        return "torch"
    if currents.device.type == "cuda" and HAS_TRITON and currents.dtype in TRITON_DTYPES:
        return "triton"
    fits = currents.device.type == "cpu" and currents.dtype == torch.float32
    return "numba" if fits else "torch"


@untraced
def _numba(
    currents: torch.Tensor, beta: torch.Tensor, threshold: torch.Tensor, rule: Rule
) -> torch.Tensor:
    _check("numba", currents, beta, threshold, ("cpu",), (torch.float32,))
    spikes: torch.Tensor = _NumbaLIF.apply(currents, beta, threshold, rule)
    return spikes


@untraced
def _triton(
    currents: torch.Tensor, beta: torch.Tensor, threshold: torch.Tensor, rule: Rule
) -> torch.Tensor:
    if not HAS_TRITON:
        raise SpikesoundError("backend 'triton' is not installed; valid: auto, numba, torch")
    from spikesound.snn.kernels import triton_lif

    devices = ("cpu", "cuda") if triton_lif.INTERPRETED else ("cuda",)
    _check("triton", currents, beta, threshold, devices, TRITON_DTYPES)
    return triton_lif.lif(currents, beta, threshold, rule)


KERNELS: dict[str, Kernel] = {"torch": torch_lif.lif, "numba": _numba, "triton": _triton}


def _check(
    name: str,
    currents: torch.Tensor,
    beta: torch.Tensor,
    threshold: torch.Tensor,
    devices: tuple[str, ...],
    dtypes: tuple[torch.dtype, ...],
) -> None:
    if currents.dtype not in dtypes or currents.device.type not in devices:
        valid = " or ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise SpikesoundError(
            f"backend {name!r} takes {valid} on {' or '.join(devices)}, not {currents.dtype} on "
            f"{currents.device.type}; 'auto' and 'torch' take any"
        )
    if not (beta.numel() == threshold.numel() == 1):
        raise SpikesoundError(
            f"backend {name!r} takes one decay and one threshold, not {beta.numel()} and "
            f"{threshold.numel()}; 'auto' and 'torch' take one for each neuron"
        )
    if torch.compiler.is_exporting():
        raise SpikesoundError(f"backend {name!r} cannot be exported; 'auto' and 'torch' can")


class _NumbaLIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, currents: torch.Tensor, beta: torch.Tensor, threshold: torch.Tensor, rule: Rule
    ) -> torch.Tensor:
        from spikesound.snn.kernels import compiled, numba_lif

        compiled.share_threads()
        order = memory_order(currents)
        flat = flattened(currents, order)
        columns = flat.shape[1]
        trains = any(ctx.needs_input_grad)
        membrane = torch.empty_like(flat) if trains else flat.new_empty(0, 0)
        kept = trains and rule.refractory > 0
        held = torch.empty(flat.shape if kept else (0, 0), dtype=torch.uint8)
        spikes = torch.empty_like(flat)
        state = np.zeros(columns, np.float32), np.zeros(columns, np.int32)
        law = numba_lif.law(beta.item(), threshold.item(), rule)
        numba_lif.forward(
            flat.detach().numpy(), membrane.numpy(), held.numpy(), spikes.numpy(), *state, law
        )
        ctx.save_for_backward(membrane, held)
        ctx.law, ctx.rule, ctx.order, ctx.strides = law, rule, order, currents.stride()
        ctx.scalars = beta, threshold
        return shaped(spikes, currents.shape, order)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        from spikesound.snn.kernels import compiled, numba_lif

        once(ctx)
        compiled.share_threads()
        (gradient,) = gradients
        membrane, held = ctx.saved_tensors
        flat = flattened(gradient, ctx.order)
        sums = np.zeros((-(-flat.shape[1] // numba_lif.WIDTH), 2))
        numba_lif.backward(
            flat.detach().numpy(),
            membrane.numpy(),
            held.numpy(),
            sums,
            numba_lif.WIDTH,
            ctx.law,
            numba_lif.slope(ctx.rule),
        )
        of_beta, of_threshold = (
            torch.full_like(scalar, total)
            for scalar, total in zip(ctx.scalars, sums.sum(0), strict=True)
        )
        of_currents = laid_as(shaped(membrane, gradient.shape, ctx.order), ctx.strides)
        return of_currents, of_beta, of_threshold, None
