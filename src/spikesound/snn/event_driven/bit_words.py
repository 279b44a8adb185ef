"""Spikes as bits of 64-bit words: quick to scan for the few that are set.

An array (..., unit) of spikes becomes words (..., ceil(unit / 64)); unit ``64 w + b`` is bit ``b``
(from the lowest) of word ``w``. One thirty-second of float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from spikesound.snn.kernels.compiled import parallel, prange, serial

Words = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]

BITS = 64

STRIPS = 64
"""Parts in which rows are shared out among threads."""


def words_for(units: int) -> int:
    """Return the number of words that hold a number of spikes."""
    return -(-units // BITS)


@intrinsic  # type: ignore[untyped-decorator]
def lowest_bit(typingctx: Any, word: Any) -> Any:
    """Return the number of the lowest set bit of a word that is not zero: one instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def bits_set(typingctx: Any, word: Any) -> Any:
    """Return how many bits of a word are set: one instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@serial
def count_set(words: Words) -> int:
    """Return how many units spiked."""
    total = 0
    for w in range(len(words)):
        total += int(bits_set(words[w]))
    return total


@intrinsic  # type: ignore[untyped-decorator]
def lowest_bits_of_64(typingctx: Any, values: Any, start: Any) -> Any:
    """Return the word of the lowest bits of 64 bytes from ``start``: a few vector instructions."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        first = builder.gep(array.data, [arguments[1]])
        vector = ir.VectorType(ir.IntType(8), BITS)
        loaded = builder.load(builder.bitcast(first, vector.as_pointer()), align=1)
        bits = builder.trunc(loaded, ir.VectorType(ir.IntType(1), BITS))
        return builder.bitcast(bits, ir.IntType(64))

    return types.uint64(values, types.intp), generate


@serial
def pack_bytes(spiked: Bytes, out: Words) -> None:
    """Pack bytes 0 or 1, a whole number of words of them, into words."""
    for w in range(len(out)):
        out[w] = lowest_bits_of_64(spiked, w * BITS)


@serial
def find_set(words: Words, out: npt.NDArray[np.int32]) -> int:
    """Write the numbers of the units that spiked into ``out``, rising; return how many."""
    count = 0
    for w in range(len(words)):
        word = words[w]
        while word != np.uint64(0):
            out[count] = w * BITS + int(lowest_bit(word))
            count += 1
            word &= word - np.uint64(1)
    return count


@serial
def _pack_row(spikes: npt.NDArray[Any], spiked: Bytes, out: Words) -> int:
    other = 0
    count = 0
    for j in range(len(spikes)):
        spiked[j] = spikes[j] != 0
        count += spiked[j]
        other += (spikes[j] != 0) & (spikes[j] != 1)
    pack_bytes(spiked, out)
    return -1 if other else count


@serial
def pack_serial(spikes: npt.NDArray[Any], out: Words) -> int:
    """Do as :func:`pack_parallel` on one thread."""
    spiked = np.zeros(out.shape[1] * BITS, np.uint8)
    total = 0
    for row in range(len(spikes)):
        count = _pack_row(spikes[row], spiked, out[row])
        if count < 0:
            return -1
        total += count
    return total


def pack_parallel(spikes: npt.NDArray[Any], out: Words) -> int:
    """Pack spikes (row, unit) of any type into words (row, word).

    Returns
    -------
    int
        how many spikes there are; -1 if a value is neither 0 nor 1
    """
    counts = np.empty(STRIPS, np.int64)
    _pack_strips(spikes, out, counts)
    return -1 if counts.min() < 0 else int(counts.sum())


@parallel
def _pack_strips(spikes: npt.NDArray[Any], out: Words, counts: npt.NDArray[np.int64]) -> None:
    for strip in prange(STRIPS):
        low = strip * len(spikes) // STRIPS
        high = (strip + 1) * len(spikes) // STRIPS
        counts[strip] = pack_serial(spikes[low:high], out[low:high])


def unpack(words: Words, units: int) -> npt.NDArray[np.float32]:
    """Undo the packing: words (row, word) to float32 (row, unit)."""
    little = words.astype("<u8", copy=False).view(np.uint8)
    bits = np.unpackbits(little, axis=-1, count=units, bitorder="little")
    return bits.astype(np.float32)
