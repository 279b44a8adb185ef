"""The labels of many clips as numbers in one array, so that millions are counted in a moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

CODED = pa.list_(pa.dictionary(pa.int32(), pa.string()))
"""Lists of labels that take little memory, for tables on the way."""

_BLOCK_CLIPS = 100_000


@dataclass(frozen=True)
class LabelSets:
    """A set of labels for each clip.

    Attributes
    ----------
    names
        Sorted ids of labels; a label's code is its place here.
    codes
        Of all clips' labels, one clip after the other, ascending in each [shape=(all,)].
    offsets
        Where each clip's codes begin, and at the end their number [shape=(clips + 1,)].
    """

    names: list[str]
    codes: NDArray[np.int32]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, labels: pa.ChunkedArray) -> LabelSets:
        """Read the column of a table: lists of texts, plain or CODED."""
        encoded = [_encoded(chunk.flatten()) for chunk in labels.chunks]
        names = sorted({name for each in encoded for name in each.dictionary.to_pylist()})
        values = pa.array(names, pa.string())
        codes = [np.zeros(0, np.int32)]
        for each in encoded:
            code_of = pc.index_in(each.dictionary, values).to_numpy().astype(np.int32)
            codes.append(code_of[each.indices.to_numpy()])
        sizes = pc.list_value_length(labels).to_numpy()
        return cls(names, np.concatenate(codes), _ends(sizes))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """The number of labels of each clip."""
        return np.diff(self.offsets)

    def counts(self) -> NDArray[np.int64]:
        """Return the number of clips that have each label, in the order of ``names``."""
        return np.bincount(self.codes, minlength=len(self.names))

    def mask(self, labels: Collection[str]) -> NDArray[np.bool_]:
        """Return which of ``names`` are among these."""
        return np.array([name in labels for name in self.names], bool)

    def only(self, wanted: NDArray[np.bool_]) -> LabelSets:
        """Take from each clip the labels that are not wanted; it may be left with none."""
        sizes = [np.zeros(0, np.int64)]
        for part in self.blocks():
            sizes.append(np.diff(_ends(wanted[part.codes])[part.offsets]))
        return LabelSets(self.names, self.codes[wanted[self.codes]], _ends(np.concatenate(sizes)))

    def take(self, clips: NDArray[np.integer[Any]]) -> LabelSets:
        """Return the sets of these clips."""
        sizes = self.sizes[clips]
        offsets = _ends(sizes)
        codes = np.empty(offsets[-1], np.int32)
        for start in range(0, len(clips), _BLOCK_CLIPS):
            here = slice(start, start + _BLOCK_CLIPS)
            first, last = offsets[start], offsets[min(start + _BLOCK_CLIPS, len(clips))]
            move = np.repeat(self.offsets[clips[here]] - offsets[:-1][here], sizes[here])
            codes[first:last] = self.codes[np.arange(first, last) + move]
        return LabelSets(self.names, codes, offsets)

    def lowest(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the lowest of each clip's values, given one for each label; none may be empty."""
        if not len(self):
            return np.zeros(0, np.int64)
        return np.minimum.reduceat(values[self.codes], self.offsets[:-1])

    def in_order(self) -> LabelSets:
        """Sort each clip's labels, and take each once, where a list was read that is not so."""
        return self.widened({name: [name] for name in self.names})

    def widened(self, wider: dict[str, Collection[str]]) -> LabelSets:
        """Replace each label by several; a clip has each of them once."""
        names = sorted({name for each in wider.values() for name in each})
        code = {name: number for number, name in enumerate(names)}
        lists = [[code[name] for name in wider[label]] for label in self.names]
        table = np.array([number for each in lists for number in each], np.int32)
        several = LabelSets(names, table, _ends([len(each) for each in lists]))
        blocks = [_union(part, several) for part in self.blocks()]
        codes = np.concatenate([np.zeros(0, np.int32), *(codes for codes, _ in blocks)])
        sizes = np.concatenate([np.zeros(0, np.int64), *(sizes for _, sizes in blocks)])
        return LabelSets(names, codes, _ends(sizes))

    def pairs(self) -> NDArray[np.int64]:
        """Count the clips that have both of two labels [shape=(labels, labels), upper triangle]."""
        width = len(self.names)
        counts = np.zeros(width * width, np.int64)
        for part in self.blocks():
            at = np.arange(len(part.codes))
            end = np.repeat(part.offsets[1:], part.sizes)
            for apart in range(1, int(part.sizes.max(initial=0))):
                at = at[at + apart < end[at]]
                both = part.codes[at].astype(np.int64) * width + part.codes[at + apart]
                counts += np.bincount(both, minlength=width * width)
        return counts.reshape(width, width)

    def column(self) -> pa.ChunkedArray:
        """Return the column of a table."""
        values = pa.array(self.names, pa.string())
        parts = [
            pa.ListArray.from_arrays(
                pa.array(part.offsets, pa.int32()), values.take(pa.array(part.codes))
            )
            for part in self.blocks()
        ]
        return pa.chunked_array(parts, pa.list_(pa.string()))

    def coded(self) -> pa.ListArray:
        """Return the column as CODED."""
        values = pa.DictionaryArray.from_arrays(self.codes, pa.array(self.names, pa.string()))
        return pa.ListArray.from_arrays(pa.array(self.offsets, pa.int32()), values)

    def blocks(self) -> Iterator[LabelSets]:
        """Yield the sets in batches of clips, which bounds the memory of what is made of them."""
        for start in range(0, len(self), _BLOCK_CLIPS):
            offsets = self.offsets[start : start + _BLOCK_CLIPS + 1]
            codes = self.codes[offsets[0] : offsets[-1]]
            yield LabelSets(self.names, codes, offsets - offsets[0])


def _encoded(values: pa.Array) -> pa.DictionaryArray:
    return values if pa.types.is_dictionary(values.type) else values.dictionary_encode()


def _ends(sizes: ArrayLike) -> NDArray[np.int64]:
    sizes = np.asarray(sizes)
    ends = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=ends[1:])
    return ends


def _union(part: LabelSets, several: LabelSets) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the codes of one block widened, and how many each clip has."""
    width = len(several.names)
    wide = several.take(part.codes)
    clip = np.repeat(np.repeat(np.arange(len(part)), part.sizes), wide.sizes)
    pairs = np.sort(clip * width + wide.codes)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    codes = (pairs % width).astype(np.int32)
    return codes, np.bincount(pairs // width, minlength=len(part))
