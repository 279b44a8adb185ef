"""Numbers of spikes a frame from currents, compiled, where device and type allow it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from spikesound.snn.kernels.memory_order import flattened, laid_as, memory_order, shaped
from spikesound.snn.kernels.rule import once
from spikesound.snn.kernels.untraced import untraced

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def suits(currents: torch.Tensor) -> bool:
    """Return whether the compiled kernel can take these currents."""
    plain = torch.compiler.is_exporting() or not currents.numel()
    return not plain and currents.device.type == "cpu" and currents.dtype in DTYPES


@untraced
def multi_spike(
    currents: torch.Tensor, beta: torch.Tensor, levels: int, reset: str
) -> torch.Tensor:
    """Map currents (time, ...) to numbers of spikes of the same shape, 0 to ``levels``, from rest.

    The equations are those of :class:`spikesound.snn.neurons.multi_spike_lif.MultiSpikeLIF`, whose
    loop over time is the definition. Gradients reach currents and ``beta``. The potential is kept
    in float32 whatever the currents' type; numbers and the currents' gradient have that type.

    Parameters
    ----------
    currents : on the processor, float32, bfloat16 or float16
    beta : a scalar
    levels : the most spikes of a frame
    reset : ``none``, or ``subtract``: what came is taken off the potential

    Raises
    ------
    SpikesoundError
        If its backward pass is run twice, or a second derivative is asked for.
    """
    numbers: torch.Tensor = _MultiSpike.apply(currents, beta, levels, reset)
    return numbers


class _MultiSpike(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, currents: torch.Tensor, beta: torch.Tensor, levels: int, reset: str
    ) -> torch.Tensor:
        from spikesound.snn.kernels import compiled, numba_multi_spike

        compiled.share_threads()
        order = memory_order(currents)
        flat = flattened(currents.detach(), order).float()
        membrane = torch.empty_like(flat) if any(ctx.needs_input_grad) else flat.new_empty(0, 0)
        numbers = torch.empty_like(flat)
        ctx.law = (
            np.float32(beta.item()),
            np.float32(levels),
            np.float32(1.0 if reset == "subtract" else 0.0),
        )
        numba_multi_spike.forward(flat.numpy(), membrane.numpy(), numbers.numpy(), *ctx.law)
        ctx.save_for_backward(membrane)
        ctx.order, ctx.strides, ctx.beta = order, currents.stride(), beta
        return shaped(numbers.to(currents.dtype), currents.shape, order)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        from spikesound.snn.kernels import compiled, numba_lif, numba_multi_spike

        once(ctx)
        compiled.share_threads()
        (gradient,) = gradients
        (membrane,) = ctx.saved_tensors
        flat = flattened(gradient.detach(), ctx.order).float()
        sums = np.zeros((-(-flat.shape[1] // numba_lif.WIDTH), 1))
        numba_multi_spike.backward(flat.numpy(), membrane.numpy(), sums, *ctx.law)
        of_currents = shaped(membrane.to(gradient.dtype), gradient.shape, ctx.order)
        of_beta = torch.full_like(ctx.beta, sums.sum())
        return laid_as(of_currents, ctx.strides), of_beta, None, None
