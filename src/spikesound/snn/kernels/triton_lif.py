"""Leaky integrate-and-fire on a CUDA device: one pass over time forward, one backward.

Each program holds a block of columns in registers and goes through time. Currents, spikes and
gradients are float32, float16 or bfloat16; the potential and all sums are float32 in any case. With
``TRITON_INTERPRET=1`` set before the import, triton runs the same code on the processor: slow, but
enough to test it. Fused multiply-add is off, so that potentials round as in the plain loop.

A step is a few instructions, and a load from memory takes hundreds of cycles: the loads of the next
:data:`AHEAD` steps are always under way. The loop over time is unrolled by as many steps, so that a
value is used in the register it was loaded into; a copy to another would wait for it.
"""

from __future__ import annotations

import math
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, no_type_check

import torch
import triton
import triton.language as tl

from spikesound.snn.kernels.memory_order import flattened, memory_order, shaped
from spikesound.snn.kernels.rule import Rule, once

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
AHEAD = 8
"""Steps whose loads are under way."""

BLOCKS = (256, 128, 64, 32)
"""Columns of a program; a warp has 32 threads, so that fewer would leave some of them idle."""

WARPS = 4
"""Warps of a program at most: a multiprocessor has four schedulers, and each takes one a cycle."""


@triton.jit
@no_type_check
def _forward(
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
    AHEAD: tl.constexpr,
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < columns
    stride = tl.cast(columns, tl.int64)  # not columns.to: 1 is a constant
    beta = tl.load(scalars)
    threshold = tl.load(scalars + 1)
    u = tl.zeros([BLOCK], tl.float32)
    wait = tl.zeros([BLOCK], tl.int32)
    coming = ()
    for step in tl.static_range(AHEAD):
        mask = inside & (step < steps)
        new = tl.load(currents + at + step * stride, mask=mask, other=0.0)
        coming = coming + (new,)  # noqa: RUF005 (triton unpacks no tuples)
    for start in range(0, steps, AHEAD):
        for step in tl.static_range(AHEAD):
            current = coming[0].to(tl.float32)
            holds = wait > 0
            before = (u > threshold) & (wait == REFRACTORY)
            kept = tl.where(before, u * STAYS, u)
            lost = tl.where(before, threshold * DROPS, 0.0)
            u = tl.where(holds, kept - lost, beta * kept + current - lost)
            fires = (u > threshold) & (wait <= 0)
            mask = inside & (start + step + AHEAD < steps)
            new = tl.load(currents + at + AHEAD * stride, mask=mask, other=0.0)
            coming = coming[1:] + (new,)  # noqa: RUF005
            mask = inside & (start + step < steps)
            tl.store(spikes + at, fires.to(tl.float32).to(spikes.dtype.element_ty), mask=mask)
            if KEEP:
                tl.store(membrane + at, u, mask=mask)
                if REFRACTORY > 0:
                    tl.store(held + at, holds.to(tl.uint8), mask=mask)
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
def _loaded(  # type: ignore[no-untyped-def]
    gradient, membrane, held, at, columns, inside, step, REFRACTORY: tl.constexpr
):
    """Return the gradient of a step, and potential and hold of the step before; at rest: 0, 1."""
    then = inside & (step >= 0)
    before = inside & (step > 0)
    g = tl.load(gradient + at, mask=then, other=0.0)
    last = tl.load(membrane + at - columns, mask=before, other=0.0)
    held_before = tl.load(held + at - columns, mask=before, other=1) if REFRACTORY > 0 else 0
    return g, last, held_before


@triton.jit
@no_type_check
def _backward(
    gradient,
    membrane,
    held,
    out,
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
    AHEAD: tl.constexpr,
):
    column = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    stride = tl.cast(columns, tl.int64)  # not columns.to: 1 is a constant
    beta = tl.load(scalars)
    threshold = tl.load(scalars + 1)
    carry = tl.zeros([BLOCK], tl.float32)
    of_beta = tl.zeros([BLOCK], tl.float32)
    of_threshold = tl.zeros([BLOCK], tl.float32)
    at = column + (steps - 1) * stride
    u = tl.load(membrane + at, mask=inside, other=0.0)
    holds = column < 0
    if REFRACTORY > 0:
        holds = tl.load(held + at, mask=inside, other=0) > 0
    coming = ()
    for back in tl.static_range(AHEAD):
        step = steps - 1 - back
        there = at - back * stride
        loaded = _loaded(gradient, membrane, held, there, stride, inside, step, REFRACTORY)
        coming = coming + (loaded,)  # noqa: RUF005
    for start in range(0, steps, AHEAD):
        for back in tl.static_range(AHEAD):
            step = steps - 1 - start - back  # below 0 in the last round: all loads give rest
            g = coming[0][0].to(tl.float32)
            last = coming[0][1]
            before = last > threshold
            if REFRACTORY > 0:
                held_before = coming[0][2] > 0
                before = before & (coming[0][2] == 0)
            by_spike = tl.where(holds, 0.0, g * _slope_at(u - threshold, steepness, CODE))
            total = carry + by_spike
            factor = tl.where(before, STAYS, 1.0)
            of_beta += tl.where(holds, 0.0, total * factor * last)
            of_threshold -= by_spike + tl.where(before, total * DROPS, 0.0)
            carry = total * factor * tl.where(holds, 1.0, beta)
            there = at - AHEAD * stride
            loaded = _loaded(
                gradient, membrane, held, there, stride, inside, step - AHEAD, REFRACTORY
            )
            coming = coming[1:] + (loaded,)  # noqa: RUF005
            # May lie in the place of the potential, which no later step needs.
            moved = tl.where(holds, 0.0, total).to(out.dtype.element_ty)
            tl.store(out + at, moved, mask=inside & (step >= 0))
            u = last
            if REFRACTORY > 0:
                holds = held_before
            at -= columns
    tl.store(sums + column, of_beta, mask=inside)
    tl.store(sums + columns + column, of_threshold, mask=inside)


def block_of(columns: int, multiprocessors: int) -> int:
    """Return the columns of a program.

    They are as many as leave four programs a multiprocessor, one for each of its schedulers; of a
    network too small for that, as few as possible, so that the programs lie on more of them.
    """
    wanted = WARPS * multiprocessors
    fitting = (block for block in BLOCKS if triton.cdiv(columns, block) >= wanted)
    return next(fitting, BLOCKS[-1])


def _options(flat: torch.Tensor) -> dict[str, Any]:
    """Return sizes of a launch over (time, column), and how it is compiled."""
    device, count = flat.device, 1
    if device.type == "cuda":
        count = torch.cuda.get_device_properties(device).multi_processor_count
    block = block_of(flat.shape[1], count)
    options: dict[str, Any] = {"BLOCK": block, "AHEAD": AHEAD, "num_warps": min(WARPS, block // 32)}
    if not INTERPRETED:
        options["enable_fp_fusion"] = False
    return options


def _current(device: torch.device) -> AbstractContextManager[Any]:
    """Make a device the current one, on which triton launches, whatever the tensors lie on."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


class _LIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, currents: torch.Tensor, beta: torch.Tensor, threshold: torch.Tensor, rule: Rule
    ) -> torch.Tensor:
        order = memory_order(currents)
        flat = flattened(currents.detach(), order)
        trains = any(ctx.needs_input_grad)
        membrane = flat.new_empty(flat.shape if trains else 1, dtype=torch.float32)
        kept = trains and rule.refractory > 0
        held = torch.empty(flat.shape if kept else 1, dtype=torch.uint8, device=flat.device)
        spikes = torch.empty_like(flat)
        scalars = torch.stack([each.detach().reshape(()).float() for each in (beta, threshold)])
        scalars = scalars.to(flat.device)
        steps, columns = flat.shape
        options = _options(flat)
        with _current(flat.device):
            _forward[(triton.cdiv(columns, options["BLOCK"]),)](
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
                **options,
            )
        ctx.save_for_backward(membrane, held, scalars)
        ctx.rule, ctx.order = rule, order
        ctx.kinds = beta, threshold
        return shaped(spikes, currents.shape, order)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        once(ctx)
        membrane, held, scalars = ctx.saved_tensors
        rule: Rule = ctx.rule
        flat = flattened(gradients[0], ctx.order)
        steps, columns = flat.shape
        out = membrane if flat.dtype == membrane.dtype else torch.empty_like(flat)
        sums = membrane.new_empty(2, columns)
        steepness = rule.slope * math.pi / 2 if rule.surrogate == "atan" else rule.slope
        options = _options(flat)
        with _current(flat.device):
            _backward[(triton.cdiv(columns, options["BLOCK"]),)](
                flat,
                membrane,
                held,
                out,
                sums,
                scalars,
                steps,
                columns,
                steepness,
                STAYS=rule.stays,
                DROPS=rule.drops,
                REFRACTORY=rule.refractory,
                CODE=rule.code,
                **options,
            )
        of_beta, of_threshold = (
            total.to(kind).view_as(kind)
            for total, kind in zip(sums.double().sum(1), ctx.kinds, strict=True)
        )
        return shaped(out, gradients[0].shape, ctx.order), of_beta, of_threshold, None


def lif(
    currents: torch.Tensor, beta: torch.Tensor, threshold: torch.Tensor, rule: Rule
) -> torch.Tensor:
    """Map currents (time, ...) to spikes of the same type, from rest; see `.lif.lif`."""
    if not currents.numel():
        return currents.clone()
    spikes: torch.Tensor = _LIF.apply(currents, beta, threshold, rule)
    return spikes
