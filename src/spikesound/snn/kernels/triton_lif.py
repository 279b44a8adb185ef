"""Leaky integrate-and-fire on a CUDA device: one pass over time forward, one backward.

Each program holds a block of columns in registers and goes through time. With
``TRITON_INTERPRET=1`` set before the import, triton runs the same code on the processor: slow, but
enough to test it. Fused multiply-add is off, so that potentials round as in the plain loop.
"""

from __future__ import annotations

import math
import os
from typing import Any

import torch
import triton
import triton.language as tl

from spikesound.snn.kernels.rule import Rule, once

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
BLOCK = 128


@triton.jit  # type: ignore[untyped-decorator]
def _forward(  # type: ignore[no-untyped-def]
    currents,
    membrane,
    held,
    spikes,
    scalars,
    steps,
    columns,
    STAYS: tl.constexpr,
    DROPS: tl.constexpr,
    REFRACTORY: tl.constexpr,
    KEEP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < columns
    beta = tl.load(scalars)
    threshold = tl.load(scalars + 1)
    u = tl.zeros([BLOCK], tl.float32)
    wait = tl.zeros([BLOCK], tl.int32)
    for _ in range(steps):
        current = tl.load(currents + at, mask=inside, other=0.0)
        holds = wait > 0
        before = (u > threshold) & (wait == REFRACTORY)
        kept = tl.where(before, u * STAYS, u)
        lost = tl.where(before, threshold * DROPS, 0.0)
        u = tl.where(holds, kept - lost, beta * kept + current - lost)
        fires = (u > threshold) & (wait <= 0)
        tl.store(spikes + at, fires.to(tl.float32), mask=inside)
        if KEEP:
            tl.store(membrane + at, u, mask=inside)
            if REFRACTORY > 0:
                tl.store(held + at, holds.to(tl.uint8), mask=inside)
        wait = tl.where(fires, REFRACTORY, tl.maximum(wait - 1, 0))
        at += columns


@triton.jit  # type: ignore[untyped-decorator]
def _slope_at(above, steepness, CODE: tl.constexpr):  # type: ignore[no-untyped-def]
    if CODE == 0:
        scaled = steepness * above
        out = steepness * 0.3183098861837907 / (1.0 + scaled * scaled)
    elif CODE == 1:
        scaled = 1.0 + steepness * tl.abs(above)
        out = 1.0 / (scaled * scaled)
    elif CODE == 2:
        out = tl.maximum(1.0 - steepness * tl.abs(above), 0.0)
    else:
        out = above * 0.0 + 1.0
    return out


@triton.jit  # type: ignore[untyped-decorator]
def _backward(  # type: ignore[no-untyped-def]
    gradient,
    membrane,
    held,
    sums,
    scalars,
    steps,
    columns,
    steepness,
    STAYS: tl.constexpr,
    DROPS: tl.constexpr,
    REFRACTORY: tl.constexpr,
    CODE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    column = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    beta = tl.load(scalars)
    threshold = tl.load(scalars + 1)
    carry = tl.zeros([BLOCK], tl.float32)
    of_beta = tl.zeros([BLOCK], tl.float32)
    of_threshold = tl.zeros([BLOCK], tl.float32)
    at = column + (steps - 1) * tl.cast(columns, tl.int64)  # not columns.to: 1 is a constant
    u = tl.load(membrane + at, mask=inside, other=0.0)
    for back in range(steps):
        first = back == steps - 1  # at which the neuron was at rest before
        before_at = inside & (not first)
        last = tl.load(membrane + at - columns, mask=before_at, other=0.0)
        before = last > threshold
        holds = column < 0
        if REFRACTORY > 0:
            holds = tl.load(held + at, mask=inside, other=0) > 0
            before = before & (tl.load(held + at - columns, mask=before_at, other=1) == 0)
        g = tl.load(gradient + at, mask=inside, other=0.0)
        by_spike = tl.where(holds, 0.0, g * _slope_at(u - threshold, steepness, CODE))
        total = carry + by_spike
        factor = tl.where(before, STAYS, 1.0)
        of_beta += tl.where(holds, 0.0, total * factor * last)
        of_threshold -= by_spike + tl.where(before, total * DROPS, 0.0)
        tl.store(membrane + at, tl.where(holds, 0.0, total), mask=inside)
        carry = total * factor * tl.where(holds, 1.0, beta)
        u = last
        at -= columns
    tl.store(sums + column, of_beta, mask=inside)
    tl.store(sums + columns + column, of_threshold, mask=inside)


class _LIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, currents: torch.Tensor, beta: torch.Tensor, threshold: torch.Tensor, rule: Rule
    ) -> torch.Tensor:
        flat = currents.detach().reshape(len(currents), math.prod(currents.shape[1:])).contiguous()
        trains = any(ctx.needs_input_grad)
        membrane = torch.empty_like(flat) if trains else flat.new_empty(1)
        kept = trains and rule.refractory > 0
        held = torch.empty(flat.shape if kept else 1, dtype=torch.uint8, device=flat.device)
        spikes = torch.empty_like(flat)
        scalars = torch.stack([beta.reshape(()), threshold.reshape(())]).detach().to(flat)
        steps, columns = flat.shape
        _forward[(triton.cdiv(columns, BLOCK),)](
            flat,
            membrane,
            held,
            spikes,
            scalars,
            steps,
            columns,
            STAYS=rule.stays,
            DROPS=rule.drops,
            REFRACTORY=rule.refractory,
            KEEP=trains,
            BLOCK=BLOCK,
            **_EXACT,
        )
        ctx.save_for_backward(membrane, held, scalars)
        ctx.rule = rule
        ctx.kinds = beta, threshold
        return spikes.view(currents.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        once(ctx)
        membrane, held, scalars = ctx.saved_tensors
        rule: Rule = ctx.rule
        flat = gradients[0].reshape(membrane.shape).contiguous()
        steps, columns = flat.shape
        sums = flat.new_empty(2, columns)
        steepness = rule.slope * math.pi / 2 if rule.surrogate == "atan" else rule.slope
        _backward[(triton.cdiv(columns, BLOCK),)](
            flat,
            membrane,
            held,
            sums,
            scalars,
            steps,
            columns,
            steepness,
            STAYS=rule.stays,
            DROPS=rule.drops,
            REFRACTORY=rule.refractory,
            CODE=rule.code,
            BLOCK=BLOCK,
            **_EXACT,
        )
        of_beta, of_threshold = (
            total.to(kind).view_as(kind)
            for total, kind in zip(sums.double().sum(1), ctx.kinds, strict=True)
        )
        return membrane.view(gradients[0].shape), of_beta, of_threshold, None


_EXACT: dict[str, Any] = {} if INTERPRETED else {"enable_fp_fusion": False}


def lif(
    currents: torch.Tensor, beta: torch.Tensor, threshold: torch.Tensor, rule: Rule
) -> torch.Tensor:
    """Map float32 currents (time, ...) to spikes, from rest; see `spikesound.snn.kernels.lif`."""
    if not currents.numel():
        return currents.clone()
    spikes: torch.Tensor = _LIF.apply(currents, beta, threshold, rule)
    return spikes
