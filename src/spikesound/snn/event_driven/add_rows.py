"""Adding up rows of weights whose width is known when compiling: the sums stay in registers.

A loop over a row of 16 or 32 weights costs more than the additions in it. So the sum of 128, 64,
32 or 16 columns is one vector of that width, which the compiler puts into as many registers as the
processor needs for it, and only the loop over rows is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from spikesound.snn.kernels.compiled import inlined
from spikesound.snn.kernels.numba_lif import Floats, Ints

LANES = 16
"""The narrowest sum; rows must be a multiple of it."""
CHAINS = 64
"""Narrow sums are kept several times over, in this width: each waits for the addition before it."""

RUN = 16
"""Numbers of rows that are copied at once; arrays of them are longer by this number."""


@intrinsic  # type: ignore[untyped-decorator]
def copy_run(typingctx: Any, source: Any, first: Any, shift: Any, target: Any, at: Any) -> Any:
    """Copy ``RUN`` numbers from element ``first`` on to element ``at`` on, each plus ``shift``.

    All are copied, wanted or not: how many there are cannot be foreseen, and a wrong guess costs
    the processor more than a run.
    """
    vector = ir.VectorType(ir.IntType(32), RUN)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, begin, offset, _, place = arguments
        old, new = (
            context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 3)
        )
        read, write = (
            builder.bitcast(builder.gep(data, [k]), vector.as_pointer())
            for data, k in ((old.data, begin), (new.data, place))
        )
        one = builder.trunc(offset, ir.IntType(32))
        lane = ir.Constant(ir.IntType(32), 0)
        alone = builder.insert_element(ir.Constant(vector, ir.Undefined), one, lane)
        every = ir.Constant(ir.VectorType(ir.IntType(32), RUN), [0] * RUN)
        spread = builder.shuffle_vector(alone, ir.Constant(vector, ir.Undefined), every)
        builder.store(builder.add(builder.load(read, align=4), spread), write, align=4)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(source, whole, whole, target, whole), generate


def _adder(width: int) -> Callable[..., None]:
    """Make ``add(active, first, last, shift, weights, low, out, at)`` for a number of columns."""
    chains = max(1, CHAINS // width)
    vector = ir.VectorType(ir.FloatType(), width)
    index = ir.IntType(64)

    @intrinsic  # type: ignore[untyped-decorator]
    def add(
        typingctx: Any,
        active: Any,
        first: Any,
        last: Any,
        shift: Any,
        weights: Any,
        low: Any,
        out: Any,
        at: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, begin, end, offset, _, column, _, place = arguments
            kinds = signature.args
            numbers, rows, sums = (
                context.make_array(kinds[k])(context, builder, arguments[k]) for k in (0, 4, 6)
            )
            stride = cgutils.unpack_tuple(builder, rows.shape, 2)[1]

            def vector_at(data: Any, element: Any) -> Any:
                return builder.bitcast(builder.gep(data, [element]), vector.as_pointer())

            def row(k: Any) -> Any:
                number = builder.sext(builder.load(builder.gep(numbers.data, [k])), index)
                start = builder.add(builder.mul(builder.add(number, offset), stride), column)
                return builder.load(vector_at(rows.data, start), align=4)

            def add_to(total: Any, k: Any) -> None:
                builder.store(builder.fadd(builder.load(total), row(k)), total)

            target = vector_at(sums.data, place)
            totals = [cgutils.alloca_once(builder, vector) for _ in range(chains)]
            builder.store(builder.load(target, align=4), totals[0])
            for total in totals[1:]:
                builder.store(ir.Constant(vector, [0.0] * width), total)
            ahead = ir.Constant(index, chains)
            count = builder.sub(end, begin)
            whole = builder.add(begin, builder.sub(count, builder.srem(count, ahead)))
            with cgutils.for_range_slice(builder, begin, whole, ahead, index) as (k, _):
                for number, total in enumerate(totals):
                    add_to(total, builder.add(k, ir.Constant(index, number)))
            if chains > 1:
                step = ir.Constant(index, 1)
                with cgutils.for_range_slice(builder, whole, end, step, index) as (k, _):
                    add_to(totals[0], k)
            while len(totals) > 1:
                half = len(totals) // 2
                for one, other in zip(totals[:half], totals[half:], strict=True):
                    builder.store(builder.fadd(builder.load(one), builder.load(other)), one)
                totals = totals[:half]
            builder.store(builder.load(totals[0]), target, align=4)
            return context.get_dummy_value()

        whole_number = types.int64
        return (
            types.void(
                active,
                whole_number,
                whole_number,
                whole_number,
                weights,
                whole_number,
                out,
                whole_number,
            ),
            generate,
        )

    return cast(Callable[..., None], add)


_ADD_128 = _adder(128)
_ADD_64 = _adder(64)
_ADD_32 = _adder(32)
_ADD_16 = _adder(16)


@inlined
def add_rows(
    active: Ints, first: int, last: int, shift: int, weights: Floats, out: Floats, at: int
) -> None:
    """Add the rows ``active[first:last] + shift`` to ``out``, from its element ``at`` on.

    ``weights`` (row, column) is contiguous, its columns a multiple of ``LANES``; all arrays are as
    long as these numbers say, which is not looked at. The order of additions depends on the number
    of rows and columns alone.
    """
    columns = weights.shape[1]
    low = 0
    while columns - low >= 128:
        _ADD_128(active, first, last, shift, weights, low, out, at + low)
        low += 128
    if columns - low >= 64:
        _ADD_64(active, first, last, shift, weights, low, out, at + low)
        low += 64
    if columns - low >= 32:
        _ADD_32(active, first, last, shift, weights, low, out, at + low)
        low += 32
    if columns - low >= 16:
        _ADD_16(active, first, last, shift, weights, low, out, at + low)
